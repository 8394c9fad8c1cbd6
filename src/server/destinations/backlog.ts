/** What waits for a destination, by stream, and what of it the retention takes. */
import { endOfArrival, type LogFilter, type Store } from '../store/store.js'
import {
  changed,
  filterFor,
  isBehind,
  LIVE,
  type StreamKey,
  streamOf,
  underWay,
} from './progress.js'
import type { StateKeeper } from './state-keeper.js'

interface Parts {
  readonly store: Pick<Store, 'countArrived'>
  readonly keeper: StateKeeper
  readonly filter: LogFilter
  /** The last commit that a stream is to read. */
  readonly endOf: (key: StreamKey) => number
}

export class Backlog {
  readonly #orgId: string
  readonly #parts: Parts

  constructor(orgId: string, parts: Parts) {
    this.#orgId = orgId
    this.#parts = parts
  }

  /** Sessions that wait, and when the oldest of them ended. */
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

  /** Before retention deletes what ended before this: what of it waits is lost to the destination. */
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
