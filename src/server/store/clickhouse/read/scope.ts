/** What one query reads: the conditions on rows `t`, and the SQL for their state. */
import type { LogFilter } from '../../filter.js'
import { conditions } from '../../sql/conditions.js'
import { int } from '../../sql/sql.js'
import { termSql } from '../../sql/terms.js'
import type { Client } from '../client.js'
import { ClickSql, isAscii, literal } from '../dialect.js'
import type { GoingRun, OrgNames, SessionMeta } from '../meta.js'
import { CLOSED, ENDED, OPEN } from '../schema/version.js'
import { folded, withIds } from './names.js'

export const FROM = 'session AS t FINAL'

export interface Scope {
  readonly orgId: string
  readonly filter: LogFilter
  readonly names: OrgNames
  /** Conditions on rows `t`, without a facet's own filter if one is named. */
  where(except?: keyof LogFilter): string
  readonly open: string
  readonly interrupted: string
}

export interface ScopeOptions {
  readonly client: Client
  readonly meta: SessionMeta
  readonly nowUs: number
  readonly silenceUs: number
  readonly signal?: AbortSignal | undefined
  /** Also what retention has hidden and not yet deleted, whose totals stay. */
  readonly withHidden?: boolean
}

export async function scopeOf(
  orgId: string,
  given: LogFilter,
  options: ScopeOptions,
): Promise<Scope> {
  const { client, meta, nowUs, silenceUs, signal } = options
  const names = await meta.names(orgId)
  const filter = await withIds(names, given, (text) => usersHolding(client, orgId, text, signal))
  const heard = (await meta.goingRuns(orgId)).filter((run) => run.receivedUs >= nowUs - silenceUs)
  const doomed = await doomedSql(meta, orgId)
  const expired = options.withHidden === true ? '' : await expiredSql(meta, orgId)
  const hidden = doomed + expired
  const open = `(t.kind = ${OPEN} AND ${isOf(heard)})`
  return {
    orgId,
    filter,
    names,
    open,
    interrupted: `(t.kind = ${CLOSED} OR t.kind = ${OPEN} AND NOT ${isOf(heard)})`,
    where: (except) => whereOf(orgId, filter, open, hidden, except),
  }
}

/** Whether one of these runs reported the row. */
export function isOf(runs: readonly GoingRun[]): string {
  if (runs.length === 0) return 'false'
  const tuples = runs.map(
    ({ siteId, meterId, runStartedUs }) =>
      `(${int(siteId)}, ${literal(meterId)}, ${int(runStartedUs)})`,
  )
  return `(t.site_id, t.meter_id, t.run_started_us) IN (${tuples.join(', ')})`
}

function whereOf(
  orgId: string,
  filter: LogFilter,
  open: string,
  hidden: string,
  except: keyof LogFilter | undefined,
): string {
  const sql = new ClickSql()
  const terms = (filter.terms ?? []).map((term) => termSql(sql, term)(open))
  const parts = [conditions(sql, orgId, filter, except), ...terms]
  const state = except === 'state' ? undefined : filter.state
  if (state === 'open') parts.push(open)
  else if (state === 'ended') parts.push(`NOT ${open}`)
  else if (state === 'interrupted') parts.push(`(t.kind < ${ENDED} AND NOT ${open})`)
  return parts.join(' AND ') + hidden
}

/** Retention hides at once, and deletes whole days. */
async function expiredSql(meta: SessionMeta, orgId: string): Promise<string> {
  const before = await meta.hiddenBefore(orgId)
  return before === 0 ? '' : ` AND t.start_us + t.duration_us >= ${int(before)}`
}

/** Sessions of deletions that have begun are gone already. */
async function doomedSql(meta: SessionMeta, orgId: string): Promise<string> {
  const deletions = (await meta.deletions()).filter((one) => one.orgId === orgId)
  return deletions.length === 0 ? '' : ` AND NOT ${isDoomed(deletions.map((one) => one.id))}`
}

export function isDoomed(deletions: readonly string[]): string {
  return `((t.start_us, t.site_id, t.run, t.seq) IN
    (SELECT start_us, site_id, run, seq FROM doomed WHERE deletion IN (${deletions.map(literal).join(', ')})))`
}

/** Ids of users in sessions that hold the text, when ClickHouse would fold its letters otherwise than names.ts. */
async function usersHolding(
  client: Client,
  orgId: string,
  text: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (isAscii(text)) return []
  const needle = folded(text)
  const ids = ['user_id', 'other_user_id'].map(
    (column) => `SELECT DISTINCT ${column} AS id FROM session WHERE org_id = ${literal(orgId)}`,
  )
  const [users = []] = await client.columns(orgId, ids.join(' UNION DISTINCT '), signal)
  return users.filter((id): id is string => typeof id === 'string' && folded(id).includes(needle))
}
