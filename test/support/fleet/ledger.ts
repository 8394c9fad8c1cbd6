/**
 * The server's ledger of batches without sessions, routes or disk: as fast as thousands of random histories need. The
 * tables, the SQL and the judgement are the server's own.
 */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { rowsIn } from '../../../src/server/store/duckdb/database.js'
import { MIGRATIONS } from '../../../src/server/store/duckdb/schema/schema.js'
import { book } from '../../../src/server/store/meters/book.js'
import { coverage } from '../../../src/server/store/meters/coverage.js'
import type { Booking } from '../../../src/server/store/meters/lives.js'
import { Meters, type SavedMeter } from '../../../src/server/store/meters/meters.js'
import type { Coverage, Span } from '../../../src/server/store/store.js'
import type { Batch } from '../../../src/session/batch.js'

export type Sent = Batch & { readonly crc: number }

const TABLES = [
  ...['meter', 'meter_history', 'meter_life', 'meter_run', 'meter_place', 'batch_crc', 'batch_gap'],
]
const ORG = 'acme'

export class Ledger {
  readonly #connection: DuckDBConnection
  #meters: Meters
  #changed: SavedMeter = new Map()

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection
    this.#meters = new Meters(rowsIn(connection), 'rowid')
  }

  static async open(): Promise<Ledger> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const connection = await instance.connect()
    for (const migration of MIGRATIONS) await connection.run(migration)
    return new Ledger(connection)
  }

  /** Forgets all, for the next history. */
  async clear(): Promise<void> {
    await this.#connection.run(TABLES.map((table) => `DELETE FROM ${table}`).join(';\n'))
    this.#meters = new Meters(rowsIn(this.#connection), 'rowid')
    this.#changed = new Map()
  }

  book(siteId: number, batch: Sent, receivedUs: number): Booking {
    return book(this.#meters, { orgId: ORG, siteId, batch, receivedUs }, this.#changed)
  }

  async coverage(range: Span): Promise<Coverage> {
    await this.#save()
    return await coverage(rowsIn(this.#connection), ORG, range, undefined)
  }

  /** The server starts anew. */
  async reopen(): Promise<void> {
    await this.#save()
    this.#meters = new Meters(rowsIn(this.#connection), 'rowid')
    await this.#meters.load()
  }

  async #save(): Promise<void> {
    const statements = this.#meters.takeStatements(this.#changed)
    this.#changed = new Map()
    if (statements.length > 0) await this.#connection.run(statements.join(';\n'))
  }

  close(): void {
    this.#connection.closeSync()
  }
}
