/**
 * What sessions in ClickHouse need beside them, in PostgreSQL:
 *
 *   names_version  a new number with every change of an organisation's names, so that servers keep them in memory
 *   run_owner      the meter that reported a run first; used_us: the day of its last use
 *   usage_kept     totals of deleted sessions
 *   expired_open   those of sessions that may come again (expired-open.ts)
 *   deletion       deletions of sessions that have begun and not ended
 *   hidden_before  sessions that ended before this are hidden; deleted_us: before this they are deleted
 *
 * The lock of an organisation's sessions is an advisory one: writers share it until their batches are booked, a deletion
 * holds it exclusively. If its connection breaks, the lock is lost, and the deletion may delete a report that arrives at
 * that moment together with its session.
 */
import { LRUCache } from 'lru-cache'
import type { CatalogEntry } from '../catalogs.js'
import type {
  Deletion,
  GoingRun,
  KeptUsage,
  Loss,
  OrgNames,
  SessionMeta,
} from '../clickhouse/meta.js'
import type { Subject } from '../filter.js'
import { lossSql } from '../meters/loose-losses.js'
import { literal, type Row, type Rows } from '../sql/rows.js'
import { int, intOrNull } from '../sql/sql.js'
import type { UsageRequest } from '../sums.js'
import type { Arrivals } from './arrivals.js'
import type { Postgres } from './database.js'
import { expiredOpenSql, replaceExpiredOpen } from './expired-open.js'
import type { PostgresCatalogs } from './postgres-catalogs.js'
import { personSql, type Replacement, totalsSql, UPSERT_USAGE, USAGE_SUMS } from './usage-kept.js'

/** Organisations whose names are kept in memory. */
const ORGS_MAX = 1000
const DAY_US = 86400e6
const TOTALS_AT_ONCE = 1000
const USAGE_COLUMN = {
  ...{ client: 'client_id', user: 'user_id', resource: 'site_resource_id', site: 'site_id' },
} as const

interface Known {
  readonly version: number
  readonly names: OrgNames
}

/** The key of the lock of an organisation's sessions. */
export function sessionsLock(orgId: string): string {
  return `hashtextextended(${literal(orgId)}, 2)`
}

export class PostgresMeta implements SessionMeta {
  readonly #postgres: Postgres
  readonly #locks: Postgres
  readonly #catalogs: PostgresCatalogs
  readonly #arrivals: Arrivals
  readonly #clockUs: () => number
  readonly #known = new LRUCache<string, Known>({ max: ORGS_MAX })

  /** @param locks connections that a lock may hold for long */
  constructor(
    postgres: Postgres,
    { catalogs, arrivals }: { readonly catalogs: PostgresCatalogs; readonly arrivals: Arrivals },
    clockUs: () => number,
    locks: Postgres = postgres,
  ) {
    this.#postgres = postgres
    this.#locks = locks
    this.#catalogs = catalogs
    this.#arrivals = arrivals
    this.#clockUs = clockUs
  }

  alone<T>(orgId: string, work: () => Promise<T>): Promise<T> {
    return this.#locks.alone(sessionsLock(orgId), work)
  }

  async names(orgId: string): Promise<OrgNames> {
    const known = this.#known.get(orgId)
    if (known !== undefined && known.version === (await versionOf(this.#postgres.query, orgId)))
      return known.names
    const fresh = await this.#postgres.snapshot(async (query) => ({
      version: await versionOf(query, orgId),
      names: await readNames(query, orgId),
    }))
    this.#known.set(orgId, fresh)
    return fresh.names
  }

  async goingRuns(orgId?: string): Promise<readonly GoingRun[]> {
    const rows = await this.#postgres.query(
      `SELECT org_id, site_id, meter_id, run_started_us, max(received_us) AS received_us FROM meter_life
       WHERE received_us > 0 ${orgId === undefined ? '' : 'AND org_id = $1'}
       GROUP BY org_id, site_id, meter_id, run_started_us`,
      orgId === undefined ? [] : [orgId],
    )
    return rows.map((row) => ({
      orgId: row.org_id as string,
      siteId: row.site_id as number,
      meterId: row.meter_id as string,
      runStartedUs: row.run_started_us as number,
      receivedUs: row.received_us as number,
    }))
  }

  async claimRuns(orgId: string, siteId: number, meterId: string, runs: readonly string[]) {
    const its = `org_id = $1 AND site_id = ${int(siteId)}`
    const usedUs = int(Math.floor(this.#clockUs() / DAY_US) * DAY_US)
    const values = [orgId, JSON.stringify(runs), meterId]
    const list = 'json_array_elements_text($2::JSON)'
    await this.#postgres.query(
      `INSERT INTO run_owner SELECT $1, ${int(siteId)}, r, $3, ${usedUs} FROM ${list} r ORDER BY r
       ON CONFLICT (org_id, site_id, run) DO UPDATE SET used_us = excluded.used_us
       WHERE run_owner.used_us < excluded.used_us`,
      values,
    )
    const rows = await this.#postgres.query(
      `SELECT run, meter_id FROM run_owner WHERE ${its} AND run IN (SELECT ${list})`,
      values.slice(0, 2),
    )
    return new Map(rows.map((row) => [row.run as string, row.meter_id as string]))
  }

  arriving<T>(orgIds: readonly string[], work: (arrival: number) => Promise<T>): Promise<T> {
    return this.#arrivals.run(orgIds, work)
  }

  addLosses(losses: readonly Loss[]): Promise<void> {
    return this.#postgres.transaction(async (query) => {
      const statements = losses.flatMap((loss) => lossSql(loss, loss.reason, 'ctid'))
      if (statements.length > 0) await query(statements.join(';\n'))
    })
  }

  beginDeletion({ id, orgId, totals, open, losses, expiredBeforeUs }: Deletion): Promise<void> {
    return this.#postgres.transaction(async (query) => {
      const begun = await query(
        'INSERT INTO deletion VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1',
        [id, orgId],
      )
      if (begun.length === 0) return
      for (let at = 0; at < totals.length; at += TOTALS_AT_ONCE)
        await query(totalsSql(orgId, totals.slice(at, at + TOTALS_AT_ONCE)))
      for (let at = 0; at < open.length; at += TOTALS_AT_ONCE)
        await query(expiredOpenSql(orgId, open.slice(at, at + TOTALS_AT_ONCE)))
      if (losses.length > 0)
        await query(`INSERT INTO batch_gap VALUES ${losses.map(gapSql).join(', ')}`)
      if (expiredBeforeUs !== undefined) await noteDeleted(query, orgId, expiredBeforeUs)
    })
  }

  async hiddenBefore(orgId: string): Promise<number> {
    return (await this.#hidden(orgId)).before
  }

  async #hidden(orgId: string): Promise<{ readonly before: number; readonly deleted: number }> {
    const [row] = await this.#postgres.query(
      'SELECT before_us, deleted_us FROM hidden_before WHERE org_id = $1',
      [orgId],
    )
    return { before: (row?.before_us ?? 0) as number, deleted: (row?.deleted_us ?? 0) as number }
  }

  /** Hides sessions that ended before this time, for ever. */
  hide(orgId: string, beforeUs: number): Promise<void> {
    return this.#postgres.transaction(async (query) => {
      await noteHidden(query, orgId, 'before_us', beforeUs)
      await noteDeleted(query, orgId, beforeUs)
    })
  }

  /** Runs work that deletes what ended before this time, if that was not done before. */
  async deletedOnce(orgId: string, beforeUs: number, work: () => Promise<unknown>): Promise<void> {
    if ((await this.#hidden(orgId)).deleted >= beforeUs) return
    await work()
    await noteHidden(this.#postgres.query, orgId, 'deleted_us', beforeUs)
  }

  async endDeletion(id: string): Promise<void> {
    await this.#postgres.query('DELETE FROM deletion WHERE id = $1', [id])
  }

  async deletions(): Promise<readonly Pick<Deletion, 'id' | 'orgId'>[]> {
    const rows = await this.#postgres.query('SELECT id, org_id FROM deletion')
    return rows.map((row) => ({ id: row.id as string, orgId: row.org_id as string }))
  }

  async keptUsage(
    orgId: string,
    { fromMonth, toMonth, groupBy }: UsageRequest,
  ): Promise<readonly KeptUsage[]> {
    const sums = USAGE_SUMS.map((name) => `sum(${name})::TEXT AS ${name}`).join(', ')
    const rows = await this.#postgres.query(
      `SELECT month, ${USAGE_COLUMN[groupBy]}::TEXT AS id, ${sums} FROM usage_kept
       WHERE org_id = $1 AND month >= $2 AND month <= $3 GROUP BY 1, 2`,
      [orgId, fromMonth, toMonth],
    )
    return rows.map((row) => ({
      month: row.month as string,
      id: row.id as string | null,
      sessions: BigInt(row.sessions as string),
      connections: BigInt(row.connections as string),
      bytesTx: BigInt(row.bytes_tx as string),
      bytesRx: BigInt(row.bytes_rx as string),
      packetsTx: BigInt(row.packets_tx as string),
      packetsRx: BigInt(row.packets_rx as string),
    }))
  }

  async forget(orgId: string, subject: Subject): Promise<void> {
    await this.replaceTotals(orgId, subject, () => null)
    await this.#catalogs.forgetNamesOf(orgId, entryOf(subject))
  }

  /** Gives totals of deleted sessions to another id. */
  replaceTotals(orgId: string, subject: Subject, as: Replacement): Promise<void> {
    const where = isOf(subject)
    return this.#postgres.transaction(async (query) => {
      await replaceExpiredOpen(query, { orgId, where }, as)
      const gone = await query(
        `DELETE FROM usage_kept WHERE org_id = $1 AND ${where} RETURNING *, client_id::TEXT AS client,
           ${USAGE_SUMS.map((name) => `${name}::TEXT AS ${name}_text`).join(', ')}`,
        [orgId],
      )
      for (const row of gone) {
        const { user, client } = personSql(row, as)
        await query(
          `INSERT INTO usage_kept VALUES ($1, $2, ${int(row.site_id as number)}, ${client}, ${user}, ${intOrNull(row.site_resource_id as number | null)},
             ${USAGE_SUMS.map((name) => row[`${name}_text`]).join(', ')}) ${UPSERT_USAGE}`,
          [orgId, row.month as string],
        )
      }
    })
  }

  async expireUsage(beforeMonth: string): Promise<void> {
    const nowUs = this.#clockUs()
    const lossUs = int(nowUs - 400 * DAY_US)
    await this.#postgres.transaction(async (query) => {
      for (const table of ['usage_kept', 'expired_open'])
        await query(`DELETE FROM ${table} WHERE month < $1`, [beforeMonth])
      await query(`DELETE FROM meter_history WHERE at_us < ${int(nowUs - DAY_US)}`)
      await query(`DELETE FROM sign_in WHERE ends_ms < ${int(Math.floor(nowUs / 1e3))}`)
      // Losses stay as long as retention keeps sessions of their time, which would else count as complete.
      await query(`DELETE FROM batch_gap g WHERE from_batch IS NULL AND to_us < ${lossUs}
        AND EXISTS (SELECT 1 FROM deleted_before d WHERE d.org_id = g.org_id AND d.before_us >= g.to_us)`)
    })
  }

  /** Deletes rows as old as sessions that ended before this time: events of peers, former names, owners of unused runs. */
  async expire(orgId: string, beforeUs: number): Promise<void> {
    await this.deletePeerEvents(orgId, `at_us < ${int(beforeUs)}`)
    await this.#catalogs.forgetNamesBefore(orgId, Math.min(beforeUs, this.#clockUs()))
    const unusedUs = int(Math.min(beforeUs, this.#clockUs() - 2 * DAY_US))
    await this.#postgres.query(
      `DELETE FROM run_owner WHERE org_id = $1 AND used_us < ${unusedUs}`,
      [orgId],
    )
  }

  async deletePeerEvents(orgId: string, where: string): Promise<void> {
    const some = `DELETE FROM peer_event WHERE ctid IN (
      SELECT ctid FROM peer_event WHERE org_id = $1 AND ${where} LIMIT ${PEERS_AT_ONCE}) RETURNING 1`
    while ((await this.#postgres.query(some, [orgId])).length === PEERS_AT_ONCE);
  }

  /** Removes the key and addresses of the peer. The event's id is replaced too, because it is a hash of them. */
  async replacePeerEvents(
    orgId: string,
    subject: Subject,
    as: (kind: 'user' | 'client' | 'event', id: string) => string,
  ): Promise<void> {
    const rows = await this.#postgres.query(
      `SELECT site_id, at_us, event_id, user_id, client_id::TEXT AS client FROM peer_event WHERE org_id = $1 AND ${isOf(subject)}`,
      [orgId],
    )
    for (const row of rows) {
      const user = row.user_id === null ? 'NULL' : literal(as('user', row.user_id as string))
      const client = row.client === null ? 'NULL' : as('client', row.client as string)
      await this.#postgres.query(
        `UPDATE peer_event SET user_id = ${user}, client_id = ${client}, public_key = NULL, endpoint = NULL,
           endpoint_before = NULL, allowed_ips = NULL, allowed_ips_before = NULL, event_id = $3
         WHERE org_id = $1 AND at_us = ${int(row.at_us as number)} AND site_id = ${int(row.site_id as number)} AND event_id = $2`,
        [orgId, row.event_id as string, as('event', row.event_id as string).slice(0, 22)],
      )
    }
  }

  /** All rows of an organisation, except those of control. */
  removeOrg(orgId: string): Promise<void> {
    this.#known.delete(orgId)
    return this.#postgres.transaction(async (query) => {
      for (const table of TABLES) await query(`DELETE FROM ${table} WHERE org_id = $1`, [orgId])
    })
  }
}

const PEERS_AT_ONCE = 10_000
const TABLES = [
  ...['meter', 'meter_state', 'meter_history', 'meter_life', 'meter_run', 'meter_place'],
  ...['batch_crc', 'batch_gap', 'catalog', 'catalog_name', 'catalog_past', 'names_version'],
  ...['deleted_before', 'hidden_before', 'usage_kept', 'expired_open', 'run_owner', 'peer_event'],
  'org_arrival',
]

export function isOf(subject: Subject): string {
  return 'userId' in subject
    ? `user_id = ${literal(subject.userId)}`
    : `client_id = ${int(subject.clientId)}`
}

async function noteDeleted(query: Rows, orgId: string, beforeUs: number): Promise<void> {
  await query(
    `INSERT INTO deleted_before VALUES ($1, ${int(beforeUs)})
     ON CONFLICT (org_id) DO UPDATE SET before_us = greatest(deleted_before.before_us, excluded.before_us)`,
    [orgId],
  )
}

async function noteHidden(
  query: Rows,
  orgId: string,
  column: 'before_us' | 'deleted_us',
  us: number,
): Promise<void> {
  await query(
    `INSERT INTO hidden_before (org_id, before_us, deleted_us) VALUES ($1, ${column === 'before_us' ? int(us) : 0}, ${column === 'deleted_us' ? int(us) : 0})
     ON CONFLICT (org_id) DO UPDATE SET ${column} = greatest(hidden_before.${column}, excluded.${column})`,
    [orgId],
  )
}

function entryOf(subject: Subject): CatalogEntry {
  return 'userId' in subject
    ? { kind: 'user', id: subject.userId }
    : { kind: 'client', id: subject.clientId }
}

function gapSql({ orgId, siteId, meterId, reason, fromUs, toUs, sessions }: Loss): string {
  return `(${literal(orgId)}, ${int(siteId)}, ${literal(meterId)}, NULL, NULL, ${literal(reason)}, ${int(sessions)},
    ${int(fromUs)}, ${int(toUs)}, '', NULL)`
}

async function versionOf(query: Rows, orgId: string): Promise<number> {
  const [row] = await query('SELECT version FROM names_version WHERE org_id = $1', [orgId])
  return (row?.version as number | undefined) ?? 0
}

async function readNames(query: Rows, orgId: string): Promise<OrgNames> {
  const rows = await query('SELECT kind, id, name, email FROM catalog_name WHERE org_id = $1', [
    orgId,
  ])
  const of = (kind: string) => rows.filter((row) => row.kind === kind)
  const numbered = (kind: string) =>
    new Map(of(kind).map((row) => [Number(row.id), row.name as string] as const))
  const userOf = (row: Row) => ({ name: row.name as string, email: row.email as string | null })
  return {
    clients: numbered('client'),
    users: new Map(of('user').map((row) => [row.id as string, userOf(row)] as const)),
    resources: numbered('resource'),
    sites: numbered('site'),
  }
}
