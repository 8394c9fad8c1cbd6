/**
 * Commits a group of batches. If the database refuses one batch but accepts others, the batch is skipped, counted, and
 * recorded as a gap.
 */
import { messageOf } from '../../../../base/errors.js'
import type { Progress } from '../../config.js'
import type { GroupCommit, LogPosition, SiteBatch } from './group-commit.js'

const SAID_EVERY_US = 60e6
/** Messages of failures that do not depend on the batch, so it is tried again. */
const TRANSIENT =
  /conflict|out of memory|no space|io error|interrupt|invalidated|closed|disconnect/i

/** The batches that wait; the group is their beginning. */
interface Queue {
  /** The position in the log after the first `count` of them. */
  readonly positionAfter: (count: number) => LogPosition
  /** The database holds the first `count` of them. */
  readonly taken: (count: number) => void
}

interface Options {
  readonly clockUs: () => number
  readonly progress?: Progress | undefined
}

export class CommitOrSkip {
  readonly #groups: GroupCommit
  readonly #options: Options
  #refusedBatches = 0
  #saidConflictsUs = Number.NEGATIVE_INFINITY

  constructor(groups: GroupCommit, options: Options) {
    this.#groups = groups
    this.#options = options
  }

  /** Batches that were skipped or that the log could not give back. */
  get refusedBatches(): number {
    return this.#refusedBatches
  }

  /**
   * @param group null stands for an unreadable log entry
   * @throws a failure that does not depend on the batches; those before it are committed
   */
  async commit(group: readonly (SiteBatch | null)[], queue: Queue): Promise<void> {
    if (group.length === 0) return
    const readable = group.filter((one) => one !== null)
    try {
      const before = this.#groups.counts.conflictingSessions
      await this.#groups.commit(readable, queue.positionAfter(group.length))
      this.#sayConflicts(this.#groups.counts.conflictingSessions - before)
      queue.taken(group.length)
      this.#refusedBatches += group.length - readable.length
    } catch (error) {
      if (isTransient(error) || !(await this.#groups.canWrite())) throw error
      for (const one of group) await this.#commitOne(one, queue)
    }
  }

  async #commitOne(one: SiteBatch | null, queue: Queue): Promise<void> {
    const position = queue.positionAfter(1)
    try {
      await this.#groups.commit(one === null ? [] : [one], position)
      if (one === null) this.#refusedBatches++
    } catch (error) {
      if (one === null || isTransient(error) || !(await this.#groups.canWrite())) throw error
      await this.#groups.skip(one, position)
      this.#refusedBatches++
      const facts = { lsn: position.lsn, sessions: one.sessions.length }
      this.#options.progress?.(`the database refused a batch: ${messageOf(error)}`, facts)
    }
    queue.taken(1)
  }

  /** Logs at most once a minute, because a meter may cause conflicts with each batch. */
  #sayConflicts(sessions: number): void {
    const nowUs = this.#options.clockUs()
    if (sessions === 0 || Math.abs(nowUs - this.#saidConflictsUs) < SAID_EVERY_US) return
    this.#saidConflictsUs = nowUs
    this.#options.progress?.('records that contradict stored sessions were rejected', { sessions })
  }
}

function isTransient(error: unknown): boolean {
  return TRANSIENT.test(messageOf(error))
}
