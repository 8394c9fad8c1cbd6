/** Entries of the audit trail: who did what, from where, with which effect. All values are bounded here. */
import { printable } from '../../base/printable.js'
import type { Scope } from './scope.js'

/** The trail of the server itself: root keys, organisations, backups, refusals without a known key. */
export const OPERATOR_TRAIL = ''

/**
 * Each kind has its own bound in each trail, so reads and refusals do not use up the bound of deeds.
 * The file has these numbers: never change one.
 */
export const KINDS = { deed: 0, read: 1, refusal: 2 } as const
export type Kind = keyof typeof KINDS

export const AUDIT_EVENTS = {
  serverStarted: 'deed',
  orgCreated: 'deed',
  orgRemoveStarted: 'deed',
  orgRemoved: 'deed',
  siteRemoveStarted: 'deed',
  siteRemoved: 'deed',
  meterRemoved: 'deed',
  keyCreated: 'deed',
  keyRevoked: 'deed',
  keyForgotten: 'deed',
  settingsChanged: 'deed',
  catalogReplaced: 'deed',
  sessionsExpired: 'deed',
  subjectExported: 'deed',
  subjectEraseStarted: 'deed',
  subjectErased: 'deed',
  backupMade: 'deed',
  destinationAdded: 'deed',
  destinationChanged: 'deed',
  destinationRemoved: 'deed',
  destinationPaused: 'deed',
  destinationResumed: 'deed',
  destinationBackfilled: 'deed',
  destinationBackfillStopped: 'deed',
  deadLettersResent: 'deed',
  deadLettersDiscarded: 'deed',
  alertAdded: 'deed',
  alertChanged: 'deed',
  alertRemoved: 'deed',
  auditExported: 'read',
  signedIn: 'read',
  signedOut: 'read',
  keyUsedFromNewAddress: 'read',
  personQueried: 'read',
  subjectNotFound: 'read',
  exportStarted: 'read',
  exportEnded: 'read',
  deadLettersRead: 'read',
  viewSaved: 'read',
  viewRemoved: 'read',
  keyRefused: 'refusal',
  signInRefused: 'refusal',
  scopeExceeded: 'refusal',
} as const satisfies Record<string, Kind>
export type AuditEventName = keyof typeof AUDIT_EVENTS
export const AUDIT_EVENT_NAMES = Object.keys(AUDIT_EVENTS) as AuditEventName[]

export type Facts = Readonly<Record<string, unknown>>

export interface AuditEvent {
  readonly event: AuditEventName
  readonly atMs: number
  /** An organisation's id, or OPERATOR_TRAIL. */
  readonly trail: string
  /** The client's address; null: a command on the server's machine, or the server itself. */
  readonly address: string | null
  /** Null: no key, or an unknown one. */
  readonly by: {
    readonly keyId: string
    readonly name: string
    readonly scope: Scope
  } | null
  readonly facts: Facts
}

export interface AuditEntry {
  /** Rises with each entry, over all trails. */
  readonly id: number
  readonly at: string
  readonly event: AuditEventName
  /** The number of times between `at` and `until`. */
  readonly count: number
  readonly until: string | null
  readonly address: string | null
  readonly by: string | null
  readonly byName: string | null
  readonly scope: Scope | null
  readonly facts: Facts
}

/** Enough for the longest query: 500 characters of up to 4 bytes. */
const TEXT_BYTES_MAX = 2048
const LIST_MAX = 100
const DEPTH_MAX = 6
const FACTS_BYTES_MAX = 16 * 1024

/**
 * Facts of bounded size. Long texts and lists are shortened, deep values replaced by `…`. If all facts together are too
 * large, some are left out, and `cut: true` says so.
 */
export function boundedFacts(facts: Facts): Facts {
  const bounded = bound(facts, 0) as Record<string, unknown>
  if (sizeOf(bounded) <= FACTS_BYTES_MAX) return bounded
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(bounded)) {
    kept[name] = value
    if (sizeOf(kept) > FACTS_BYTES_MAX - 16) delete kept[name]
  }
  return { ...kept, cut: true }
}

function bound(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return printable(value, TEXT_BYTES_MAX)
  if (typeof value !== 'object' || value === null) return value
  if (depth === DEPTH_MAX) return '…'
  if (Array.isArray(value)) return value.slice(0, LIST_MAX).map((one) => bound(one, depth + 1))
  const own = Object.entries(value).slice(0, LIST_MAX)
  return Object.fromEntries(
    own.map(([name, one]) => [printable(name, TEXT_BYTES_MAX), bound(one, depth + 1)]),
  )
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
