/**
 * Removals in the lmdb file:
 *
 *   removed  [orgId, siteId, meterId] -> ISO time; meterId '' means the whole site, siteId 0 the whole organisation
 */
import type { Database, RootDatabase } from 'lmdb'
import { type Removals, type RemovedMs, removedBy } from '../removals.js'
import { commitFault } from './control-file.js'

type Place = [orgId: string, siteId: number, meterId: string]

export class LmdbRemovals implements Removals {
  readonly #root: RootDatabase
  readonly #removed: Database<string, Place>

  constructor(root: RootDatabase) {
    this.#root = root
    this.#removed = root.openDB<string, Place>('removed', { encoding: 'json' })
  }

  /** @throws AppError STORE_FULL, DATA_UNUSABLE */
  async add(orgId: string, siteId: number, meterId: string | undefined, atMs: number) {
    try {
      this.#root.transactionSync(() => this.#put([orgId, siteId, meterId ?? ''], atMs))
    } catch (error) {
      throw commitFault(error)
    }
  }

  #put(place: Place, atMs: number): void {
    this.#removed.put(place, new Date(atMs).toISOString())
  }

  async of(orgId: string): Promise<RemovedMs> {
    const marks = this.#removed.getRange(allOf(orgId)).map(({ key, value }) => ({
      siteId: key[1],
      meterId: key[2],
      atMs: Date.parse(value),
    }))
    return removedBy([...marks])
  }

  /** Marks an organisation whose stored data are to be deleted. Call in a transaction, as finish(). */
  begin(orgId: string, atMs: number): void {
    for (const key of [...this.#removed.getKeys(allOf(orgId))]) this.#removed.remove(key)
    this.#put([orgId, 0, ''], atMs)
  }

  finish(orgId: string): void {
    this.#removed.remove([orgId, 0, ''])
  }

  isGoing(orgId: string): boolean {
    return this.#removed.get([orgId, 0, '']) !== undefined
  }

  async going(): Promise<string[]> {
    return [...this.#removed.getKeys()].filter(([, siteId]) => siteId === 0).map(([orgId]) => orgId)
  }
}

function allOf(orgId: string): { start: Place; end: Place } {
  return { start: [orgId, 1, ''], end: [orgId, Number.MAX_SAFE_INTEGER, ''] }
}
