/** Counts the sessions that wait for a destination, by stream, and those that retention deletes before delivery. */
import { endOfArrival, type LogFilter } from '../store/store.js'
import {
  changed,
  filterFor,
  isBehind,
  LIVE,
  type StreamKey,
  streamOf,
  underWay,
} from './progress.js'
import type { RowSource } from './rows.js'
import type { StateKeeper } from './state-keeper.js'

interface Parts {
  readonly store: Pick<RowSource, 'countArrived'>
  readonly keeper: StateKeeper
  readonly filter: LogFilter
  /** The last commit that the stream reads. */
  readonly endOf: (key: StreamKey) => number
}

export class Backlog {
  readonly #orgId: string
  readonly #parts: Parts

  constructor(orgId: string, parts: Parts) {
    this.#orgId = orgId
    this.#parts = parts
  }

  /** The number of waiting sessions, and the end of the oldest. */
  waiting(
    endedBeforeUs?: number,
    key: StreamKey = LIVE,
  ): Promise<{ sessions: number; oldestEndUs: number | null }> {
    const { store, keeper, filter } = this.#parts
    const stream = streamOf(keeper.state, key)
    const end = this.#parts.endOf(key)
    if (stream === undefined || !isBehind(stream, end))
      return Promise.resolve({ sessions: 0, oldestEndUs: null })
    return store.countArrived(this.#orgId, {
      filter: filterFor(keeper.state, key, filter),
      after: stream.cursor,
      upTo: endOfArrival(end),
      ...(endedBeforeUs !== undefined && { endedBeforeUs }),
    })
  }

  /**
   * Call it before retention deletes the sessions that ended before this. Waiting sessions among them never reach the
   * destination, so it counts them.
   */
  async expiring(endedBeforeUs: number): Promise<void> {
    const { keeper } = this.#parts
    const { sessions } = await this.waiting(endedBeforeUs)
    if (sessions > 0)
      await keeper.change((s) => ({
        ...s,
        deletedUndelivered: s.deletedUndelivered + sessions,
      }))
    for (const { id } of underWay(keeper.state)) {
      const lost = (await this.waiting(endedBeforeUs, id)).sessions
      if (lost === 0) continue
      await keeper.change((s) => {
        const before = s.backfills.find((one) => one.id === id)?.deletedUndelivered ?? 0
        return changed(s, id, { deletedUndelivered: before + lost })
      })
    }
  }
}
