/**
 * What strangers and readers cause many times is two entries a window of time: the first time as it happens, and how
 * often again when the window has passed. A kill loses at most the second.
 */
import { type AuditEvent, boundedFacts, type Facts } from './audit-event.js'

/** Different ones of one event and key of a trail at a time; more are counted together, and hide nobody else's. */
export const OPEN_OF_A_KEY_MAX = 100
const OPEN_MAX = 20_000

/** Differ from time to time of what is the same otherwise. One entry says the most that all of them came to. */
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
  /** Since the first. */
  count: number
  sinceMs: number
  untilMs: number
  facts: Facts
}

export class Repeats {
  readonly #open = new Map<string, Open>()
  readonly #ofOwner = new Map<string, number>()

  /** @returns what is to be written now; null: it is one more of what is counted */
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

  /** What has been counted in windows that have passed; all of them at the end. */
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

/** Null where one of them is not known. */
function added(a: unknown, b: unknown): number | null {
  return typeof a === 'number' && typeof b === 'number' ? a + b : null
}

/** Strangers have no key, and share. */
function ownerOf({ trail, event, by }: AuditEvent): string {
  return JSON.stringify([trail, event, by?.keyId ?? null])
}

function keyOf({ trail, event, address, by, facts }: AuditEvent): string {
  const same = Object.entries(facts).filter(([name]) => !VARYING.has(name))
  return JSON.stringify([trail, event, address, by?.keyId ?? null, same])
}
