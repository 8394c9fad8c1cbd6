/**
 * Numbers of commits, in an order that a reader may follow although several servers commit at one time.
 *
 * A number is on its way until its work has ended. Readers go no further than `settled`, and no number up to it is on its
 * way, so nothing appears behind a reader's back. Numbers are given one after another (the lock of
 * arrival_last), and each becomes visible together with its row in `arriving`.
 *
 * If the work fails, or its server is lost, ClickHouse may still write the rows. The number then stays on its way for
 * LINGER_MS (1 min), which is longer than the work may last: readers wait that long, and no longer.
 */
import { int } from '../sql/sql.js'
import type { Postgres } from './database.js'

/** Longer than an insert and its repetition, or closing sessions, may take (clickhouse/client.ts, sessions-writer.ts). */
const LINGER_MS = 60_000
/** Rows of failed work are kept this long, so that they do not pile up. */
const FORGET_MS = 600_000
const LOOK_EVERY_MS = 500

const ago = (ms: number) => `clock_timestamp() - INTERVAL '${int(ms)} milliseconds'`

export class Arrivals {
  readonly #postgres: Postgres
  #settled = -1
  /** The newest number of each organisation, also of those that are on their way. */
  readonly #newest = new Map<string, number>()
  #seen = -1
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #isClosed = false

  private constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  /** @throws AppError STORE_BUSY */
  static async open(postgres: Postgres): Promise<Arrivals> {
    const arrivals = new Arrivals(postgres)
    await arrivals.look()
    arrivals.#wait()
    return arrivals
  }

  #wait(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      // Without an answer nothing new is settled, and the next look comes soon.
      this.#looking = this.look()
        .catch(() => undefined)
        .then(() => this.#wait())
    }, LOOK_EVERY_MS).unref()
  }

  /** Everything up to this number can be read. */
  get settled(): number {
    return this.#settled
  }

  /** The newest settled number that may hold something of the organisation. */
  settledOf(orgId: string): number {
    return Math.min(this.#settled, this.#newest.get(orgId) ?? -1)
  }

  async look(): Promise<void> {
    const [row] = await this.#postgres.query(
      `SELECT arrival AS last,
         (SELECT min(arrival) FROM arriving WHERE since > ${ago(LINGER_MS)}) AS first,
         (SELECT json_object_agg(org_id, arrival) FROM org_arrival WHERE arrival > ${int(this.#seen)}) AS orgs
       FROM arrival_last`,
    )
    const { last, first } = row as { last: number; first: number | null }
    for (const [orgId, arrival] of Object.entries((row!.orgs as object | null) ?? {})) {
      this.#newest.set(orgId, arrival as number)
    }
    this.#seen = last
    // It never goes back, because readers may have passed it.
    this.#settled = Math.max(this.#settled, first === null ? last : first - 1)
  }

  /**
   * Runs work with a number larger than all before, which is not settled before the work has ended.
   * @throws AppError STORE_BUSY, and whatever the work throws
   */
  async run<T>(orgIds: readonly string[], work: (arrival: number) => Promise<T>): Promise<T> {
    const arrival = await this.#begin(orgIds)
    const result = await work(arrival)
    // If this fails, the number lingers.
    await this.#postgres
      .query(`DELETE FROM arriving WHERE arrival = ${int(arrival)}`)
      .catch(() => undefined)
    return result
  }

  async #begin(orgIds: readonly string[]): Promise<number> {
    const [row] = await this.#postgres.query(
      `WITH next AS (UPDATE arrival_last SET arrival = arrival + 1 RETURNING arrival),
         newest AS (
           INSERT INTO org_arrival SELECT org_id, arrival FROM next, json_array_elements_text($1::JSON) org_id
           ON CONFLICT (org_id) DO UPDATE SET arrival = excluded.arrival),
         old AS (DELETE FROM arriving WHERE since < ${ago(FORGET_MS)})
       INSERT INTO arriving SELECT arrival, clock_timestamp() FROM next RETURNING arrival`,
      [JSON.stringify([...new Set(orgIds)])],
    )
    return row!.arrival as number
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#looking
  }
}
