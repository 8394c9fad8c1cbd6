/**
 * Checkpoints: writes DuckDB's write-ahead log into the database file when it exceeds walBytes and the disk has room.
 *
 * Only this class checkpoints, and only while nothing else writes. DuckDB can checkpoint beside other transactions, but
 * up to 1.5.5 that could leave a file that cannot be opened any more (duckdb#25971, duckdb#24260).
 *
 * The checkpointer keeps the last part of a disk free for a checkpoint and for deletions: a deletion writes to the log before
 * it frees anything, so without that space a lower retention could not delete on a full disk. On a nearly full disk a
 * checkpoint is due sooner, because it turns the log into a tenth of its size.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Database } from '../database.js'

/** Disk space for a checkpoint, as a share of the log: a fifth was measured, and more if all texts differ. */
const CHECKPOINT_SHARE = 0.5
/** Further disk space, 16 MiB, for the last row groups. */
const CHECKPOINT_BYTES = 16 * 2 ** 20
/** No batch is accepted if less than this is left beside the next checkpoint. */
const BATCH_BYTES = 8 * 2 ** 20
/** No batch is applied if less than this is left. Less than for accepting: what is applied frees the server's log. */
const DELETION_BYTES = 4 * 2 ** 20
/** The disk is nearly full if less than this is left beside the next checkpoint. */
const TIGHT_BYTES = 16 * 2 ** 20
/** The log's growth between two checkpoints on a nearly full disk. */
const TIGHT_WAL_BYTES = 2 ** 20

type Disk = Pick<Database, 'walBytes' | 'freeBytes' | 'unusedBytes'>

export class Checkpointer {
  readonly #database: Disk
  readonly #connection: Pick<DuckDBConnection, 'run'>
  readonly #walBytes: number
  #checkpointAtBytes: number
  #tightAtBytes = TIGHT_WAL_BYTES
  /** Space in the database file that a checkpoint uses first, as after a deletion. */
  #unusedBytes = 0
  #checkpoints = 0
  #failedCheckpoints = 0

  constructor(database: Disk, connection: Pick<DuckDBConnection, 'run'>, walBytes: number) {
    this.#database = database
    this.#connection = connection
    this.#walBytes = walBytes
    this.#checkpointAtBytes = walBytes
  }

  get counts(): { checkpoints: number; failedCheckpoints: number } {
    return { checkpoints: this.#checkpoints, failedCheckpoints: this.#failedCheckpoints }
  }

  get isDue(): boolean {
    return this.#database.walBytes() >= this.#checkpointAtBytes || this.isTight
  }

  /** The disk is nearly full, and a checkpoint can make room. */
  get isTight(): boolean {
    const left = this.#leftBytes()
    const canHelp = this.#database.walBytes() >= this.#tightAtBytes
    return canHelp && left >= 0 && left < TIGHT_BYTES
  }

  /** No batch may be accepted. */
  get isFull(): boolean {
    return this.#leftBytes() < BATCH_BYTES
  }

  /** Only deletions may write. */
  get isForDeletions(): boolean {
    return this.#leftBytes() < DELETION_BYTES
  }

  /** Free bytes beside the next checkpoint; negative: it cannot be made. */
  #leftBytes(): number {
    const needed = this.#database.walBytes() * CHECKPOINT_SHARE + CHECKPOINT_BYTES
    return this.#database.freeBytes() - Math.max(0, needed - this.#unusedBytes)
  }

  /** Call it before the first checkpoint. */
  async measure(): Promise<void> {
    this.#unusedBytes = await this.#database.unusedBytes()
  }

  /** The log has grown by another walBytes since the checkpoint became due, so it must not wait any longer. */
  get isOverdue(): boolean {
    return this.#database.walBytes() >= this.#checkpointAtBytes + this.#walBytes
  }

  /** Call only while nothing writes. A failure is counted and changes nothing; the next attempt comes later. */
  async checkpoint(): Promise<void> {
    try {
      // A checkpoint that runs out of space stops the whole database until the next start; a commit only fails.
      if (this.#leftBytes() < 0) throw new Error('no room')
      await this.#connection.run('CHECKPOINT')
      this.#checkpoints++
      await this.measure()
    } catch {
      this.#failedCheckpoints++
    }
    // After a failure, the log may grow by a quarter of walBytes before the next attempt.
    const left = this.#database.walBytes()
    this.#checkpointAtBytes = left < this.#walBytes ? this.#walBytes : left + this.#walBytes / 4
    this.#tightAtBytes = left + TIGHT_WAL_BYTES
  }
}
