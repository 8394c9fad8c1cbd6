/**
 * Control in an lmdb file. Organisations and keys are small, read at every request, and changed by the server and by
 * commands such as `tunmeter keys`. An lmdb file may be open in several processes at a time; the database may not.
 *
 *   org      orgId -> OrgRecord
 *   key      keyId -> KeyRecord
 *   orgKey   [orgId, keyId] -> ISO time of the revocation, or ''; root keys have the orgId ''
 *   keyHash  hex of SHA-256 of the key -> keyId
 *   keyUsed  keyId -> ISO time of the last use, a space, the client's address
 *   keySeen  keyId -> networks from which the key was used, in order of their first use
 *   removed  see lmdb-removals.ts
 *   clock    'believed' -> milliseconds since 1970 (trusted-clock.ts)
 *   audit…   see lmdb-audit.ts
 *   document   see lmdb-documents.ts
 *   destination…, deadLetter   see server/destinations/records.ts
 *
 * An organisation with many keys slows down no other one: its keys are found by orgKey, and only its REVOKED_KEPT
 * newest revoked keys are kept.
 *
 * A change is durable when its promise resolves (lmdb syncs each transaction).
 */
import type { Database, Key, RootDatabase } from 'lmdb'
import type { AuditBounds } from '../audit.js'
import {
  type Control,
  changedOrg,
  checked,
  hashKey,
  type KeyCheck,
  type KeyRecord,
  LAST_USE_EVERY_MS,
  makeKey,
  mustBeOrgId,
  NETWORKS_OF_A_KEY_MAX,
  type NewKey,
  type OrgChange,
  type OrgRecord,
  REVOKED_KEPT,
  type When,
  wasRemoved,
} from '../control.js'
import { MemorySignIns } from '../sign-ins.js'
import { commitFault, ignoreFailure, openControlFile } from './control-file.js'
import { LmdbAuditTrail } from './lmdb-audit.js'
import { LmdbDocuments } from './lmdb-documents.js'
import { LmdbRemovals } from './lmdb-removals.js'

export class LmdbControl implements Control {
  readonly #root: RootDatabase
  readonly #orgs: Database<OrgRecord, string>
  readonly #keys: Database<KeyRecord, string>
  readonly #byOrg: Database<string, [orgId: string, keyId: string]>
  readonly #hashes: Database<string, string>
  readonly #used: Database<string, string>
  readonly #seen: Database<readonly string[], string>
  readonly #clock: Database<number, string>
  readonly audit: LmdbAuditTrail
  readonly removals: LmdbRemovals
  readonly signIns = new MemorySignIns()
  readonly documents: LmdbDocuments

  /** @throws AppError DATA_UNUSABLE */
  constructor(directory: string, auditBounds?: AuditBounds) {
    this.#root = openControlFile(directory)
    this.#orgs = this.#root.openDB<OrgRecord, string>('org', { encoding: 'json' })
    this.#keys = this.#root.openDB<KeyRecord, string>('key', { encoding: 'json' })
    this.#byOrg = this.#root.openDB('orgKey', { encoding: 'json' })
    this.#hashes = this.#root.openDB<string, string>('keyHash', { encoding: 'json' })
    this.#used = this.#root.openDB<string, string>('keyUsed', { encoding: 'json' })
    this.#seen = this.#root.openDB<readonly string[], string>('keySeen', { encoding: 'json' })
    this.#clock = this.#root.openDB<number, string>('clock', { encoding: 'json' })
    this.audit = new LmdbAuditTrail(this.#root, auditBounds)
    this.removals = new LmdbRemovals(this.#root)
    this.documents = new LmdbDocuments(this.#root, (orgId) => this.#orgs.doesExist(orgId))
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
    this.documents.forgetOwner(keyId)
  }

  org(orgId: string): OrgRecord | undefined {
    return this.#orgs.get(orgId)
  }

  orgs(): OrgRecord[] {
    return [...this.#orgs.getRange().map(({ value }) => value)]
  }

  /** @throws AppError BAD_ORG, ORG_REMOVED, STORE_FULL, DATA_UNUSABLE */
  async putOrg(orgId: string, change: OrgChange = {}, when: When = {}): Promise<OrgRecord> {
    mustBeOrgId(orgId)
    return this.#commit(() => {
      const old = this.#orgs.get(orgId)
      if (old === undefined && (this.removals.isGoing(orgId) || this.audit.hasNow(orgId)))
        throw wasRemoved(orgId)
      const record = changedOrg(orgId, old, change, when)
      this.#orgs.put(orgId, record)
      return record
    })
  }

  async removeOrg(orgId: string, nowMs = Date.now()): Promise<number | undefined> {
    return this.#commit(() => {
      if (this.#orgs.get(orgId) === undefined) return undefined
      const keys = [...this.#byOrg.getKeys(allOf(orgId))]
      for (const place of keys) this.#forget(place)
      this.removals.begin(orgId, nowMs)
      this.documents.forgetOrg(orgId)
      this.#orgs.remove(orgId)
      return keys.length
    })
  }

  async orgIsGone(orgId: string): Promise<void> {
    this.#commit(() => this.removals.finish(orgId))
  }

  async closeSite(orgId: string, siteId: number): Promise<KeyRecord[]> {
    const all = await this.keys(orgId)
    const own = all.filter((k) => k.siteId === siteId && k.revokedAt === null)
    for (const { keyId } of own) await this.revokeKey(keyId)
    return own
  }

  async createKey(wanted: NewKey): Promise<{ key: string; record: KeyRecord }> {
    if (wanted.orgId !== null) await this.putOrg(wanted.orgId)
    const { key, record } = makeKey(wanted)
    await this.#commit(() => {
      this.#keys.put(record.keyId, record)
      this.#byOrg.put(placeOf(record), '')
      this.#hashes.put(record.hash, record.keyId)
    })
    return { key, record }
  }

  check(presented: string, nowMs: number): KeyCheck {
    const hash = hashKey(presented)
    const keyId = this.#hashes.get(hash)
    return checked(hash, keyId === undefined ? undefined : this.#keys.get(keyId), nowMs)
  }

  used({ keyId }: KeyRecord, address: string, nowMs: number): void {
    const [last] = this.#lastUse(keyId)
    if (last !== undefined && nowMs - Date.parse(last) < LAST_USE_EVERY_MS) return
    ignoreFailure(this.#used.put(keyId, `${new Date(nowMs).toISOString()} ${address}`))
  }

  /** If a full disk loses a network, it is new again. */
  async isNewNetwork({ keyId }: KeyRecord, network: string): Promise<boolean> {
    const known = this.#seen.get(keyId) ?? []
    if (known.includes(network)) return false
    ignoreFailure(this.#seen.put(keyId, [...known, network].slice(-NETWORKS_OF_A_KEY_MAX)))
    return true
  }

  key(keyId: string): KeyRecord | undefined {
    const record = this.#keys.get(keyId)
    return record && this.#withLastUse(record)
  }

  async keys(orgId?: string): Promise<KeyRecord[]> {
    const records =
      orgId === undefined
        ? [...this.#keys.getRange().map(({ value }) => value)]
        : [...this.#byOrg.getRange(allOf(orgId))].flatMap(({ key }) => this.#keys.get(key[1]) ?? [])
    return records
      .map((k) => this.#withLastUse(k))
      .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
  }

  async countKeys(orgId: string): Promise<number> {
    return [...this.#byOrg.getRange(allOf(orgId))].filter(({ value }) => value === '').length
  }

  async hasKeys(): Promise<boolean> {
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
      this.documents.forgetOwner(keyId)
      this.#forgetRevoked(record.orgId ?? '')
      return revoked
    })
  }

  async forgetKey(keyId: string): Promise<KeyRecord | undefined> {
    return this.#commit(() => {
      const record = this.#keys.get(keyId)
      if (record !== undefined && record.revokedAt !== null) this.#forget(placeOf(record))
      return record
    })
  }

  async believedMs(): Promise<number | undefined> {
    return this.#clock.get('believed')
  }

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
    await this.audit.close()
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
