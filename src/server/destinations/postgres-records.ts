/**
 * The records of destinations of several servers, in PostgreSQL (store/postgres/destination-tables.ts).
 *
 * One server at a time holds a destination: it renews its lease while it lives, and another one takes the destination after
 * the lease. Taking it raises the version, so what the former holder still tries to save finds another version and fails.
 * A server takes half of those that are free at one look, so that servers that start together share them.
 *
 * Times are those of PostgreSQL, so clocks of servers do not matter.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { wasRemoved } from '../control/control.js'
import type { Row, Transactions } from '../store/sql/rows.js'
import { int } from '../store/sql/sql.js'
import {
  type Counts,
  changedMeanwhile,
  type DeadLetter,
  type DestinationRecord,
  type DestinationRecords,
  type DestinationState,
  type Entries,
  type Entry,
  type SavedState,
} from './records.js'

const EVERY_MS = 1_000
const LEASE_MS = 15_000
/** A lease is renewed when less than this is left. */
const RENEWED_MS = 10_000
const ERASED_LOOK_MS = 200

const NOW = 'clock_timestamp()'
const lease = (ms: number) => `${NOW} + INTERVAL '${int(ms)} milliseconds'`
const FREE = `(holder IS NULL OR lease < ${NOW})`
const COLUMNS = `id, version, record_version, erasures, seen,
  CASE WHEN holder = $1 THEN extract(epoch FROM lease - ${NOW}) * 1000 ELSE 0 END AS left_ms`

export interface PostgresRecordsOptions {
  readonly postgres: Transactions
  /** Of this process, unique. */
  readonly holder: string
  /** For people. */
  readonly server: string
  /** What this server takes over from another one. */
  readonly onTaken?: (id: string, from: string | null) => void
}

export class PostgresRecords implements DestinationRecords {
  readonly everyMs = EVERY_MS
  readonly #postgres: Transactions
  readonly #options: PostgresRecordsOptions
  readonly #known = new Map<
    string,
    { readonly version: number; readonly record: DestinationRecord }
  >()

  /** Rows of the last look whose deletions this server did not know before. */
  #erased: readonly Row[] = []

  constructor(options: PostgresRecordsOptions) {
    this.#postgres = options.postgres
    this.#options = options
  }

  async load(mayTake: boolean): Promise<Entries> {
    const { holder } = this.#options
    await this.#tellSeen()
    if (mayTake) {
      await this.#renew()
      await this.#take()
    } else await this.release()
    const rows = await this.#postgres.query(`SELECT ${COLUMNS} FROM destination`, [holder])
    this.#erased = rows.filter(
      (row) => leftMs(row) > 0 && (row.seen as number) < (row.erasures as number),
    )
    await this.#read(rows)
    const entries = rows.flatMap((row) => this.#entryOf(row) ?? [])
    const left = rows.flatMap((row) => (leftMs(row) > 0 ? [leftMs(row)] : []))
    return { entries, forMs: Math.min(LEASE_MS, ...left) }
  }

  /** Who asks for the next look has followed the last one: nothing that was erased before it is in memory any more. */
  async #tellSeen(): Promise<void> {
    for (const { id, erasures } of this.#erased)
      await this.#postgres.query(
        `UPDATE destination SET seen = ${int(erasures as number)} WHERE id = $1 AND holder = $2`,
        [id as string, this.#options.holder],
      )
    this.#erased = []
  }

  async #renew(): Promise<void> {
    await this.#postgres.query(
      `UPDATE destination SET lease = ${lease(LEASE_MS)}
       WHERE holder = $1 AND lease > ${NOW} AND lease < ${lease(RENEWED_MS)}`,
      [this.#options.holder],
    )
  }

  async #take(): Promise<void> {
    const { holder, server, onTaken } = this.#options
    const taken = await this.#postgres.query(
      `WITH free AS (
         SELECT id, server FROM destination WHERE ${FREE} ORDER BY id
         LIMIT (SELECT (count(*) + 1) / 2 FROM destination WHERE ${FREE}) FOR UPDATE SKIP LOCKED)
       UPDATE destination d SET holder = $1, server = $2, lease = ${lease(LEASE_MS)},
         version = version + 1, seen = erasures
       FROM free WHERE d.id = free.id RETURNING d.id, free.server AS before`,
      [holder, server],
    )
    for (const row of taken) onTaken?.(row.id as string, row.before as string | null)
  }

  /** Records that are new, or were changed since they were read. */
  async #read(rows: readonly Row[]): Promise<void> {
    const ids = new Set(rows.map(({ id }) => id as string))
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id)
    const stale = rows.filter(
      (row) => this.#known.get(row.id as string)?.version !== row.record_version,
    )
    if (stale.length === 0) return
    const found = await this.#postgres.query(
      `SELECT id, record, record_version FROM destination
       WHERE id IN (SELECT json_array_elements_text($1::JSON))`,
      [JSON.stringify(stale.map(({ id }) => id))],
    )
    for (const row of found) this.#know(row)
  }

  #know({ id, record, record_version: version }: Row): void {
    const known = { version: version as number, record: JSON.parse(record as string) }
    this.#known.set(id as string, known)
  }

  /** Undefined: it was changed or removed between two queries, and the next look has it. */
  #entryOf(row: Row): Entry | undefined {
    const known = this.#known.get(row.id as string)
    if (known === undefined || known.version !== row.record_version) return undefined
    return {
      record: known.record,
      recordVersion: known.version,
      version: row.version as number,
      erasures: row.erasures as number,
      isMine: leftMs(row) > 0,
    }
  }

  create(
    record: DestinationRecord,
    state: DestinationState,
    check: (counts: Counts) => void,
  ): Promise<Entry> {
    return this.#postgres.transaction(async (query) => {
      // Keeps the organisation until the end, and lets servers that add destinations to it count one after another.
      const orgs = await query('SELECT 1 FROM org WHERE org_id = $1 FOR UPDATE', [record.orgId])
      if (orgs.length === 0) throw wasRemoved(record.orgId)
      const [counts] = await query(
        'SELECT count(*) AS n, count(*) FILTER (WHERE org_id = $1) AS own FROM destination',
        [record.orgId],
      )
      check({ ofOrg: counts!.own as number, all: counts!.n as number })
      const { holder, server } = this.#options
      const values = [record.id, record.orgId, JSON.stringify(record), JSON.stringify(state)]
      await query(
        `INSERT INTO destination VALUES ($1, $2, $3, $4, 1, 1, $5, $6, ${lease(LEASE_MS)}, 0, 0)`,
        [...values, holder, server],
      )
      return { record, recordVersion: 1, version: 1, erasures: 0, isMine: true }
    })
  }

  replace(
    { recordVersion }: Entry,
    record: DestinationRecord,
    work: (state: DestinationState) => DestinationState,
  ): Promise<Entry> {
    const { holder } = this.#options
    return this.#postgres.transaction(async (query) => {
      const [row] = await query(
        `SELECT state FROM destination WHERE id = $1 AND record_version = ${int(recordVersion)} FOR UPDATE`,
        [record.id],
      )
      if (row === undefined) throw changedMeanwhile()
      const state = work(JSON.parse(row.state as string) as DestinationState)
      const [changed] = await query(
        `UPDATE destination SET record = $2, state = $3, version = version + 1, record_version = record_version + 1
         WHERE id = $4 RETURNING ${COLUMNS}, record`,
        [holder, JSON.stringify(record), JSON.stringify(state), record.id],
      )
      this.#know(changed!)
      return this.#entryOf(changed!)!
    })
  }

  async remove({ id }: DestinationRecord): Promise<void> {
    await this.#postgres.query('DELETE FROM destination WHERE id = $1', [id])
  }

  async state({
    record,
    recordVersion,
    isMine,
  }: Pick<Entry, 'record' | 'recordVersion' | 'isMine'>): Promise<SavedState> {
    const [row] = await this.#postgres.query(
      `SELECT state, version, record_version, holder FROM destination WHERE id = $1`,
      [record.id],
    )
    if (row === undefined || row.record_version !== recordVersion) throw changedMeanwhile()
    if (isMine && row.holder !== this.#options.holder) throw changedMeanwhile()
    return { state: JSON.parse(row.state as string), version: row.version as number }
  }

  async putState(id: string, state: DestinationState, version: number): Promise<number | null> {
    const rows = await this.#postgres.query(
      `UPDATE destination SET state = $2, version = version + 1
       WHERE id = $1 AND version = ${int(version)} RETURNING version`,
      [id, JSON.stringify(state)],
    )
    return (rows[0]?.version as number | undefined) ?? null
  }

  /** A server that is lost holds it up until the end of its lease. */
  async erased(orgId: string): Promise<void> {
    const { holder } = this.#options
    await this.#postgres.query(
      `UPDATE destination SET erasures = erasures + 1, version = version + 1 WHERE org_id = $1`,
      [orgId],
    )
    const waiting = `SELECT 1 FROM destination
      WHERE org_id = $1 AND holder <> $2 AND lease > ${NOW} AND seen < erasures LIMIT 1`
    const untilMs = performance.now() + LEASE_MS
    while (performance.now() < untilMs) {
      if ((await this.#postgres.query(waiting, [orgId, holder])).length === 0) return
      await sleep(ERASED_LOOK_MS)
    }
  }

  async release(): Promise<void> {
    await this.#postgres.query(
      'UPDATE destination SET holder = NULL, version = version + 1 WHERE holder = $1',
      [this.#options.holder],
    )
  }

  async deadLetters(id: string): Promise<DeadLetter[]> {
    const rows = await this.#postgres.query(
      'SELECT letter FROM dead_letter WHERE destination_id = $1 ORDER BY site_id, session_id',
      [id],
    )
    return rows.map(({ letter }) => JSON.parse(letter as string) as DeadLetter)
  }

  async countDeadLetters(id: string): Promise<number> {
    const [row] = await this.#postgres.query(
      'SELECT count(*) AS n FROM dead_letter WHERE destination_id = $1',
      [id],
    )
    return row!.n as number
  }

  async hasDeadLetter(
    id: string,
    { siteId, sessionId }: Pick<DeadLetter, 'siteId' | 'sessionId'>,
  ): Promise<boolean> {
    const rows = await this.#postgres.query(
      `SELECT 1 FROM dead_letter WHERE destination_id = $1 AND site_id = ${int(siteId)} AND session_id = $2`,
      [id, sessionId],
    )
    return rows.length > 0
  }

  async putDeadLetter(id: string, letter: DeadLetter): Promise<void> {
    const { siteId, sessionId } = letter
    const rows = await this.#postgres.query(
      `INSERT INTO dead_letter SELECT id, ${int(siteId)}, $2, $3 FROM destination WHERE id = $1
       ON CONFLICT (destination_id, site_id, session_id) DO UPDATE SET letter = excluded.letter RETURNING 1`,
      [id, sessionId, JSON.stringify(letter)],
    )
    if (rows.length === 0) throw changedMeanwhile()
  }

  async removeDeadLetter(
    id: string,
    { siteId, sessionId }: Pick<DeadLetter, 'siteId' | 'sessionId'>,
  ): Promise<void> {
    await this.#postgres.query(
      `DELETE FROM dead_letter WHERE destination_id = $1 AND site_id = ${int(siteId)} AND session_id = $2`,
      [id, sessionId],
    )
  }
}

function leftMs(row: Row): number {
  return Number(row.left_ms)
}

/** The digest of the key that seals the secrets: the first server's that seals one. */
export class PostgresKeyDigest {
  readonly #postgres: Transactions

  constructor(postgres: Transactions) {
    this.#postgres = postgres
  }

  async known(): Promise<string | null> {
    const [row] = await this.#postgres.query('SELECT digest FROM destination_key')
    return (row?.digest as string | undefined) ?? null
  }

  /** @returns the one that counts, which another server may have noted before */
  async note(digest: string): Promise<string> {
    await this.#postgres.query('INSERT INTO destination_key VALUES ($1) ON CONFLICT DO NOTHING', [
      digest,
    ])
    return (await this.known()) ?? digest
  }
}
