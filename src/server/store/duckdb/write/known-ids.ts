/**
 * The exact set of stored session ids, without an index. A session that was erased while it was open counts as ended,
 * so later reports of it are not stored.
 *
 * A run's sequences are dense (1, 2, 3, ... in order of opening), so two bits for each are enough: ended, open.
 *
 *   run key -> pages of PAGE_BITS sequences -> { ended bits, open bits }
 *
 * A page is read from the tables at its first use, and cached. Most runs need only their newest page or two: 20 M
 * sessions of one run are 10,000 pages, of which only the newest are loaded. A page beyond a run's highest is empty and
 * needs no query, so a meter that continues its run costs none.
 *
 * Invariants: a cached page equals the tables, including the open transaction. After a rollback all pages are dropped.
 * A run's highest page is never below that of the tables, because all ids are loaded here before they are written.
 * After a deletion it may be above, which costs only a query.
 *
 * Limits: PAGES_MAX pages (about 40 MiB), RUNS_MAX runs. A meter that scatters its sequences causes more queries, but
 * does not use more memory.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { LRUCache } from 'lru-cache'
import { int, literal, rowsOf } from '../database.js'

export const PAGE_BITS = 2048
const WORDS = PAGE_BITS / 32
export const PAGES_MAX = 65_536
/** Pages in one slab of 16 KiB. */
const SLAB_PAGES = 32
export const RUNS_MAX = 16_384

export interface Page {
  readonly ended: Uint32Array
  readonly open: Uint32Array
}

export interface PageId {
  readonly orgId: string
  readonly siteId: number
  readonly run: string
  readonly page: number
}

export function pageOf(sequence: number): number {
  return Math.floor(sequence / PAGE_BITS)
}
export function has(bits: Uint32Array, sequence: number): boolean {
  const bit = sequence % PAGE_BITS
  return (bits[bit >>> 5]! & (1 << (bit & 31))) !== 0
}
export function set(bits: Uint32Array, sequence: number): void {
  const bit = sequence % PAGE_BITS
  bits[bit >>> 5]! |= 1 << (bit & 31)
}
export function unset(bits: Uint32Array, sequence: number): void {
  const bit = sequence % PAGE_BITS
  bits[bit >>> 5]! &= ~(1 << (bit & 31))
}

function keyOf(id: PageId): string {
  return `${id.orgId}/${id.siteId}/${id.run}/${id.page}`
}

function runKeyOf({ orgId, siteId, run }: Omit<PageId, 'page'>): string {
  return `${orgId}/${siteId}/${run}`
}

/** Memory for the bits of many pages. One array for each page would make the garbage collector take seconds. */
class Slab {
  #left: number
  #words = new Uint32Array(0)
  #at = 0

  constructor(pages: number) {
    this.#left = pages * 2 * WORDS
  }

  take(): Uint32Array {
    if (this.#at === this.#words.length) {
      this.#words = new Uint32Array(Math.min(this.#left, SLAB_PAGES * 2 * WORDS))
      this.#left -= this.#words.length
      this.#at = 0
    }
    this.#at += WORDS
    return this.#words.subarray(this.#at - WORDS, this.#at)
  }
}

interface Run {
  highestPage: number
  /** The meter that reported the run first; null: the run has no stored session. */
  meterId: string | null
}

export class KnownIds {
  readonly #pages: LRUCache<string, Page>
  readonly #runs: LRUCache<string, Run>
  readonly #connection: DuckDBConnection

  constructor(connection: DuckDBConnection, pagesMax = PAGES_MAX, runsMax = RUNS_MAX) {
    this.#connection = connection
    this.#pages = new LRUCache({ max: pagesMax })
    this.#runs = new LRUCache({ max: runsMax })
  }

  /**
   * The pages of these ids, loaded if needed. They stay valid for the caller even if the cache drops them, because a
   * group of batches holds all its pages.
   */
  async load(ids: ReadonlyMap<string, PageId>): Promise<Map<string, Page>> {
    const pages = new Map<string, Page>()
    const missing = new Map<string, PageId>()
    for (const [key, id] of ids) {
      const page = this.#pages.get(key)
      if (page !== undefined) pages.set(key, page)
      else missing.set(key, id)
    }
    await this.#findRuns([...ids.values()])
    if (missing.size > 0) await this.#loadMissing(missing, pages)
    for (const id of ids.values()) this.#raiseHighest(id)
    return pages
  }

  /** Loads pages into `pages`. */
  async #loadMissing(
    missing: ReadonlyMap<string, PageId>,
    pages: Map<string, Page>,
  ): Promise<void> {
    const slab = new Slab(missing.size)
    for (const [key] of missing) pages.set(key, { ended: slab.take(), open: slab.take() })
    const stored = new Map([...missing].filter(([, id]) => this.#mayBeStored(id)))
    if (stored.size > 0) {
      await this.#fill('session', 'ended', stored, pages)
      await this.#fill('erased_session', 'ended', stored, pages)
      await this.#fill('session_open', 'open', stored, pages)
    }
    for (const key of missing.keys()) this.#pages.set(key, pages.get(key)!)
  }

  /** Also for cached pages: a run that was read again after a deletion may have a lower highest page. */
  #raiseHighest(id: PageId): void {
    const run = this.#runs.get(runKeyOf(id))
    // The cache has dropped the run because of many others; its highest page is read again next time.
    if (run !== undefined && id.page > run.highestPage) run.highestPage = id.page
  }

  #mayBeStored(id: PageId): boolean {
    const run = this.#runs.get(runKeyOf(id))
    return run === undefined || id.page <= run.highestPage
  }

  /** Reads highest page and meter of unknown runs. */
  async #findRuns(ids: readonly PageId[]): Promise<void> {
    const unknown = ids.filter((id) => !this.#runs.has(runKeyOf(id)))
    if (unknown.length === 0) return
    const runs = [...new Set(unknown.map((id) => literal(id.run)))].sort()
    const of = (
      table: string,
    ) => `SELECT org_id, site_id, run, max(seq) AS seq, arg_min(meter_id, seq) AS meter_id FROM ${table}
      WHERE run >= ${runs[0]} AND run <= ${runs.at(-1)} AND run IN (${runs.join(', ')}) GROUP BY ALL`
    const rows = await rowsOf(
      this.#connection,
      `SELECT org_id, site_id::DOUBLE AS site, run, max(seq)::DOUBLE AS seq, arg_min(meter_id, seq) AS meter_id
       FROM (${['session', 'session_open', 'erased_session'].map(of).join(' UNION ALL ')}) GROUP BY ALL`,
    )
    for (const id of unknown) this.#runs.set(runKeyOf(id), { highestPage: -1, meterId: null })
    for (const row of rows) {
      const id = { orgId: row.org_id as string, siteId: row.site as number, run: row.run as string }
      const meterId = row.meter_id as string
      this.#runs.set(runKeyOf(id), { highestPage: pageOf(row.seq as number), meterId })
    }
  }

  /** Whether the run belongs to this meter; a run without one becomes this meter's. Call after load() of the run. */
  isOf(run: Omit<PageId, 'page'>, meterId: string): boolean {
    const known = this.#runs.get(runKeyOf(run))
    if (known === undefined) return true
    known.meterId ??= meterId
    return known.meterId === meterId
  }

  async #fill(
    table: string,
    bits: keyof Page,
    missing: ReadonlyMap<string, PageId>,
    pages: ReadonlyMap<string, Page>,
  ): Promise<void> {
    const wanted = [...missing.values()]
    const runs = [...new Set(wanted.map((id) => id.run))].sort()
    let low = Number.MAX_SAFE_INTEGER
    let high = 0
    for (const { page } of wanted) {
      low = Math.min(low, page)
      high = Math.max(high, page)
    }
    // The ranges let zone maps skip older row groups, because runs sort by time.
    const rows = await rowsOf(
      this.#connection,
      `SELECT org_id, site_id::DOUBLE AS site, run, (seq // 32)::DOUBLE AS word, bit_or(1::BIGINT << (seq % 32))::DOUBLE AS bits
       FROM ${table}
       WHERE run >= ${literal(runs[0]!)} AND run <= ${literal(runs.at(-1)!)}
         AND seq >= ${int(low * PAGE_BITS)} AND seq < ${int((high + 1) * PAGE_BITS)}
         AND run IN (${runs.map(literal).join(', ')})
       GROUP BY ALL`,
    )
    for (const row of rows) {
      const word = row.word as number
      const key = keyOf({
        orgId: row.org_id as string,
        siteId: row.site as number,
        run: row.run as string,
        page: Math.floor(word / WORDS),
      })
      const page = missing.has(key) ? pages.get(key) : undefined
      if (page !== undefined) page[bits][word % WORDS]! |= row.bits as number
    }
  }

  static key = keyOf

  clear(): void {
    this.#pages.clear()
    this.#runs.clear()
  }

  /** For sessions that retention deleted: the runs stay those of their meters. */
  clearPages(): void {
    this.#pages.clear()
  }
}
