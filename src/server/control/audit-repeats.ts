/**
 * Counts repeated events, so reads and refusals make at most two entries a window of time: one for the first event, and
 * one with the number of repeats when the window is over. A killed server loses the counts of open windows.
 */
import { type AuditEvent, boundedFacts, type Facts } from './audit-event.js'

/** Different events of one kind and key that are counted apart at a time. Further ones are counted together. */
export const OPEN_OF_A_KEY_MAX = 100
const OPEN_MAX = 20_000

/** Facts that may differ between repeats of one event. The entry of the repeats merges them (MERGES). */
const VARYING = new Set(['from', 'to', 'rows', 'sessions', 'before', 'whole'])
const MERGES: Readonly<Record<string, (a: unknown, b: unknown) => unknown>> = {
  from: (a, b) => (String(a) < String(b) ? a : b),
  to: (a, b) => (String(a) > String(b) ? a : b),
  before: (a) => a,
  rows: (a, b) => (typeof a === 'number' && typeof b === 'number' ? Math.max(a, b) : null),
  sessions: added,
  whole: (a, b) => a === true && b === true,
}

export interface Repeated {
  readonly event: AuditEvent
  readonly count: number
  readonly untilMs: number
}

interface Open {
  readonly first: AuditEvent
  readonly windowEndsMs: number
  readonly owner: string
  /** Repeats after the first event. */
  count: number
  sinceMs: number
  untilMs: number
  facts: Facts
}

export class Repeats {
  readonly #open = new Map<string, Open>()
  readonly #ofOwner = new Map<string, number>()

  /** @returns the event to write now; null: it was counted as a repeat */
  take(input: AuditEvent, windowMs: number): AuditEvent | null {
    const event = { ...input, facts: boundedFacts(input.facts) }
    const key = keyOf(event)
    if (this.#open.has(key)) return this.#again(this.#open.get(key)!, event)
    const isFull = this.#open.size >= OPEN_MAX
    const isFullOfOwner = (this.#ofOwner.get(ownerOf(event)) ?? 0) >= OPEN_OF_A_KEY_MAX
    if (!isFull && !isFullOfOwner) return this.#start(key, event, windowMs)
    const by = isFull ? null : event.by
    const others = { ...event, by, address: null, facts: { others: true } }
    const together = keyOf(others)
    const known = this.#open.get(together)
    return known === undefined
      ? this.#start(together, others, windowMs)
      : this.#again(known, others)
  }

  /** Takes the counts of windows that are over at this time. */
  due(nowMs: number): Repeated[] {
    const due: Repeated[] = []
    for (const [key, open] of this.#open) {
      if (nowMs < open.windowEndsMs) continue
      this.#open.delete(key)
      const left = this.#ofOwner.get(open.owner)! - 1
      if (left === 0) this.#ofOwner.delete(open.owner)
      else this.#ofOwner.set(open.owner, left)
      const { first, count, sinceMs, untilMs, facts } = open
      if (count > 0) due.push({ event: { ...first, atMs: sinceMs, facts }, count, untilMs })
    }
    return due
  }

  get size(): number {
    return this.#open.size
  }

  #start(key: string, event: AuditEvent, windowMs: number): AuditEvent {
    const { atMs } = event
    const owner = ownerOf(event)
    const counted = { count: 0, sinceMs: atMs, untilMs: atMs, facts: event.facts }
    this.#open.set(key, { first: event, owner, windowEndsMs: atMs + windowMs, ...counted })
    this.#ofOwner.set(owner, (this.#ofOwner.get(owner) ?? 0) + 1)
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
  const one = (name: string, value: unknown) =>
    name in before ? (MERGES[name]?.(before[name], value) ?? value) : value
  return Object.fromEntries([
    ...Object.entries(before),
    ...Object.entries(now).map(([name, value]) => [name, one(name, value)]),
  ])
}

/** Null if one of them is unknown. */
function added(a: unknown, b: unknown): number | null {
  return typeof a === 'number' && typeof b === 'number' ? a + b : null
}

/** All requests without a known key share one owner. */
function ownerOf({ trail, event, by }: AuditEvent): string {
  return JSON.stringify([trail, event, by?.keyId ?? null])
}

function keyOf({ trail, event, address, by, facts }: AuditEvent): string {
  const same = Object.entries(facts).filter(([name]) => !VARYING.has(name))
  return JSON.stringify([trail, event, address, by?.keyId ?? null, same])
}
