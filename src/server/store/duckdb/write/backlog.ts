/**
 * The batches in the log that the database does not hold, in log order.
 *
 * Limits: MEMORY_SESSIONS_MAX in memory, others are read back from the log; a group has at most GROUP_SESSIONS_MAX and
 * GROUP_BATCHES_MAX. The writer refuses batches beyond its own limits, by the counts here.
 */
import type { Log, Place } from '../../../log/log.js'
import type { ReadLogged } from '../../config.js'
import type { Behind } from '../../store.js'
import { readEntry } from './entries.js'
import type { SiteBatch } from './group-commit.js'
import { endedRows } from './plan.js'

/** A group takes about 100 ms on an idle machine. A chore or a read waits that long for it. */
export const GROUP_SESSIONS_MAX = 10_000
const GROUP_BATCHES_MAX = 1000
export const MEMORY_SESSIONS_MAX = 200_000
/** Smaller batches are converted to columns together with others, because each conversion has a fixed cost. */
const ROWS_AT_ONCE_MIN = 1000

interface Waiting {
  readonly place: Place
  readonly identity: string | null
  /** 0: unknown, because an earlier process logged the batch. */
  readonly sessions: number
  /** Null: read it from the log. */
  readonly siteBatch: SiteBatch | null
}

export class Backlog {
  readonly #log: Log
  readonly #readLogged: ReadLogged
  readonly #waiting: Waiting[] = []
  #sessionsInMemory = 0

  constructor(log: Log, readLogged: ReadLogged) {
    this.#log = log
    this.#readLogged = readLogged
  }

  get batches(): number {
    return this.#waiting.length
  }

  get firstLsn(): number | undefined {
    return this.#waiting[0]?.place.lsn
  }

  get lastLsn(): number | undefined {
    return this.#waiting.at(-1)?.place.lsn
  }

  add(place: Place, identity: string | null, siteBatch: SiteBatch): void {
    const { sessions } = siteBatch
    const fits =
      this.#sessionsInMemory === 0 ||
      this.#sessionsInMemory + sessions.length <= MEMORY_SESSIONS_MAX
    if (fits) this.#sessionsInMemory += sessions.length
    const ended = fits && sessions.length >= ROWS_AT_ONCE_MIN ? endedRows(sessions) : undefined
    const kept = fits ? { ...siteBatch, ended } : null
    this.#waiting.push({ place, identity, sessions: sessions.length, siteBatch: kept })
  }

  /** A batch that an earlier process logged. */
  addLogged(place: Place, identity: string | null): void {
    this.#waiting.push({ place, identity, sessions: 0, siteBatch: null })
  }

  /** The batches up to this entry of the log; null: none. */
  upTo(lsn: number): Behind | null {
    const waiting = this.#waiting.filter(({ place }) => place.lsn <= lsn)
    if (waiting.length === 0) return null
    return { batches: waiting.length, sessions: waiting.reduce((sum, w) => sum + w.sessions, 0) }
  }

  /**
   * The next batches for one transaction. Null stands for an unreadable log entry.
   * @param wantedLsn the last entry that reads wait for: a group of more than one batch ends there
   */
  async nextGroup(wantedLsn: () => number): Promise<(SiteBatch | null)[]> {
    const group: (SiteBatch | null)[] = []
    let sessions = 0
    // #waiting may grow during an await.
    for (let i = 0; i < this.#waiting.length && i < GROUP_BATCHES_MAX; i++) {
      const { siteBatch, place } = this.#waiting[i]!
      if (group.length > 0 && place.lsn > wantedLsn()) break
      const one = siteBatch ?? (await readEntry(this.#log, place, this.#readLogged))
      sessions += (one?.sessions.length ?? 0) + (one?.peerEvents?.length ?? 0)
      if (sessions > GROUP_SESSIONS_MAX && group.length > 0) break
      group.push(one)
    }
    return group
  }

  /** The last entry of the first `count` batches. */
  lsnOf(count: number): number {
    return this.#waiting[count - 1]!.place.lsn
  }

  /** Takes out the first `count` batches, which the database holds now. */
  take(count: number): readonly Pick<Waiting, 'identity' | 'sessions'>[] {
    const taken = this.#waiting.splice(0, count)
    for (const { siteBatch } of taken) this.#sessionsInMemory -= siteBatch?.sessions.length ?? 0
    return taken
  }
}
