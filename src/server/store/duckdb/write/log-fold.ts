/**
 * When the write-ahead log is folded into the file: beyond walBytes, and only where there is room for it.
 *
 * The log is folded here and nowhere else, while nobody writes: DuckDB can fold beside other transactions, but had
 * faults of that kind up to 1.5.5 (duckdb#25971, duckdb#24260: a file that cannot be opened any more).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Database } from '../database.js'

/** What a fold may take: of the log a fifth was measured, of texts that are all different more; and the last row groups again. */
const FOLD_SHARE = 0.5
const FOLD_BYTES = 16 * 2 ** 20

export class LogFold {
  readonly #database: Pick<Database, 'walBytes' | 'freeBytes'>
  readonly #connection: Pick<DuckDBConnection, 'run'>
  readonly #walBytes: number
  #foldAtBytes: number
  #folds = 0
  #failedFolds = 0

  constructor(
    database: Pick<Database, 'walBytes' | 'freeBytes'>,
    connection: Pick<DuckDBConnection, 'run'>,
    walBytes: number,
  ) {
    this.#database = database
    this.#connection = connection
    this.#walBytes = walBytes
    this.#foldAtBytes = walBytes
  }

  get counts(): { folds: number; failedFolds: number } {
    return { folds: this.#folds, failedFolds: this.#failedFolds }
  }

  get isDue(): boolean {
    return this.#database.walBytes() >= this.#foldAtBytes
  }

  /** The log has grown so far since it was due that it must not be put off any more. */
  get isOverdue(): boolean {
    return this.#database.walBytes() >= this.#foldAtBytes + this.#walBytes
  }

  /** While nobody writes. A failure is counted and leaves all as it was: it is due again later. */
  async fold(): Promise<void> {
    try {
      // One that ends in the middle stops the whole database until the next start; a commit only fails.
      const room = this.#database.walBytes() * FOLD_SHARE + FOLD_BYTES
      if (this.#database.freeBytes() < room) throw new Error('no room')
      await this.#connection.run('CHECKPOINT')
      this.#folds++
    } catch {
      this.#failedFolds++
    }
    // Not at once again what a full disk has refused.
    const left = this.#database.walBytes()
    this.#foldAtBytes = left < this.#walBytes ? this.#walBytes : left + this.#walBytes / 4
  }
}
