/** Organisations, their settings, and keys: records and rules for every implementation. */
import { createHash } from 'node:crypto'
import type { Grace } from './retention-grace.js'
import { SCOPES, type Scope } from './scope.js'

export { SCOPES, type Scope }

/** Days; 0: nothing is stored; -1: sessions are kept for ever. */
export const RETENTION_DEFAULT = 0
export const RETENTION_DAYS_MAX = 36_500

export interface OrgRecord {
  readonly orgId: string
  readonly name: string | null
  readonly retentionDays: number
  readonly createdAt: string
  /** The former, longer retention: until `untilMs` it decides what is deleted, so the change can be undone. */
  readonly grace?: Grace
}

export interface KeyRecord {
  readonly keyId: string
  readonly hash: string
  /** The key's first and last characters, `tm_read_Ab3x…9fQz`, to recognise it; null for keys of earlier versions. */
  readonly shown: string | null
  readonly scope: Scope
  /** Null for root. */
  readonly orgId: string | null
  /** Set for ingest. */
  readonly siteId: number | null
  readonly name: string
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly revokedAt: string | null
  readonly lastUsedAt: string | null
  /** The client's address at the last use; null: unknown. */
  readonly lastUsedFrom: string | null
}

export interface NewKey {
  readonly scope: Scope
  readonly orgId: string | null
  readonly siteId: number | null
  readonly name: string
  readonly expiresAt: string | null
}

export type KeyCheck =
  | { readonly ok: true; readonly key: KeyRecord }
  | {
      readonly ok: false
      readonly reason: 'keyUnknown' | 'keyRevoked' | 'keyExpired'
      readonly key?: KeyRecord
    }

/**
 * Revoked keys kept for each organisation's list. A request with an older one gets "not known" instead of "revoked".
 */
export const REVOKED_KEPT = 200

/** 1 min. A busy meter must not cause a write at each batch. */
export const LAST_USE_EVERY_MS = 60_000
/** Networks remembered for each key. The one seen first is forgotten for a further one. */
export const NETWORKS_OF_A_KEY_MAX = 16

export const KEY = /^tm_(root|admin|read|ingest)_[A-Za-z0-9_-]{43}$/

export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** 8 of the 43 random characters: enough to tell keys apart, and the other 35 cannot be guessed. */
export function shownPart(key: string): string {
  const random = key.lastIndexOf('_', key.length - 44) + 1
  return `${key.slice(0, random + 4)}…${key.slice(-4)}`
}
