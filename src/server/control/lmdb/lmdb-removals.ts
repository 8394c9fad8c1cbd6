/**
 * Sites and meters that an operator removed, and organisations whose data are being deleted.
 *
 *   removed  [orgId, siteId, meterId] -> ISO time; meterId '' means the whole site, siteId 0 the whole organisation
 *
 * A removed meter is neither shown nor expected to report. Completeness up to its removal is judged as before. If it
 * reports again, it is shown again, because its last report is newer than its removal.
 */
import type { Database, RootDatabase } from 'lmdb'

type Place = [orgId: string, siteId: number, meterId: string]

/** A meter and the time of its newest report. */
export interface HeardMeter {
  readonly siteId: number
  readonly meterId: string
  /** By the server's clock. */
  readonly receivedMs: number
}

export class Removals {
  readonly #removed: Database<string, Place>

  constructor(root: RootDatabase) {
    this.#removed = root.openDB<string, Place>('removed', { encoding: 'json' })
  }

  /** Call in a transaction, as begin() and finish(). @param meterId undefined: the whole site */
  add(orgId: string, siteId: number, meterId: string | undefined, atMs: number): void {
    this.#removed.put([orgId, siteId, meterId ?? ''], new Date(atMs).toISOString())
  }

  /** When the meter or its site was removed, if that was after its newest report; else undefined. */
  of(orgId: string): (meter: HeardMeter) => number | undefined {
    const marks = new Map<string, number>()
    for (const { key, value } of this.#removed.getRange(allOf(orgId)))
      marks.set(`${key[1]}/${key[2]}`, Date.parse(value))
    return ({ siteId, meterId, receivedMs }) => {
      const own = [marks.get(`${siteId}/`), marks.get(`${siteId}/${meterId}`)]
      const since = own.filter((at) => at !== undefined && receivedMs <= at)
      return since.length === 0 ? undefined : Math.min(...(since as number[]))
    }
  }

  /** Marks an organisation whose stored data are to be deleted. */
  begin(orgId: string, atMs: number): void {
    for (const key of [...this.#removed.getKeys(allOf(orgId))]) this.#removed.remove(key)
    this.add(orgId, 0, undefined, atMs)
  }

  finish(orgId: string): void {
    this.#removed.remove([orgId, 0, ''])
  }

  isGoing(orgId: string): boolean {
    return this.#removed.get([orgId, 0, '']) !== undefined
  }

  /** Removed organisations whose data may still be stored, also after a restart. */
  going(): string[] {
    return [...this.#removed.getKeys()].filter(([, siteId]) => siteId === 0).map(([orgId]) => orgId)
  }
}

function allOf(orgId: string): { start: Place; end: Place } {
  return { start: [orgId, 1, ''], end: [orgId, Number.MAX_SAFE_INTEGER, ''] }
}
