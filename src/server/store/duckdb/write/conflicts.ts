/**
 * What a group may not say of sessions that are here (merge.ts), and what it says of them that is nothing new.
 *
 * What is not taken stays in the log as it came, for --log-keep; it is counted, and a loss `sessionConflict` in the gaps.
 * The same record again is a repeat, whoever sends it, and nothing to be counted.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { FRESH_US, verdictOf } from '../../merge.js'
import type { StoredSession } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { RUN_LENGTH, sequenceOf } from '../schema/ids.js'
import { has, KnownIds, type Page, pageOf } from './known-ids.js'
import type { SiteSessions } from './plan.js'
import type { Staged } from './staged.js'

const MARK_EVERY_US = 600e6

export interface Conflict {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  readonly receivedUs: number
  sessions: number
}

interface Incoming extends SiteSessions {
  /** Null: sessions without a batch number. */
  readonly batch: unknown
  readonly receivedUs: number
}

export interface Admitted<T> {
  readonly batches: readonly T[]
  readonly conflicts: readonly Conflict[]
}

/** A record of an id that something is known of, or of a run that another meter reports. */
interface Asked {
  readonly batch: number
  readonly session: StoredSession
  readonly foreign: boolean
}

export async function admit<T extends Incoming>(
  batches: readonly T[],
  known: KnownIds,
  pages: ReadonlyMap<string, Page>,
  { staged, freshness }: { readonly staged: Staged; readonly freshness: Freshness },
): Promise<Admitted<T>> {
  const asked = batches.flatMap((one, batch) => askedOf(one, batch, known, pages))
  if (asked.length === 0) return { batches, conflicts: [] }
  const nowUs = batches.reduce((latest, { receivedUs }) => Math.max(latest, receivedUs), 0)
  const stored = await staged.kept(
    asked.map(({ session }) => session),
    freshness.isStaleSql(nowUs),
  )
  const left = new Map<number, Set<StoredSession>>()
  const conflicts = new Conflicts()
  for (const [i, { batch, session, foreign }] of asked.entries()) {
    const verdict = verdictOf(session, stored.get(i), foreign)
    if (verdict === 'take') continue
    const out = left.get(batch) ?? new Set()
    left.set(batch, out.add(session))
    if (verdict === 'conflict') conflicts.add(session, batches[batch]!.receivedUs)
  }
  const admitted = batches.map((one, batch) => {
    const out = left.get(batch)
    if (out === undefined) return one
    const sessions = one.sessions.filter((session) => !out.has(session))
    return { ...one, sessions, ended: undefined }
  })
  return { batches: admitted, conflicts: conflicts.all }
}

function askedOf(
  { orgId, siteId, sessions, batch: numbered }: Incoming,
  batch: number,
  known: KnownIds,
  pages: ReadonlyMap<string, Page>,
): Asked[] {
  const asked: Asked[] = []
  let run = ''
  let number = -1
  let page: Page | undefined
  let foreign = false
  for (const session of sessions) {
    const sequence = sequenceOf(session.sessionId)
    if (pageOf(sequence) !== number || !session.sessionId.startsWith(run)) {
      run = session.sessionId.slice(0, RUN_LENGTH)
      number = pageOf(sequence)
      const id = { orgId, siteId, run, page: number }
      page = pages.get(KnownIds.key(id))
      // Ids of access logs are hashes, each a run of its own.
      foreign = numbered !== null && !known.isOf(id, session.meterId)
    }
    const isKnown = page !== undefined && (has(page.open, sequence) || has(page.ended, sequence))
    if (foreign || isKnown) asked.push({ batch, session, foreign })
  }
  return asked
}

/** By meter. */
export class Conflicts {
  readonly #byMeter = new Map<string, Conflict>()

  add({ orgId, siteId, meterId }: StoredSession, receivedUs: number): void {
    const key = `${orgId}/${siteId}/${meterId}`
    const known = this.#byMeter.get(key)
    if (known === undefined)
      this.#byMeter.set(key, { orgId, siteId, meterId, receivedUs, sessions: 1 })
    else known.sessions++
  }

  get all(): Conflict[] {
    return [...this.#byMeter.values()]
  }
}

interface Mark {
  readonly arrival: number
  readonly byUs: number
}

/** When sessions came, by the numbers of their arrivals; table arrival_mark. */
export class Freshness {
  /** What has a lower number had come by then. */
  readonly #marks: Mark[]
  /** Of the last batch. */
  #lastUs: number | undefined

  constructor(marks: readonly Mark[] = [], lastUs?: number) {
    this.#marks = [...marks]
    this.#lastUs = lastUs
  }

  static async load(connection: DuckDBConnection): Promise<Freshness> {
    const marks = await rowsOf(
      connection,
      'SELECT arrival::DOUBLE AS arrival, by_us::DOUBLE AS by FROM arrival_mark ORDER BY arrival',
    )
    const last = await rowsOf(connection, 'SELECT max(received_us)::DOUBLE AS us FROM meter')
    return new Freshness(
      marks.map(({ arrival, by }) => ({ arrival: arrival as number, byUs: by as number })),
      (last[0]!.us as number | null) ?? undefined,
    )
  }

  /** Before a commit: what it is to write. */
  dueMark(arrival: number, atUs: number): Mark | null {
    const byUs = this.#lastUs ?? atUs
    const marked = this.#marks.at(-1)?.byUs ?? Number.NEGATIVE_INFINITY
    // After a quiet time, too: what came shortly after a mark would else be as new as what comes now.
    const isDue = byUs - marked >= MARK_EVERY_US || atUs - byUs >= MARK_EVERY_US
    return isDue ? { arrival, byUs } : null
  }

  /** After it. */
  came(mark: Mark | null, atUs: number): void {
    this.#lastUs = atUs
    if (mark === null) return
    this.#marks.push(mark)
    const untilUs = atUs - FRESH_US
    while (this.#marks.length > 1 && this.#marks[1]!.byUs <= untilUs) this.#marks.shift()
  }

  /** SQL for whether the row `o` came too long ago. */
  isStaleSql(nowUs: number): string {
    const untilUs = nowUs - FRESH_US
    if (this.#lastUs !== undefined && this.#lastUs <= untilUs) return 'true'
    const past = this.#marks.findLast(({ byUs }) => byUs <= untilUs)
    return past === undefined ? 'false' : `(o.arrival < ${int(past.arrival)})`
  }
}

/** Older marks say nothing more than the newest one that is past. */
export function markSql({ arrival, byUs }: Mark): string[] {
  const past = `by_us <= ${int(byUs - FRESH_US)}`
  return [
    `DELETE FROM arrival_mark WHERE ${past} AND by_us < (SELECT max(by_us) FROM arrival_mark WHERE ${past})`,
    `INSERT INTO arrival_mark VALUES (${int(arrival)}, ${int(byUs)})`,
  ]
}
