/**
 * The SQL of the meters' tables. It has literals, because the database's threads plan texts, but statements with bound
 * values would be planned on the JavaScript thread.
 */
import type { BatchGap } from '../../../session/batch.js'
import { literal } from '../sql/rows.js'
import { int, intOrNull } from '../sql/sql.js'
import type { Life } from './lives.js'
import type { Meter, MeterName } from './meter.js'

/** Runs kept per meter. The time before them counts as not watched. */
export const RUNS_MAX = 2000
/** All tables with rows of a meter. */
const TABLES = [
  ...['meter', 'meter_history', 'meter_life', 'meter_run', 'meter_place', 'batch_crc', 'batch_gap'],
]

export function whereIs({ orgId, siteId, meterId }: MeterName): string {
  return `org_id = ${literal(orgId)} AND site_id = ${int(siteId)} AND meter_id = ${literal(meterId)}`
}

export function meterSql(meter: Meter): string {
  return `UPDATE meter SET last_batch = ${int(meter.lastBatch)}, run_started_us = ${int(meter.runStartedUs)},
      received_us = ${int(meter.receivedUs)}, report = ${literal(JSON.stringify(meter.report))}
    WHERE ${whereIs(meter)}`
}

export function lifeSql(meter: Meter, life: Life): string {
  return `UPDATE meter_life SET last_batch = ${int(life.lastBatch)}, run_started_us = ${int(life.runStartedUs)},
      reported_us = ${int(life.reportedUs)}, received_us = ${int(life.receivedUs)},
      whole_us = ${int(life.wholeUs)}, uptime_ms = ${intOrNull(life.uptimeMs)}, returned_us = ${int(life.returnedUs)}
    WHERE ${whereIs(meter)} AND spool_id = ${literal(life.spoolId)}`
}

/** The fields that only some losses have, as JSON. */
export function detailOf({
  interface: name,
  bytes,
  peers,
  packets,
}: Pick<BatchGap, 'interface' | 'bytes' | 'peers' | 'packets'>): string {
  const detail = JSON.stringify({ interface: name, bytes, peers, packets })
  return detail === '{}' ? 'NULL' : literal(detail)
}

/** The first three values of a meter's rows. */
export function idOf({ orgId, siteId, meterId }: MeterName): string {
  return `${literal(orgId)}, ${int(siteId)}, ${literal(meterId)}`
}

/** SQL that deletes runs before the last RUNS_MAX, and their interfaces. */
export function oldRunsSql(meter: Meter): string {
  const oldest = `(SELECT from_us FROM meter_run WHERE ${whereIs(meter)} ORDER BY from_us DESC LIMIT 1 OFFSET ${RUNS_MAX})`
  return ['meter_place WHERE run_from_us', 'meter_run WHERE from_us']
    .map((which) => `DELETE FROM ${which} <= ${oldest} AND ${whereIs(meter)}`)
    .join(';\n')
}

/** The id under which a site's forgotten meters are one loss. No meter can have it. */
const FORGOTTEN = '(forgotten)'

/**
 * SQL that forgets a meter because its site has too many. What was known of its time is a loss from now on, because its
 * holes must not become complete. All forgotten meters of a site are one row.
 */
export function crowdedOutSql(meter: MeterName, nowUs: number): string[] {
  const { orgId, siteId } = meter
  const site = { orgId, siteId, meterId: FORGOTTEN }
  const its = `${whereIs(site)} AND reason = 'meterForgotten'`
  const began = `coalesce((SELECT min(us) FROM (
      SELECT from_us AS us FROM meter_run WHERE ${whereIs(meter)}
      UNION ALL SELECT run_started_us FROM meter_life WHERE ${whereIs(meter)}) run), ${int(nowUs)})`
  return [
    `INSERT INTO batch_gap SELECT ${idOf(site)}, NULL, NULL, 'meterForgotten', 0, ${int(nowUs)}, ${int(nowUs)}, '', NULL
       WHERE NOT EXISTS (SELECT 1 FROM batch_gap WHERE ${its})`,
    `UPDATE batch_gap SET from_us = least(from_us, ${began}), to_us = greatest(to_us, ${int(nowUs)}) WHERE ${its}`,
    ...forgetSql(meter),
  ]
}

/** SQL that deletes all rows of a meter. */
export function forgetSql(meter: MeterName): string[] {
  return TABLES.map((table) => `DELETE FROM ${table} WHERE ${whereIs(meter)}`)
}
