/**
 * What an operator has removed: sites, meters, and organisations that are being deleted.
 *
 *   removed  [orgId, siteId, meterId] -> ISO time; the meter '' is the whole site, and the site 0 the whole organisation
 *
 * A removed meter is not shown and not asked for any more; what it metered until then stays judged as before. It is there
 * again when it reports again: its last report then came after it was removed.
 */
import type { Database, RootDatabase } from 'lmdb'

type Place = [orgId: string, siteId: number, meterId: string]

/** A meter by its newest report. */
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

  /** In a transaction, as forget() and finish(). @param meterId without one: all of the site */
  add(orgId: string, siteId: number, meterId: string | undefined, atMs: number): void {
    this.#removed.put([orgId, siteId, meterId ?? ''], new Date(atMs).toISOString())
  }

  /** When the meter, or its site, was removed since it was heard last; undefined: it was not. */
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

  /** The organisation is gone, and what is stored of it is to go. */
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

  /** Organisations of which something may still be stored: a server that was killed goes on deleting. */
  going(): string[] {
    return [...this.#removed.getKeys()].filter(([, siteId]) => siteId === 0).map(([orgId]) => orgId)
  }
}

function allOf(orgId: string): { start: Place; end: Place } {
  return { start: [orgId, 1, ''], end: [orgId, Number.MAX_SAFE_INTEGER, ''] }
}
