/**
 * Removes records from a group that stored sessions do not accept (merge.ts), and records that say nothing new.
 *
 * A rejected record stays in the log for --log-keep, is counted, and appears as `sessionConflict` in the gaps. An
 * identical record, from any sender, is a repeat and not counted.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { RUN_LENGTH, sequenceOf } from '../../ids.js'
import { FRESH_US, verdictOf } from '../../merge.js'
import { GOING_US } from '../../meters/losses.js'
import type { Span, StoredSession } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { has, KnownIds, type Page, pageOf } from './known-ids.js'
import type { SiteSessions } from './plan.js'
import type { Staged } from './staged.js'

const MARK_EVERY_US = 600e6

export interface Conflict {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  /** From the first start of these sessions to the last end. */
  fromUs: number
  toUs: number
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

/** A record whose id is stored already, or whose run belongs to another meter. */
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
    if (verdict === 'conflict') conflicts.add(session)
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
      // Ids of access logs contain hashes, so their runs belong to no meter.
      foreign = numbered !== null && !known.isOf(id, session.meterId)
    }
    const isKnown = page !== undefined && (has(page.open, sequence) || has(page.ended, sequence))
    if (foreign || isKnown) asked.push({ batch, session, foreign })
  }
  return asked
}

/** Spans kept for one meter in one group. Further records extend the last span. */
const TIMES_MAX = 10

/** Counts rejected records by meter, and by span of time. Records within GOING_US of each other share a span. */
export class Conflicts {
  readonly #byMeter = new Map<string, Conflict[]>()

  add({ orgId, siteId, meterId, startTimeUs: fromUs, endTimeUs: toUs }: StoredSession): void {
    const key = `${orgId}/${siteId}/${meterId}`
    const its = this.#byMeter.get(key) ?? []
    this.#byMeter.set(key, its)
    const near = (one: Span) => fromUs <= one.toUs + GOING_US && one.fromUs <= toUs + GOING_US
    const known = its.find(near) ?? (its.length < TIMES_MAX ? undefined : its.at(-1)!)
    if (known === undefined) its.push({ orgId, siteId, meterId, fromUs, toUs, sessions: 1 })
    else {
      known.sessions++
      known.fromUs = Math.min(known.fromUs, fromUs)
      known.toUs = Math.max(known.toUs, toUs)
    }
  }

  get all(): Conflict[] {
    return [...this.#byMeter.values()].flat()
  }
}

/** The span of sessions that are not stored. @param receivedUs the result if there are no sessions */
export function spanOf(sessions: readonly StoredSession[], receivedUs: number): Span {
  if (sessions.length === 0) return { fromUs: receivedUs, toUs: receivedUs }
  return {
    fromUs: sessions.reduce((us, s) => Math.min(us, s.startTimeUs), Number.POSITIVE_INFINITY),
    toUs: sessions.reduce((us, s) => Math.max(us, s.endTimeUs), 0),
  }
}

interface Mark {
  readonly arrival: number
  readonly byUs: number
}

/** The times of arrivals, by marks in the table arrival_mark. */
export class Freshness {
  /** Sessions with a lower `arrival` had arrived by `byUs`. */
  readonly #marks: Mark[]
  /** The time of the last batch. */
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

  /** The mark that the next commit must write, if one is due. */
  dueMark(arrival: number, atUs: number): Mark | null {
    const byUs = this.#lastUs ?? atUs
    const marked = this.#marks.at(-1)?.byUs ?? Number.NEGATIVE_INFINITY
    // A mark is also due after a pause. Without it, sessions from before the pause would count as recent.
    const isDue = byUs - marked >= MARK_EVERY_US || atUs - byUs >= MARK_EVERY_US
    return isDue ? { arrival, byUs } : null
  }

  /** Call after the commit. */
  came(mark: Mark | null, atUs: number): void {
    this.#lastUs = atUs
    if (mark === null) return
    this.#marks.push(mark)
    const untilUs = atUs - FRESH_US
    while (this.#marks.length > 1 && this.#marks[1]!.byUs <= untilUs) this.#marks.shift()
  }

  /** SQL for whether the row `o` arrived more than FRESH_US ago. */
  isStaleSql(nowUs: number): string {
    const untilUs = nowUs - FRESH_US
    if (this.#lastUs !== undefined && this.#lastUs <= untilUs) return 'true'
    const past = this.#marks.findLast(({ byUs }) => byUs <= untilUs)
    return past === undefined ? 'false' : `(o.arrival < ${int(past.arrival)})`
  }
}

/** Keeps only the newest of the marks that are older than FRESH_US. */
export function markSql({ arrival, byUs }: Mark): string[] {
  const past = `by_us <= ${int(byUs - FRESH_US)}`
  return [
    `DELETE FROM arrival_mark WHERE ${past} AND by_us < (SELECT max(by_us) FROM arrival_mark WHERE ${past})`,
    `INSERT INTO arrival_mark VALUES (${int(arrival)}, ${int(byUs)})`,
  ]
}
