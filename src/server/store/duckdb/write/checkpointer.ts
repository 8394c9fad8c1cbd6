/**
 * Checkpoints: writes DuckDB's write-ahead log into the database file when it exceeds walBytes and the disk has room.
 *
 * Only this class checkpoints, and only while nothing else writes. DuckDB can checkpoint beside other transactions, but
 * up to 1.5.5 that could leave a file that cannot be opened any more (duckdb#25971, duckdb#24260).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Database } from '../database.js'

/** Disk space for a checkpoint, as a share of the log: a fifth was measured, and more if all texts differ. */
const CHECKPOINT_SHARE = 0.5
/** Further disk space, 16 MiB, for the last row groups. */
const CHECKPOINT_BYTES = 16 * 2 ** 20

export class Checkpointer {
  readonly #database: Pick<Database, 'walBytes' | 'freeBytes'>
  readonly #connection: Pick<DuckDBConnection, 'run'>
  readonly #walBytes: number
  #checkpointAtBytes: number
  #checkpoints = 0
  #failedCheckpoints = 0

  constructor(
    database: Pick<Database, 'walBytes' | 'freeBytes'>,
    connection: Pick<DuckDBConnection, 'run'>,
    walBytes: number,
  ) {
    this.#database = database
    this.#connection = connection
    this.#walBytes = walBytes
    this.#checkpointAtBytes = walBytes
  }

  get counts(): { checkpoints: number; failedCheckpoints: number } {
    return { checkpoints: this.#checkpoints, failedCheckpoints: this.#failedCheckpoints }
  }

  get isDue(): boolean {
    return this.#database.walBytes() >= this.#checkpointAtBytes
  }

  /** The log has grown by another walBytes since the checkpoint became due, so it must not wait any longer. */
  get isOverdue(): boolean {
    return this.#database.walBytes() >= this.#checkpointAtBytes + this.#walBytes
  }

  /** Call only while nothing writes. A failure is counted and changes nothing; the next attempt comes later. */
  async checkpoint(): Promise<void> {
    try {
      // A checkpoint that runs out of space stops the whole database until the next start; a commit only fails.
      const room = this.#database.walBytes() * CHECKPOINT_SHARE + CHECKPOINT_BYTES
      if (this.#database.freeBytes() < room) throw new Error('no room')
      await this.#connection.run('CHECKPOINT')
      this.#checkpoints++
    } catch {
      this.#failedCheckpoints++
    }
    // After a failure, the log may grow by a quarter of walBytes before the next attempt.
    const left = this.#database.walBytes()
    this.#checkpointAtBytes = left < this.#walBytes ? this.#walBytes : left + this.#walBytes / 4
  }
}
