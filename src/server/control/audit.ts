/**
 * The contract of the audit trail, and what every implementation shares. Nothing changes an entry. Entries are deleted
 * only by age or at a bound.
 *
 * Three bounds: repeated events are counted (audit-repeats.ts), each kind of a trail has a bound, and so have all
 * trails together. There the largest kind of a trail loses its oldest entries, so a noisy organisation loses its own
 * first.
 */
import {
  type AuditEntry,
  type AuditEvent,
  type AuditEventName,
  boundedFacts,
} from './audit-event.js'
import type { Repeated } from './audit-repeats.js'

/** Entries read for one page. A filter that matches few of them gets a short page and its continuation. */
export const SCANNED_MAX = 5000
const MiB = 2 ** 20

export interface AuditBounds {
  /** In the order of KINDS: deed, read, refusal. */
  readonly entries: readonly [number, number, number]
  readonly bytes: readonly [number, number, number]
  readonly allBytes: number
}
export const AUDIT_BOUNDS: AuditBounds = {
  entries: [50_000, 100_000, 20_000],
  bytes: [32 * MiB, 32 * MiB, 8 * MiB],
  allBytes: 256 * MiB,
}

export interface AuditQuery {
  readonly fromMs?: number
  readonly toMs?: number
  readonly events?: readonly AuditEventName[]
  /** The id of the acting key, or of the key that was changed. */
  readonly keyId?: string
  readonly address?: string
  /** Entries before this id. */
  readonly before?: number
  readonly limit: number
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly AuditEntry[]
  /** `before` of the next page; null: there is none. */
  readonly next: number | null
  /** Entries of the trail that were deleted at a bound, before their time. */
  readonly dropped: number
}

export interface AuditTrail {
  /** @param failed is told when waiting entries could not be written */
  onFailure(failed: (error: unknown) => void): void
  /** Resolves when the entry is durable. */
  record(event: AuditEvent): Promise<void>
  /** For events that may repeat. The first is written within about a second, repeats as one count after the window. */
  note(event: AuditEvent, windowMs?: number): void
  page(trail: string, query: AuditQuery): Promise<AuditPage>
  /** Whether the trail has entries. */
  has(trail: string): Promise<boolean>
  /**
   * Removes old entries.
   * @param cutMs the time before which a trail's entries go; null: it keeps all
   * @returns how many
   */
  expire(cutMs: (trail: string) => number | null): Promise<number>
  /** Writes waiting entries and open counts. */
  close(): Promise<void>
}

/** An event that happened once. */
export function onceNow(event: AuditEvent): Repeated {
  return { event: { ...event, facts: boundedFacts(event.facts) }, count: 1, untilMs: event.atMs }
}

export function entryOf(id: number, { event: repeated, count, untilMs }: Repeated): AuditEntry {
  const { event, atMs, address, by, facts } = repeated
  return {
    id,
    at: new Date(atMs).toISOString(),
    event,
    count,
    until: count === 1 ? null : new Date(untilMs).toISOString(),
    address,
    by: by?.keyId ?? null,
    byName: by?.name ?? null,
    scope: by?.scope ?? null,
    facts,
  }
}

/** The time of the last repeat, so a count expires only when all of it is old. */
export function timeOf({ at, until }: AuditEntry): number {
  return Date.parse(until ?? at)
}

export function bytesOf(entry: AuditEntry): number {
  return Buffer.byteLength(JSON.stringify(entry))
}

export function isAsked(
  entry: AuditEntry,
  { fromMs, toMs, events, keyId, address }: AuditQuery,
): boolean {
  return (
    (fromMs === undefined || timeOf(entry) >= fromMs) &&
    (toMs === undefined || Date.parse(entry.at) < toMs) &&
    (events === undefined || events.includes(entry.event)) &&
    (keyId === undefined || entry.by === keyId || entry.facts.keyId === keyId) &&
    (address === undefined || entry.address === address)
  )
}
