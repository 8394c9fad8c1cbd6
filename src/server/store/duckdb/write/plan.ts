/**
 * Decides the fate of each record in a group, by two bits of its id (known-ids.ts):
 *
 *   record   ended?  open?
 *   ended    no      no      append to session                                       (nearly all)
 *   ended    no      yes     append to session, delete from session_open
 *   ended    yes     -       replace if it has more packets (the final report after an early one), else nothing.
 *                            A session that closeInterrupted() ended is always replaced
 *   open     yes     -       nothing: the end is known already (as for a quarantined batch that arrives late)
 *   open     no      no      append to session_open
 *   open     no      yes     replace if it has more packets
 *
 * Conflicts with stored sessions were removed before (conflicts.ts). Conflicts within a group are found here.
 */

import { isOpen } from '../../../../session/session.js'
import { RUN_LENGTH, sequenceOf } from '../../ids.js'
import { isSameTuple, saysMore } from '../../merge.js'
import type { StoredSession } from '../../store.js'
import { SessionRows } from './chunks.js'
import { has, KnownIds, type Page, type PageId, pageOf, set, unset } from './known-ids.js'

/** Sessions of one site that arrived together. */
export interface SiteSessions {
  readonly orgId: string
  readonly siteId: number
  readonly sessions: readonly StoredSession[]
  /** Rows of the ended sessions (endedRows), if they were made before. */
  readonly ended?: SessionRows | undefined
}

/** Ended sessions arrive in order of their ends. In order of their starts, times and sequences take fewer bits. */
export function endedRows(sessions: readonly StoredSession[]): SessionRows {
  return new SessionRows(sessions.filter((s) => !isOpen(s)).sort(byStart))
}

function byStart(a: StoredSession, b: StoredSession): number {
  return a.startTimeUs - b.startTimeUs
}

/** The pages of a group's ids. */
export function pagesOf(group: readonly SiteSessions[]): Map<string, PageId> {
  const ids = new Map<string, PageId>()
  for (const { orgId, siteId, sessions } of group) {
    let lastRun = ''
    let lastPage = -1
    for (const { sessionId } of sessions) {
      const page = pageOf(sequenceOf(sessionId))
      if (page === lastPage && sessionId.startsWith(lastRun)) continue
      lastRun = sessionId.slice(0, RUN_LENGTH)
      lastPage = page
      const id = { orgId, siteId, run: lastRun, page }
      ids.set(KnownIds.key(id), id)
    }
  }
  return ids
}

export const Fate = { none: 0, append: 1, open: 2, revise: 3 } as const
export type Fate = (typeof Fate)[keyof typeof Fate]

interface PlanPage {
  readonly bits: Page
  /** Index in the plan by sequence. A Map, because a group may have only one session of a page. */
  readonly places: Map<number, number>
}

interface MadeRows {
  readonly rows: SessionRows
  /** The plan's index of their first session, if all of them are in it. */
  readonly from: number
}

/** The plan has each id once, with its best record. */
export class Plan {
  /** Ended sessions that may have an interim record in session_open. */
  readonly closed: StoredSession[] = []
  /** Records whose id another record of this group has, with another five-tuple. */
  readonly conflicting: StoredSession[] = []
  readonly #pages = new Map<string, PlanPage>()
  readonly #sessions: StoredSession[] = []
  readonly #fates: Fate[] = []
  readonly #made: MadeRows[] = []
  /** The run start of each open session. */
  readonly #runs = new Map<StoredSession, number>()

  constructor(pages: ReadonlyMap<string, Page>) {
    for (const [key, bits] of pages) this.#pages.set(key, { bits, places: new Map() })
  }

  of(fate: Fate): StoredSession[] {
    return this.#sessions.filter((_, i) => this.#fates[i] === fate)
  }

  /** Takes the rows to append to `session`: those of complete batches as they are, all others as one. Call once. */
  takeAppended(): readonly SessionRows[] {
    const whole = this.#made.filter((made) => this.#isWhole(made))
    for (const { rows, from } of whole)
      this.#fates.fill(Fate.none, from, from + rows.sessions.length)
    return [...whole.map(({ rows }) => rows), new SessionRows(this.of(Fate.append))]
  }

  #isWhole({ rows, from }: MadeRows): boolean {
    return rows.sessions.every(
      (session, i) => this.#fates[from + i] === Fate.append && this.#sessions[from + i] === session,
    )
  }

  openRuns(sessions: readonly StoredSession[]): Float64Array {
    return Float64Array.from(sessions, (s) => this.#runs.get(s)!)
  }

  add(siteSessions: SiteSessions, runStartedUs: number): void {
    const { ended, sessions } = siteSessions
    if (ended === undefined) {
      this.#addInOrder(siteSessions, sessions.toSorted(byStart), runStartedUs)
    } else {
      this.#made.push({ rows: ended, from: this.#sessions.length })
      this.#addInOrder(siteSessions, ended.sessions, runStartedUs)
      this.#addInOrder(siteSessions, sessions.filter(isOpen), runStartedUs)
    }
  }

  #addInOrder(
    { orgId, siteId }: SiteSessions,
    sessions: readonly StoredSession[],
    runStartedUs: number,
  ): void {
    let run = ''
    let number = -1
    let page: PlanPage | undefined
    for (const session of sessions) {
      const sequence = sequenceOf(session.sessionId)
      if (pageOf(sequence) !== number || !session.sessionId.startsWith(run)) {
        run = session.sessionId.slice(0, RUN_LENGTH)
        number = pageOf(sequence)
        page = this.#pages.get(KnownIds.key({ orgId, siteId, run, page: number }))!
      }
      this.#decide(session, page!, sequence)
      if (isOpen(session)) this.#runs.set(session, runStartedUs)
    }
  }

  #decide(session: StoredSession, page: PlanPage, sequence: number): void {
    const { bits, places } = page
    const at = places.get(sequence) ?? -1
    const ended = has(bits.ended, sequence)
    if (at !== -1 && !isSameTuple(session, this.#sessions[at]!)) {
      this.conflicting.push(session)
      return
    }
    if (isOpen(session)) {
      if (ended) return
      set(bits.open, sequence)
      this.#put(session, Fate.open, at, places, sequence)
    } else if (ended) {
      this.#put(session, at === -1 ? Fate.revise : this.#fates[at]!, at, places, sequence)
    } else {
      set(bits.ended, sequence)
      if (has(bits.open, sequence)) {
        unset(bits.open, sequence)
        this.closed.push(session)
        if (at !== -1) this.#fates[at] = Fate.none
      }
      this.#put(session, Fate.append, -1, places, sequence)
    }
  }

  /**
   * Of two records with one id and kind, the one with more packets stays.
   * @param at the index of the other one, or -1
   */
  #put(
    session: StoredSession,
    fate: Fate,
    at: number,
    places: Map<number, number>,
    sequence: number,
  ): void {
    if (at === -1) {
      this.#fates.push(fate)
      places.set(sequence, this.#sessions.push(session) - 1)
    } else if (saysMore(session, this.#sessions[at]!)) {
      this.#sessions[at] = session
    }
  }
}
