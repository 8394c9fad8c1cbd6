/**
 * Control in PostgreSQL, for several servers.
 *
 * Each server has all organisations and keys in memory, and asks every POLL_MS (1 s) whether anything changed: so a key
 * that is revoked on one server is refused on the others a second later. A server that could not ask for STALE_MS (5 s)
 * answers CONTROL_AWAY, because it cannot know which keys are still valid.
 *
 * Every change takes the row of control_version first. So changes happen one after another, their numbers rise in the
 * order of their commits, and rows with a number above the known one are all that a server lacks. Removed rows cannot be
 * found so; after a removal (`reloads`) everything is read again.
 */
import { AppError } from '../../../base/errors.js'
import type { AuditBounds } from '../../control/audit.js'
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
  STALE_MS,
  type When,
  wasRemoved,
} from '../../control/control.js'
import type { Row, Rows } from '../sql/rows.js'
import { int, intOrNull } from '../sql/sql.js'
import type { Postgres } from './database.js'
import { PostgresAuditTrail } from './postgres-audit.js'
import { PostgresDocuments } from './postgres-documents.js'
import { PostgresRemovals } from './postgres-removals.js'
import { PostgresSignIns } from './postgres-sign-ins.js'

const POLL_MS = 1000
const KEY_COLUMNS = 'key_id, record, used_at, used_from'

export class PostgresControl implements Control {
  readonly audit: PostgresAuditTrail
  readonly removals: PostgresRemovals
  readonly signIns: PostgresSignIns
  readonly documents: PostgresDocuments
  readonly #postgres: Postgres
  #orgs = new Map<string, OrgRecord>()
  #keys = new Map<string, KeyRecord>()
  #keyIds = new Map<string, string>()
  #version = -1
  /** When the newest answer was asked for, by the monotonic clock. */
  #askedMs = Number.NEGATIVE_INFINITY
  #refreshing: Promise<void> = Promise.resolve()
  /** A refresh that has not begun yet. */
  #next: Promise<void> | null = null
  readonly #usedMs = new Map<string, number>()
  readonly #timer: NodeJS.Timeout

  private constructor(postgres: Postgres, auditBounds?: AuditBounds) {
    this.#postgres = postgres
    this.audit = new PostgresAuditTrail(postgres, auditBounds)
    this.removals = new PostgresRemovals(postgres)
    this.signIns = new PostgresSignIns(postgres)
    this.documents = new PostgresDocuments(postgres)
    this.#timer = setInterval(() => {
      if (this.#next === null) this.#refresh().catch(() => undefined)
    }, POLL_MS).unref()
  }

  /** The connection is not closed with it. @throws AppError STORE_BUSY */
  static async open(postgres: Postgres, auditBounds?: AuditBounds): Promise<PostgresControl> {
    const control = new PostgresControl(postgres, auditBounds)
    try {
      await control.#refresh()
      return control
    } catch (error) {
      await control.close()
      throw error
    }
  }

  /** Resolves when all that was committed before the call is in memory. */
  #refresh(): Promise<void> {
    if (this.#next !== null) return this.#next
    const next = this.#refreshing.then(() => {
      this.#next = null
      return this.#load()
    })
    this.#next = next
    this.#refreshing = next.catch(() => undefined)
    return next
  }

  async #load(): Promise<void> {
    const { query } = this.#postgres
    const askedMs = performance.now()
    const [row] = await query('SELECT version, reloads FROM control_version')
    const [version, reloads] = [row!.version as number, row!.reloads as number]
    if (version !== this.#version) {
      const isWhole = this.#version < reloads
      const since = int(isWhole ? -1 : this.#version)
      const [orgs, keys] = await Promise.all([
        query(`SELECT record FROM org WHERE changed > ${since}`),
        query(`SELECT ${KEY_COLUMNS} FROM api_key WHERE changed > ${since}`),
      ])
      this.#take(isWhole, orgs.map(orgOf), keys.map(keyOf))
      this.#version = version
    }
    this.#askedMs = askedMs
  }

  #take(isWhole: boolean, orgs: readonly OrgRecord[], keys: readonly KeyRecord[]): void {
    if (isWhole) {
      this.#orgs = new Map()
      this.#keys = new Map()
      this.#keyIds = new Map()
    }
    for (const org of orgs) this.#orgs.set(org.orgId, org)
    for (const key of keys) {
      this.#keys.set(key.keyId, key)
      this.#keyIds.set(key.hash, key.keyId)
    }
  }

  /** @throws AppError CONTROL_AWAY */
  #mustBeFresh(): void {
    if (performance.now() - this.#askedMs <= STALE_MS) return
    throw new AppError('CONTROL_AWAY', 'the database with the keys does not answer', {
      hint: 'Send the request again in a few seconds.',
    })
  }

  /**
   * A change in a transaction; in memory when the promise resolves.
   * @param work gets the number of the change, and says whether it removed rows
   */
  async #change<T>(
    work: (query: Rows, version: string) => Promise<{ result: T; removed?: boolean }>,
  ): Promise<T> {
    const result = await this.#postgres.transaction(async (query) => {
      const [row] = await query(
        'UPDATE control_version SET version = version + 1 RETURNING version',
      )
      const done = await work(query, int(row!.version as number))
      if (done.removed === true) await query('UPDATE control_version SET reloads = version')
      return done.result
    })
    await this.#refresh()
    return result
  }

  org(orgId: string): OrgRecord | undefined {
    this.#mustBeFresh()
    return this.#orgs.get(orgId)
  }

  orgs(): OrgRecord[] {
    this.#mustBeFresh()
    return [...this.#orgs.values()].sort((a, b) => (a.orgId < b.orgId ? -1 : 1))
  }

  async putOrg(orgId: string, change: OrgChange = {}, when: When = {}): Promise<OrgRecord> {
    mustBeOrgId(orgId)
    return this.#change(async (query, version) => ({
      result: await this.#putOrg(query, version, orgId, change, when),
    }))
  }

  async #putOrg(
    query: Rows,
    version: string,
    orgId: string,
    change: OrgChange,
    when: When,
  ): Promise<OrgRecord> {
    const [row] = await query('SELECT record FROM org WHERE org_id = $1', [orgId])
    const isTaken = row === undefined && (await hasRemains(query, orgId))
    if (isTaken) throw wasRemoved(orgId)
    const record = changedOrg(orgId, row === undefined ? undefined : orgOf(row), change, when)
    await query(
      `INSERT INTO org VALUES ($1, $2, ${version})
       ON CONFLICT (org_id) DO UPDATE SET record = excluded.record, changed = excluded.changed`,
      [orgId, JSON.stringify(record)],
    )
    return record
  }

  async removeOrg(orgId: string, nowMs = Date.now()): Promise<number | undefined> {
    return this.#change(async (query) => {
      const found = await query('DELETE FROM org WHERE org_id = $1 RETURNING 1', [orgId])
      if (found.length === 0) return { result: undefined }
      const keys = await query('DELETE FROM api_key WHERE org_id = $1 RETURNING 1', [orgId])
      await this.removals.begin(query, orgId, nowMs)
      await this.documents.forgetOrg(query, orgId)
      return { result: keys.length, removed: true }
    })
  }

  orgIsGone(orgId: string): Promise<void> {
    return this.removals.finish(orgId)
  }

  check(presented: string, nowMs: number): KeyCheck {
    this.#mustBeFresh()
    const hash = hashKey(presented)
    const keyId = this.#keyIds.get(hash)
    return checked(hash, keyId === undefined ? undefined : this.#keys.get(keyId), nowMs)
  }

  key(keyId: string): KeyRecord | undefined {
    this.#mustBeFresh()
    return this.#keys.get(keyId)
  }

  async keys(orgId?: string): Promise<KeyRecord[]> {
    const rows = await (orgId === undefined
      ? this.#postgres.query(`SELECT ${KEY_COLUMNS} FROM api_key`)
      : this.#postgres.query(`SELECT ${KEY_COLUMNS} FROM api_key WHERE org_id = $1`, [orgId]))
    return rows.map(keyOf).sort((a, b) => b.createdAt.localeCompare(a.createdAt))
  }

  async countKeys(orgId: string): Promise<number> {
    const [row] = await this.#postgres.query(
      'SELECT count(*) AS n FROM api_key WHERE org_id = $1 AND revoked_at IS NULL',
      [orgId],
    )
    return row!.n as number
  }

  async hasKeys(): Promise<boolean> {
    return (await this.#postgres.query('SELECT 1 FROM api_key LIMIT 1')).length > 0
  }

  async createKey(wanted: NewKey): Promise<{ key: string; record: KeyRecord }> {
    const { orgId, siteId } = wanted
    if (orgId !== null) mustBeOrgId(orgId)
    const made = makeKey(wanted)
    const { keyId } = made.record
    return this.#change(async (query, version) => {
      if (orgId !== null) await this.#putOrg(query, version, orgId, {}, {})
      await query(
        `INSERT INTO api_key VALUES ($1, $2, ${intOrNull(siteId)}, $3, NULL, NULL, NULL, ${version})`,
        [keyId, orgId ?? '', JSON.stringify(made.record)],
      )
      return { result: made }
    })
  }

  async revokeKey(keyId: string): Promise<KeyRecord | undefined> {
    return this.#change(async (query, version) => {
      const [row] = await query(`SELECT ${KEY_COLUMNS} FROM api_key WHERE key_id = $1`, [keyId])
      if (row === undefined) return { result: undefined }
      await this.documents.forgetOwner(query, keyId)
      return revoked(query, version, [keyOf(row)]).then(({ records, removed }) => ({
        result: records[0],
        removed,
      }))
    })
  }

  async closeSite(orgId: string, siteId: number): Promise<KeyRecord[]> {
    return this.#change(async (query, version) => {
      const rows = await query(
        `SELECT ${KEY_COLUMNS} FROM api_key
         WHERE org_id = $1 AND site_id = ${int(siteId)} AND revoked_at IS NULL`,
        [orgId],
      )
      const { removed } = await revoked(query, version, rows.map(keyOf))
      return { result: rows.map(keyOf), removed }
    })
  }

  async forgetKey(keyId: string): Promise<KeyRecord | undefined> {
    return this.#change(async (query) => {
      const [row] = await query(`SELECT ${KEY_COLUMNS} FROM api_key WHERE key_id = $1`, [keyId])
      const record = row === undefined ? undefined : keyOf(row)
      const isGone = record !== undefined && record.revokedAt !== null
      if (isGone) {
        await query('DELETE FROM api_key WHERE key_id = $1', [keyId])
        await this.documents.forgetOwner(query, keyId)
      }
      return { result: record, removed: isGone }
    })
  }

  used({ keyId }: KeyRecord, address: string, nowMs: number): void {
    const last = this.#usedMs.get(keyId)
    if (last !== undefined && nowMs - last < LAST_USE_EVERY_MS) return
    this.#usedMs.set(keyId, nowMs)
    for (const known of this.#usedMs.keys()) if (!this.#keys.has(known)) this.#usedMs.delete(known)
    const at = new Date(nowMs).toISOString()
    this.#postgres
      .query(
        `UPDATE api_key SET used_at = $2, used_from = $3
         WHERE key_id = $1 AND (used_at IS NULL OR used_at < $2)`,
        [keyId, at, address],
      )
      .catch(() => undefined)
  }

  isNewNetwork({ keyId }: KeyRecord, network: string): Promise<boolean> {
    return this.#postgres.transaction(async (query) => {
      const fresh = await query(
        `INSERT INTO key_seen (key_id, network) SELECT key_id, $2 FROM api_key WHERE key_id = $1
         ON CONFLICT DO NOTHING RETURNING 1`,
        [keyId, network],
      )
      if (fresh.length === 0) return false
      await query(
        `DELETE FROM key_seen WHERE key_id = $1 AND nth <= (SELECT nth FROM key_seen WHERE key_id = $1
           ORDER BY nth DESC OFFSET ${NETWORKS_OF_A_KEY_MAX} LIMIT 1)`,
        [keyId],
      )
      return true
    })
  }

  async believedMs(): Promise<number | undefined> {
    const [row] = await this.#postgres.query('SELECT max(at_ms) AS at FROM believed_clock')
    return (row?.at as number | null) ?? undefined
  }

  noteBelieved(ms: number): void {
    this.#postgres
      .transaction(async (query) => {
        await query('LOCK TABLE believed_clock IN EXCLUSIVE MODE')
        await query('DELETE FROM believed_clock')
        await query(`INSERT INTO believed_clock VALUES (${int(Math.round(ms))})`)
      })
      .catch(() => undefined)
  }

  async backup(): Promise<void> {
    throw new AppError('NO_BACKUP', 'keys and settings are in PostgreSQL', {
      hint: 'Back them up with pg_dump.',
    })
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#refreshing
    await this.audit.close()
  }
}

async function hasRemains(query: Rows, orgId: string): Promise<boolean> {
  const rows = await query(
    `SELECT 1 FROM removed WHERE org_id = $1 AND site_id = 0
     UNION ALL SELECT 1 FROM audit_size WHERE trail = $1 AND entries > 0`,
    [orgId],
  )
  return rows.length > 0
}

/** Revokes keys of one organisation that are not, and forgets its oldest revoked ones beyond REVOKED_KEPT. */
async function revoked(
  query: Rows,
  version: string,
  keys: readonly KeyRecord[],
): Promise<{ records: KeyRecord[]; removed: boolean }> {
  const revokedAt = new Date().toISOString()
  const records = keys.map((key) => (key.revokedAt === null ? { ...key, revokedAt } : key))
  for (const record of records)
    await query(
      `UPDATE api_key SET record = $2, revoked_at = $3, changed = ${version}
       WHERE key_id = $1 AND revoked_at IS NULL`,
      [record.keyId, JSON.stringify(record), revokedAt],
    )
  const forgotten = await query(
    `DELETE FROM api_key WHERE key_id IN (SELECT key_id FROM api_key WHERE org_id = $1 AND revoked_at IS NOT NULL
       ORDER BY revoked_at DESC, changed DESC OFFSET ${REVOKED_KEPT}) RETURNING 1`,
    [keys[0]?.orgId ?? ''],
  )
  return { records, removed: forgotten.length > 0 }
}

function orgOf({ record }: Row): OrgRecord {
  return JSON.parse(record as string) as OrgRecord
}

function keyOf({ record, used_at: usedAt, used_from: usedFrom }: Row): KeyRecord {
  const key = JSON.parse(record as string) as KeyRecord
  return {
    ...key,
    lastUsedAt: usedAt as string | null,
    lastUsedFrom: usedFrom as string | null,
  }
}
