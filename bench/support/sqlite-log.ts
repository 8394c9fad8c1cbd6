/**
 * The documented design of Pangolin's connection log, in better-sqlite3: one row a session, inserts
 * of 100 in a transaction, an index on organisation and time. As durable as tunmeter: WAL with
 * synchronous = FULL.
 */
import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { StoredSession } from '../../src/server/store/store.ts'

const INSERT_ROWS = 100
const COLUMNS = [
  'orgId',
  'siteId',
  'sessionId',
  'startTimeUs',
  'endTimeUs',
  'protocol',
  'sourceIp',
  'sourcePort',
  'destIp',
  'destPort',
  'bytesTx',
  'bytesRx',
  'packetsTx',
  'packetsRx',
  'payloadTx',
  'payloadRx',
  'endReason',
  'connState',
  'handshakeRttUs',
  'clientEndpoint',
  'clientId',
  'userId',
  'siteResourceId',
] as const

export class SqliteLog {
  readonly #db: Database.Database
  readonly #insert: (rows: readonly StoredSession[]) => void
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    this.#db = new Database(path)
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('synchronous = FULL')
    this.#db.exec(`CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, ${COLUMNS.join(', ')})`)
    this.#db.exec('CREATE INDEX IF NOT EXISTS log_org_time ON log (orgId, startTimeUs)')
    const statement = this.#db.prepare(
      `INSERT INTO log (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`,
    )
    this.#insert = this.#db.transaction((rows: readonly StoredSession[]) => {
      for (const row of rows) statement.run(COLUMNS.map((c) => row[c]))
    })
  }

  write(rows: readonly StoredSession[]): void {
    for (let at = 0; at < rows.length; at += INSERT_ROWS)
      this.#insert(rows.slice(at, at + INSERT_ROWS))
  }

  /** Inserts all rows at once and without durability, for rows whose insertion is not measured. */
  fill(rows: readonly StoredSession[]): void {
    this.#db.pragma('synchronous = OFF')
    this.#insert(rows)
    this.#db.pragma('synchronous = FULL')
  }

  all(sql: string, ...values: unknown[]): unknown[] {
    return this.#db.prepare(sql).all(...values)
  }

  /** Reads every row of the organisation, as a CSV export must. */
  csvRows(orgId: string): number {
    let rows = 0
    for (const row of this.#db
      .prepare('SELECT * FROM log WHERE orgId = ? ORDER BY startTimeUs DESC')
      .raw()
      .iterate(orgId)) {
      if ((row as unknown[]).join(',').length > 0) rows++
    }
    return rows
  }

  count(): number {
    return (this.#db.prepare('SELECT count(*) AS n FROM log').get() as { n: number }).n
  }

  bytes(): number {
    this.#db.pragma('wal_checkpoint(TRUNCATE)')
    return statSync(this.#path).size
  }

  close(): void {
    this.#db.close()
  }
}
