/** Bounds, queries and entries of the audit trail, for every implementation. */
import type { AuditEntry, AuditEventName } from './audit-event.js'
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
