/** Counts the sessions that were lost on the way, by reason. */
import type { Logger } from '../../base/log.js'
import type { BatchGap } from '../../session/batch.js'

export class Losses {
  readonly #sessions: Record<string, number> = {}
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  /** Sessions by reason, as reports and metrics show them. */
  get sessions(): Readonly<Record<string, number>> {
    return this.#sessions
  }

  count(reason: string, sessions: number): void {
    this.#sessions[reason] = (this.#sessions[reason] ?? 0) + sessions
  }

  add(gap: BatchGap): void {
    if (gap.sessions === 0) return
    this.count(gap.reason, gap.sessions)
    this.#log.error(gap, 'sessions lost')
  }
}
