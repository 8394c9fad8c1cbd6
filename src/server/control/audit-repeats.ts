/**
 * What strangers and readers cause many times is two entries a window of time: the first time as it happens, and how
 * often again when the window has passed. A kill loses at most the second.
 */
import { type AuditEvent, boundedFacts, type Facts } from './audit-event.js'

/** Different ones of one trail at a time; more are counted together. */
export const OPEN_OF_A_TRAIL_MAX = 100
const OPEN_MAX = 20_000

/** Differ from time to time of what is the same otherwise. Numbers are added where a sum says more than the last one. */
const VARYING = new Set(['from', 'to', 'rows', 'sessions', 'before', 'whole'])
const ADDED = new Set(['sessions'])

export interface Repeated {
  readonly event: AuditEvent
  readonly count: number
  readonly untilMs: number
}

interface Open {
  readonly first: AuditEvent
  readonly windowEndsMs: number
  readonly trail: string
  /** Since the first. */
  count: number
  sinceMs: number
  untilMs: number
  facts: Facts
}

export class Repeats {
  readonly #open = new Map<string, Open>()
  readonly #ofTrail = new Map<string, number>()

  /** @returns what is to be written now; null: it is one more of what is counted */
  take(given: AuditEvent, windowMs: number): AuditEvent | null {
    const event = { ...given, facts: boundedFacts(given.facts) }
    const key = keyOf(event)
    if (this.#open.has(key)) return this.#again(this.#open.get(key)!, event)
    const isFull =
      (this.#ofTrail.get(event.trail) ?? 0) >= OPEN_OF_A_TRAIL_MAX || this.#open.size >= OPEN_MAX
    if (!isFull) return this.#start(key, event, windowMs)
    const others = { ...event, by: null, address: null, facts: { others: true } }
    const together = keyOf(others)
    const known = this.#open.get(together)
    return known === undefined
      ? this.#start(together, others, windowMs)
      : this.#again(known, others)
  }

  /** What has been counted in windows that have passed; all of them at the end. */
  due(nowMs: number): Repeated[] {
    const due: Repeated[] = []
    for (const [key, open] of this.#open) {
      if (nowMs < open.windowEndsMs) continue
      this.#open.delete(key)
      const left = this.#ofTrail.get(open.trail)! - 1
      if (left === 0) this.#ofTrail.delete(open.trail)
      else this.#ofTrail.set(open.trail, left)
      const { first, count, sinceMs, untilMs, facts } = open
      if (count > 0) due.push({ event: { ...first, atMs: sinceMs, facts }, count, untilMs })
    }
    return due
  }

  get size(): number {
    return this.#open.size
  }

  #start(key: string, event: AuditEvent, windowMs: number): AuditEvent {
    const { trail, atMs } = event
    const counted = { count: 0, sinceMs: atMs, untilMs: atMs, facts: event.facts }
    this.#open.set(key, { first: event, trail, windowEndsMs: atMs + windowMs, ...counted })
    this.#ofTrail.set(trail, (this.#ofTrail.get(trail) ?? 0) + 1)
    return event
  }

  #again(open: Open, { atMs, facts }: AuditEvent): null {
    if (open.count === 0) open.sinceMs = atMs
    open.facts = open.count === 0 ? facts : merged(open.facts, facts)
    open.count++
    open.untilMs = Math.max(open.untilMs, atMs)
    return null
  }
}

function merged(before: Facts, now: Facts): Facts {
  const sums = [...ADDED].flatMap((name) => {
    const [a, b] = [before[name], now[name]]
    return typeof a === 'number' && typeof b === 'number' ? [[name, a + b]] : []
  })
  const from = before.from === undefined ? {} : { from: before.from }
  return { ...before, ...now, ...from, ...Object.fromEntries(sums) }
}

function keyOf({ trail, event, address, by, facts }: AuditEvent): string {
  const same = Object.entries(facts).filter(([name]) => !VARYING.has(name))
  return JSON.stringify([trail, event, address, by?.keyId ?? null, same])
}
