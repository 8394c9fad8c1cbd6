/**
 * The contract for sites and meters that an operator removed, and organisations whose data are being deleted.
 *
 * A removed meter is neither shown nor expected to report. Completeness up to its removal is judged as before. If it
 * reports again, it is shown again, because its last report is newer than its removal.
 */

/** A meter and the time of its newest report. */
export interface HeardMeter {
  readonly siteId: number
  readonly meterId: string
  /** By the server's clock. */
  readonly receivedMs: number
}

/** When the meter or its site was removed, if that was after its newest report; else undefined. */
export type RemovedMs = (meter: HeardMeter) => number | undefined

export interface Removals {
  /** Marks a closed site, or one of its meters, as removed. @param meterId undefined: the whole site */
  add(orgId: string, siteId: number, meterId: string | undefined, atMs: number): Promise<void>
  of(orgId: string): Promise<RemovedMs>
  /** Removed organisations whose data may still be stored, also after a restart. */
  going(): Promise<string[]>
}

export interface RemovalMark {
  readonly siteId: number
  /** '' means the whole site. */
  readonly meterId: string
  readonly atMs: number
}

export function removedBy(marks: readonly RemovalMark[]): RemovedMs {
  const at = new Map(marks.map((mark) => [`${mark.siteId}/${mark.meterId}`, mark.atMs]))
  return ({ siteId, meterId, receivedMs }) => {
    const own = [at.get(`${siteId}/`), at.get(`${siteId}/${meterId}`)]
    const since = own.filter((ms) => ms !== undefined && receivedMs <= ms)
    return since.length === 0 ? undefined : Math.min(...(since as number[]))
  }
}
