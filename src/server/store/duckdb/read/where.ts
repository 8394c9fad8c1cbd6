/**
 * Filters as SQL. Sessions are in two tables, `session` (ended) and `session_open`, and a filter becomes one condition
 * for both. Sums of whole hours come from rollup_hour (rollup.ts). Numbers are literals, texts are bound.
 */

import { conditions } from '../../sql/conditions.js'
import { termSql } from '../../sql/terms.js'
import type { LogFilter } from '../../store.js'
import { int } from '../database.js'
import {
  type Dimension,
  dimensionFor,
  ROLLED_SUMS,
  ROW_SUMS,
  rolledTable,
  wholeHours,
} from '../write/rollup.js'
import type { Sql } from './sql-parts.js'

/**
 * The runs that may still report: for each spool of a meter, the run of its newest batch. A run is identified by the
 * start in its reports. The order of batch numbers tells which run is the newest, because a meter's clock, and so the
 * start, may have been wrong.
 */
const GOING_RUNS = `(SELECT org_id, site_id, meter_id, run_started_us, max(received_us) AS received_us
    FROM meter_life WHERE received_us > 0 GROUP BY ALL)`

/** Open sessions, each with its run if that may still report. */
export const OPEN_WITH_RUN = `session_open t LEFT JOIN ${GOING_RUNS} r
  ON r.org_id = t.org_id AND r.site_id = t.site_id AND r.meter_id = t.meter_id AND r.run_started_us = t.run_started_us`

/** The session's run is over, or its meter was forgotten: no report of it as open will follow. */
export const SESSION_RUN_OVER = 'r.received_us IS NULL'

/** The session's run is over, or has been silent for longer than `--silence-after`. */
export function isInterrupted(nowUs: number): string {
  return `(${SESSION_RUN_OVER} OR r.received_us < ${int(nowUs)} - getvariable('silence_us'))`
}

/** The number of open sessions of a row `m` of the table of meters. */
export function openCountSql(nowUs: number): string {
  return `(SELECT count(*) FROM ${OPEN_WITH_RUN} WHERE t.org_id = m.org_id AND t.site_id = m.site_id
         AND t.meter_id = m.meter_id AND NOT ${isInterrupted(nowUs)})`
}

export interface Source {
  /** The FROM item. */
  readonly from: string
  /** Conditions on its rows. */
  readonly where: string
  /** SQL for a row's flags. */
  readonly open: string
  readonly interrupted: string
}

export interface SumSource {
  readonly from: string
  readonly where: string
  /** SQL for the sums of rollup.ts over its rows. */
  readonly sums: string
  /** SQL for the number of sessions. */
  readonly count: string
  /** SQL for the number of open sessions, and for whether a row is open. */
  readonly openSum: string
  readonly open: string
}

/**
 * The sources of sums: sums by the hour if they have the dimension of filters and group, else rows.
 * @param group the dimension of the groups; null: none; undefined: one that rollup_hour does not have
 * @param rolled rollup_state of the query's snapshot
 */
export function sumSources(
  sql: Sql,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
  { group, rolled, except }: SumScope,
): SumSource[] {
  const all = sources(sql, orgId, filter, nowUs, except)
  const ofRows = ({ from, where, open }: Source): SumSource => ({
    from,
    where,
    sums: ROW_SUMS,
    count: 'count(*)',
    openSum: open === 'false' ? '0' : `count(*) FILTER (${open})`,
    open,
  })
  const hours = wholeHours(filter)
  const dimension = group === undefined ? null : dimensionFor(filter, group, except)
  const [ended, ...others] = all
  // rollup_hour does not tell which ended sessions were interrupted.
  if (
    hours === null ||
    dimension === null ||
    ended?.from !== ENDED ||
    filter.state === 'interrupted'
  )
    return all.map(ofRows)
  const cut = (condition: string) => ofRows({ ...ended, where: `${ended.where} AND ${condition}` })
  const inHours = conditions(sql, orgId, { ...filter, ...hours }, except)
  return [
    {
      from: rolledTable(dimension),
      where: inHours,
      sums: ROLLED_SUMS,
      count: 'sum(t.sessions)',
      openSum: '0',
      open: 'false',
    },
    // Three queries, because zone maps do not help with OR.
    cut(`t.start_us < ${int(hours.fromUs)}`),
    cut(`t.start_us >= ${int(hours.toUs)}`),
    ofRows({ ...ended, where: `${inHours} AND t.arrival > ${int(rolled)}` }),
    ...others.map(ofRows),
  ]
}

export interface SumScope {
  readonly group: Dimension | null | undefined
  readonly rolled: number
  readonly except?: keyof LogFilter
}

const ENDED = 'session t'

/** The tables that can have matching rows, each with its conditions. */
export function sources(
  sql: Sql,
  orgId: string,
  filter: LogFilter,
  nowUs: number,
  except?: keyof LogFilter,
): Source[] {
  const always = conditions(sql, orgId, filter, except)
  const terms = (filter.terms ?? []).map((term) => termSql(sql, term))
  const where = (open: string) => [always, ...terms.map((term) => term(open))].join(' AND ')
  const all: Source[] = []
  const state = except === 'state' ? undefined : filter.state
  if (state !== 'open') {
    // The writer closed these as interrupted, because their meter's run was over.
    const closed = `(t.end_reason = 'activeTimeout')`
    const only = state === 'interrupted' ? ` AND ${closed}` : ''
    all.push({ from: ENDED, where: where('false') + only, open: 'false', interrupted: closed })
  }
  const interrupted = isInterrupted(nowUs)
  const stateSql =
    state === undefined ? '' : state === 'open' ? ` AND NOT ${interrupted}` : ` AND ${interrupted}`
  const open = `NOT ${interrupted}`
  all.push({ from: OPEN_WITH_RUN, where: where(open) + stateSql, open, interrupted })
  return all
}
