/**
 * Organisations, their settings, and keys: the contract, and what every implementation shares.
 *
 * A key is `tm_<scope>_<43 characters>`: 256 random bits, so its SHA-256 needs no salt and no slow hash. Only the
 * hash is stored.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { AppError } from '../../base/errors.js'
import { ORG_ID } from '../../session/bounds.js'
import type { AuditTrail } from './audit.js'
import type { Documents } from './documents.js'
import type { Removals } from './removals.js'
import { type Grace, graceFor } from './retention-grace.js'
import { SCOPES, type Scope } from './scope.js'
import type { SignIns } from './sign-ins.js'

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

/** Organisations and their settings. */
export interface Organisations {
  org(orgId: string): OrgRecord | undefined
  orgs(): OrgRecord[]
  /**
   * Creates the organisation if it is new, and applies the change. A shorter retention deletes after GRACE_MS (24 h).
   * @throws AppError BAD_ORG, ORG_REMOVED
   */
  putOrg(orgId: string, change?: OrgChange, when?: When): Promise<OrgRecord>
  /**
   * Removes the organisation and its keys; its audit trail stays. Its stored data are deleted later: removals.going().
   * @returns the number of removed keys; undefined: there is no such organisation
   */
  removeOrg(orgId: string, nowMs?: number): Promise<number | undefined>
  /** To be called when the removed organisation's stored data are deleted. */
  orgIsGone(orgId: string): Promise<void>
}

export type OrgChange = Partial<Pick<OrgRecord, 'name' | 'retentionDays'>>
export interface When {
  readonly nowMs?: number
  /** A shorter retention deletes without the delay. */
  readonly deletesNow?: boolean
}

/**
 * A key's record decides what the key may do. Only creating and revoking write the record. The time of the last use is
 * kept apart, so a request can never bring a revoked key back.
 */
export interface Keys {
  /** Whether the presented key is valid now. @throws AppError CONTROL_AWAY */
  check(presented: string, nowMs: number): KeyCheck
  /** For decisions: its last use may be an older one. */
  key(keyId: string): KeyRecord | undefined
  /** The keys of one organisation, or of all; the newest first. */
  keys(orgId?: string): Promise<KeyRecord[]>
  /** Keys of the organisation that are not revoked. */
  countKeys(orgId: string): Promise<number>
  hasKeys(): Promise<boolean>
  /** @returns the key itself, which is not stored */
  createKey(wanted: NewKey): Promise<{ key: string; record: KeyRecord }>
  revokeKey(keyId: string): Promise<KeyRecord | undefined>
  /** Removes a key's record if the key is revoked. @returns the record as it was */
  forgetKey(keyId: string): Promise<KeyRecord | undefined>
  /** Revokes the site's keys. @returns those that were not revoked before */
  closeSite(orgId: string, siteId: number): Promise<KeyRecord[]>
  /** Stores the time and address of a use, at most once a minute. Requests do not wait for it; a failure loses it. */
  used(key: KeyRecord, address: string, nowMs: number): void
  /** Whether the key was never used from this network; remembers it. */
  isNewNetwork(key: KeyRecord, network: string): Promise<boolean>
}

/**
 * The contract for settings, keys and what operators did. A change is durable when its promise resolves. What each
 * request asks (check, key, org, orgs) is answered from memory and at once; an implementation whose file other servers
 * change, too, answers with their changes at most STALE_MS old, or throws CONTROL_AWAY.
 */
export interface Control extends Organisations, Keys {
  readonly audit: AuditTrail
  readonly removals: Removals
  readonly signIns: SignIns
  readonly documents: Documents
  /** The last trusted time, see TrustedClock; undefined: none is known. */
  believedMs(): Promise<number | undefined>
  /** A failure loses the new time and keeps the former one. */
  noteBelieved(ms: number): void
  /** Writes a consistent copy. @throws AppError NO_BACKUP if it has none of its own */
  backup(file: string): Promise<void>
  close(): Promise<void>
}
export const STALE_MS = 5000

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

/** A new key and its record. */
export function makeKey(wanted: NewKey): { key: string; record: KeyRecord } {
  const key = `tm_${wanted.scope}_${randomBytes(32).toString('base64url')}`
  const record = {
    keyId: randomBytes(9).toString('base64url').replace(/^-/, '_'),
    hash: hashKey(key),
    shown: shownPart(key),
    ...wanted,
    createdAt: new Date().toISOString(),
    revokedAt: null,
    lastUsedAt: null,
    lastUsedFrom: null,
  }
  return { key, record }
}

/**
 * What a key may do now, by the record that its hash found. The search is by the hash, so the time of an answer does
 * not help guessing.
 */
export function checked(hash: string, record: KeyRecord | undefined, nowMs: number): KeyCheck {
  if (record === undefined || !timingSafeEqual(Buffer.from(record.hash), Buffer.from(hash)))
    return { ok: false, reason: 'keyUnknown' }
  if (record.revokedAt !== null) return { ok: false, reason: 'keyRevoked', key: record }
  if (record.expiresAt !== null && Date.parse(record.expiresAt) <= nowMs)
    return { ok: false, reason: 'keyExpired', key: record }
  return { ok: true, key: record }
}

/** The organisation's record after a change; `old` undefined: a new one. */
export function changedOrg(
  orgId: string,
  old: OrgRecord | undefined,
  change: OrgChange,
  { nowMs = Date.now(), deletesNow = false }: When,
): OrgRecord {
  const fresh = {
    orgId,
    name: null,
    retentionDays: RETENTION_DEFAULT,
    createdAt: new Date().toISOString(),
  }
  const { grace, ...before } = old ?? { ...fresh, grace: undefined }
  const { retentionDays } = change
  const next = retentionDays === undefined ? grace : graceFor(old, retentionDays, nowMs)
  return { ...before, ...change, ...(next !== undefined && !deletesNow && { grace: next }) }
}

/** @throws AppError BAD_ORG */
export function mustBeOrgId(orgId: string): void {
  if (ORG_ID.test(orgId)) return
  throw new AppError('BAD_ORG', `"${orgId}" is no id of an organisation`, {
    hint: 'Use up to 63 letters, digits, - and _, beginning with a letter or digit.',
  })
}

/** A removed organisation leaves its audit trail, which a new one of the same name must not read. */
export function wasRemoved(orgId: string): AppError {
  return new AppError('ORG_REMOVED', `an organisation "${orgId}" was removed`, {
    hint: 'Use another name, or wait until the audit trail of the removed one has expired.',
  })
}

/** 8 of the 43 random characters: enough to tell keys apart, and the other 35 cannot be guessed. */
function shownPart(key: string): string {
  const random = key.lastIndexOf('_', key.length - 44) + 1
  return `${key.slice(0, random + 4)}…${key.slice(-4)}`
}
