/**
 * Organisations, their settings, and keys. They are small, read at every request, and changed by the server and by
 * commands such as `tunmeter keys`. So they are in an lmdb file, which several processes may open at a time, and not in
 * the database, which only one process may open.
 *
 *   org      orgId -> OrgRecord
 *   key      keyId -> KeyRecord
 *   orgKey   [orgId, keyId] -> ISO time of the revocation, or ''; root keys have the orgId ''
 *   keyHash  hex of SHA-256 of the key -> keyId
 *   keyUsed  keyId -> ISO time of the last use, a space, the client's address
 *   keySeen  keyId -> networks from which the key was used, in order of their first use
 *   removed  see removals.ts
 *   clock    'believed' -> milliseconds since 1970 (trusted-clock.ts)
 *   audit…   see audit.ts
 *   destination…, deadLetter   see server/destinations/records.ts
 *
 * A key's record decides what the key may do. Only creating and revoking write the record. The time of the last use is
 * kept apart, so a request can never bring a revoked key back.
 *
 * An organisation with many keys slows down no other one: its keys are found by orgKey, and only its REVOKED_KEPT
 * newest revoked keys are kept.
 *
 * A key is `tm_<scope>_<43 characters>`: 256 random bits, so its SHA-256 needs no salt and no slow hash. Only the
 * hash is stored. A change is durable when its promise resolves (lmdb syncs each transaction).
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Database, Key, RootDatabase } from 'lmdb'
import { AppError } from '../../../base/errors.js'
import { ORG_ID } from '../../../session/bounds.js'
import {
  hashKey,
  type KeyCheck,
  type KeyRecord,
  LAST_USE_EVERY_MS,
  NETWORKS_OF_A_KEY_MAX,
  type NewKey,
  type OrgRecord,
  RETENTION_DEFAULT,
  REVOKED_KEPT,
  shownPart,
} from '../control.js'
import { graceFor } from '../retention-grace.js'
import { commitFault, ignoreFailure, openControlFile } from './control-file.js'
import { AuditTrail } from './lmdb-audit.js'
import { Removals } from './lmdb-removals.js'

export class Control {
  readonly #root: RootDatabase
  readonly #orgs: Database<OrgRecord, string>
  readonly #keys: Database<KeyRecord, string>
  readonly #byOrg: Database<string, [orgId: string, keyId: string]>
  readonly #hashes: Database<string, string>
  readonly #used: Database<string, string>
  readonly #seen: Database<readonly string[], string>
  readonly #clock: Database<number, string>
  readonly audit: AuditTrail
  readonly removals: Removals

  /** @throws AppError DATA_UNUSABLE */
  constructor(directory: string) {
    this.#root = openControlFile(directory)
    this.#orgs = this.#root.openDB<OrgRecord, string>('org', { encoding: 'json' })
    this.#keys = this.#root.openDB<KeyRecord, string>('key', { encoding: 'json' })
    this.#byOrg = this.#root.openDB('orgKey', { encoding: 'json' })
    this.#hashes = this.#root.openDB<string, string>('keyHash', { encoding: 'json' })
    this.#used = this.#root.openDB<string, string>('keyUsed', { encoding: 'json' })
    this.#seen = this.#root.openDB<readonly string[], string>('keySeen', { encoding: 'json' })
    this.#clock = this.#root.openDB<number, string>('clock', { encoding: 'json' })
    this.audit = new AuditTrail(this.#root)
    this.removals = new Removals(this.#root)
    this.#indexKeys()
  }

  /** Builds orgKey for a file of an earlier version. */
  #indexKeys(): void {
    const indexed = () => entries(this.#byOrg) === entries(this.#keys)
    if (indexed()) return
    this.#commit(() => {
      if (indexed()) return
      this.#byOrg.clearSync()
      const orgs = new Set<string>()
      for (const { value } of this.#keys.getRange()) {
        this.#byOrg.put(placeOf(value), value.revokedAt ?? '')
        orgs.add(value.orgId ?? '')
      }
      for (const orgId of orgs) this.#forgetRevoked(orgId)
    })
  }

  /** In a transaction. */
  #forgetRevoked(orgId: string): void {
    const revoked = [...this.#byOrg.getRange(allOf(orgId))].filter(({ value }) => value !== '')
    revoked.sort((a, b) => b.value.localeCompare(a.value))
    for (const { key } of revoked.slice(REVOKED_KEPT)) this.#forget(key)
  }

  /** In a transaction. */
  #forget(place: [orgId: string, keyId: string]): void {
    const [, keyId] = place
    const hash = this.#keys.get(keyId)?.hash
    if (hash !== undefined) this.#hashes.remove(hash)
    this.#keys.remove(keyId)
    this.#used.remove(keyId)
    this.#seen.remove(keyId)
    this.#byOrg.remove(place)
  }

  org(orgId: string): OrgRecord | undefined {
    return this.#orgs.get(orgId)
  }

  orgs(): OrgRecord[] {
    return [...this.#orgs.getRange().map(({ value }) => value)]
  }

  /**
   * Creates the organisation if it is new, and applies the change. A shorter retention deletes after GRACE_MS (24 h).
   * @param deletesNow a shorter retention deletes without this delay
   * @throws AppError BAD_ORG, ORG_REMOVED, STORE_FULL, DATA_UNUSABLE
   */
  async putOrg(
    orgId: string,
    change: Partial<Pick<OrgRecord, 'name' | 'retentionDays'>> = {},
    { nowMs = Date.now(), deletesNow = false } = {},
  ): Promise<OrgRecord> {
    if (!ORG_ID.test(orgId)) {
      throw new AppError('BAD_ORG', `"${orgId}" is no id of an organisation`, {
        hint: 'Use up to 63 letters, digits, - and _, beginning with a letter or digit.',
      })
    }
    return this.#commit(() => {
      const old = this.#orgs.get(orgId)
      if (old === undefined) this.#mustBeFree(orgId)
      const fresh = {
        orgId,
        name: null,
        retentionDays: RETENTION_DEFAULT,
        createdAt: new Date().toISOString(),
      }
      const { grace, ...before } = old ?? { ...fresh, grace: undefined }
      const { retentionDays } = change
      const next = retentionDays === undefined ? grace : graceFor(old, retentionDays, nowMs)
      const record: OrgRecord = {
        ...before,
        ...change,
        ...(next !== undefined && !deletesNow && { grace: next }),
      }
      this.#orgs.put(orgId, record)
      return record
    })
  }

  /**
   * A removed organisation leaves its audit trail, which a new one of the same name must not read.
   * @throws AppError ORG_REMOVED
   */
  #mustBeFree(orgId: string): void {
    if (!this.removals.isGoing(orgId) && !this.audit.has(orgId)) return
    throw new AppError('ORG_REMOVED', `an organisation "${orgId}" was removed`, {
      hint: 'Use another name, or wait until the audit trail of the removed one has expired.',
    })
  }

  /**
   * Removes the organisation and its keys; its audit trail stays. Its stored data are deleted later: removals.going().
   * @returns the number of removed keys; undefined: there is no such organisation
   */
  async removeOrg(orgId: string, nowMs = Date.now()): Promise<number | undefined> {
    return this.#commit(() => {
      if (this.#orgs.get(orgId) === undefined) return undefined
      const keys = [...this.#byOrg.getKeys(allOf(orgId))]
      for (const place of keys) this.#forget(place)
      this.removals.begin(orgId, nowMs)
      this.#orgs.remove(orgId)
      return keys.length
    })
  }

  /** To be called when the removed organisation's stored data are deleted. */
  async orgIsGone(orgId: string): Promise<void> {
    this.#commit(() => this.removals.finish(orgId))
  }

  /** Revokes the site's keys. @returns those that were not revoked before */
  async closeSite(orgId: string, siteId: number): Promise<KeyRecord[]> {
    const own = this.keys(orgId).filter((k) => k.siteId === siteId && k.revokedAt === null)
    for (const { keyId } of own) await this.revokeKey(keyId)
    return own
  }

  /** Marks a closed site, or one of its meters, as removed. */
  async remove(orgId: string, siteId: number, meterId: string | undefined, atMs: number) {
    this.#commit(() => this.removals.add(orgId, siteId, meterId, atMs))
  }

  /** @returns the key itself, which is not stored */
  async createKey(wanted: NewKey): Promise<{ key: string; record: KeyRecord }> {
    if (wanted.orgId !== null) await this.putOrg(wanted.orgId)
    const key = `tm_${wanted.scope}_${randomBytes(32).toString('base64url')}`
    const record: KeyRecord = {
      keyId: randomBytes(9).toString('base64url').replace(/^-/, '_'),
      hash: hashKey(key),
      shown: shownPart(key),
      ...wanted,
      createdAt: new Date().toISOString(),
      revokedAt: null,
      lastUsedAt: null,
      lastUsedFrom: null,
    }
    await this.#commit(() => {
      this.#keys.put(record.keyId, record)
      this.#byOrg.put(placeOf(record), '')
      this.#hashes.put(record.hash, record.keyId)
    })
    return { key, record }
  }

  /**
   * Whether the presented key is valid now. The search is by its hash, so the time of an answer does not help
   * guessing.
   */
  check(presented: string, nowMs: number): KeyCheck {
    const hash = hashKey(presented)
    const keyId = this.#hashes.get(hash)
    const record = keyId === undefined ? undefined : this.#keys.get(keyId)
    if (record === undefined || !timingSafeEqual(Buffer.from(record.hash), Buffer.from(hash))) {
      return { ok: false, reason: 'keyUnknown' }
    }
    if (record.revokedAt !== null) return { ok: false, reason: 'keyRevoked', key: record }
    if (record.expiresAt !== null && Date.parse(record.expiresAt) <= nowMs) {
      return { ok: false, reason: 'keyExpired', key: record }
    }
    return { ok: true, key: record }
  }

  /** Stores the time and address of a use, at most once a minute. Requests do not wait for it; a full disk loses it. */
  used({ keyId }: KeyRecord, address: string, nowMs: number): void {
    const [last] = this.#lastUse(keyId)
    if (last !== undefined && nowMs - Date.parse(last) < LAST_USE_EVERY_MS) return
    ignoreFailure(this.#used.put(keyId, `${new Date(nowMs).toISOString()} ${address}`))
  }

  /** Whether the key was never used from this network; remembers it. If a full disk loses that, it is new again. */
  isNewNetwork({ keyId }: KeyRecord, network: string): boolean {
    const known = this.#seen.get(keyId) ?? []
    if (known.includes(network)) return false
    ignoreFailure(this.#seen.put(keyId, [...known, network].slice(-NETWORKS_OF_A_KEY_MAX)))
    return true
  }

  key(keyId: string): KeyRecord | undefined {
    const record = this.#keys.get(keyId)
    return record && this.#withLastUse(record)
  }

  /** The keys of one organisation, or of all; the newest first. */
  keys(orgId?: string): KeyRecord[] {
    const records =
      orgId === undefined
        ? [...this.#keys.getRange().map(({ value }) => value)]
        : [...this.#byOrg.getRange(allOf(orgId))].flatMap(({ key }) => this.#keys.get(key[1]) ?? [])
    return records
      .map((k) => this.#withLastUse(k))
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
  }

  /** Keys of the organisation that are not revoked. */
  countKeys(orgId: string): number {
    return [...this.#byOrg.getRange(allOf(orgId))].filter(({ value }) => value === '').length
  }

  hasKeys(): boolean {
    return this.#keys.getKeysCount({ limit: 1 }) > 0
  }

  async revokeKey(keyId: string): Promise<KeyRecord | undefined> {
    return this.#commit(() => {
      const record = this.#keys.get(keyId)
      if (record === undefined) return undefined
      if (record.revokedAt !== null) return record
      const revoked = { ...record, revokedAt: new Date().toISOString() }
      this.#keys.put(keyId, revoked)
      this.#byOrg.put(placeOf(revoked), revoked.revokedAt)
      this.#forgetRevoked(record.orgId ?? '')
      return revoked
    })
  }

  /** Removes a key's record if the key is revoked. @returns the record as it was */
  async forgetKey(keyId: string): Promise<KeyRecord | undefined> {
    return this.#commit(() => {
      const record = this.#keys.get(keyId)
      if (record !== undefined && record.revokedAt !== null) this.#forget(placeOf(record))
      return record
    })
  }

  /** The last trusted time, see TrustedClock; undefined in a new file. */
  get believedMs(): number | undefined {
    return this.#clock.get('believed')
  }

  /** A full disk loses the new time and keeps the former one. */
  noteBelieved(ms: number): void {
    ignoreFailure(this.#clock.put('believed', ms))
  }

  /** Records of earlier versions hold the last use themselves, without an address, and no `shown`. */
  #withLastUse(record: KeyRecord): KeyRecord {
    const [lastUsedAt = record.lastUsedAt, lastUsedFrom = null] = this.#lastUse(record.keyId)
    return { ...record, shown: record.shown ?? null, lastUsedAt, lastUsedFrom }
  }

  /** Time and address; empty if the key was never used. */
  #lastUse(keyId: string): string[] {
    return this.#used.get(keyId)?.split(' ') ?? []
  }

  /**
   * Runs `work` in a transaction that is durable when this returns.
   * @throws AppError STORE_FULL, DATA_UNUSABLE; then nothing is changed
   */
  #commit<T>(work: () => T): T {
    try {
      return this.#root.transactionSync(work)
    } catch (error) {
      throw commitFault(error)
    }
  }

  /** A further table in the same file, for other parts of the server. */
  table<V, K extends Key>(name: string): Database<V, K> {
    return this.#root.openDB<V, K>(name, { encoding: 'json' })
  }

  async backup(file: string): Promise<void> {
    await this.#root.backup(file, false)
  }

  async close(): Promise<void> {
    this.audit.close()
    await this.#root.close()
  }
}

function placeOf({ orgId, keyId }: KeyRecord): [orgId: string, keyId: string] {
  return [orgId ?? '', keyId]
}

/** '~' sorts after all key ids, which are base64url. */
function allOf(orgId: string): {
  start: [orgId: string, keyId: string]
  end: [orgId: string, keyId: string]
} {
  return { start: [orgId, ''], end: [orgId, '~'] }
}

function entries(database: Database): number {
  return (database.getStats() as { entryCount: number }).entryCount
}
