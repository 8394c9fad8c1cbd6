/** When the meters of an organisation metered, and what they lost. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { MeterReport } from '../../../../session/batch.js'
import type { Coverage, MeterCoverage, Span } from '../../store.js'
import { int, type Row, rowsOf } from '../database.js'
import { gaps } from './reports.js'

/** In one answer; of these at most COVERAGE_METER_GAPS_MAX of one meter. */
export const COVERAGE_GAPS_MAX = 10_000
const COVERAGE_METER_GAPS_MAX = 1000
/** Beyond it time that was metered counts as not metered, never the other way round. */
const COVERAGE_RUNS_MAX = 100_000

export async function coverage(
  connection: DuckDBConnection,
  orgId: string,
  range: Span,
  siteIds: readonly number[] | undefined,
): Promise<Coverage> {
  const { fromUs, toUs } = range
  const ofSites = siteIds === undefined ? '' : `AND site_id IN (${siteIds.map(int).join(', ')})`
  const meters = await rowsOf(
    connection,
    `SELECT site_id::DOUBLE AS site, meter_id, received_us::DOUBLE AS received, report FROM meter
     WHERE org_id = $1 ${ofSites} ORDER BY site_id, meter_id`,
    [orgId],
  )
  const { runs, more } = await runsByMeter(connection, orgId, range, ofSites)
  const found = await gaps(connection, orgId, {
    fromUs,
    toUs,
    siteIds,
    shown: COVERAGE_GAPS_MAX + 1,
    perMeter: COVERAGE_METER_GAPS_MAX + 1,
  })
  const kept = boundedByMeter(found.slice(0, COVERAGE_GAPS_MAX))
  return {
    meters: meters.flatMap((row) => meterCoverage(row, runs)),
    gaps: kept,
    more: more || kept.length < found.length,
    deletedBeforeUs: await deletedBeforeUs(connection, orgId),
  }
}

/** A replay of files watches nothing: it is none. */
function meterCoverage(row: Row, runs: ReadonlyMap<string, Span[]>): MeterCoverage[] {
  const report = JSON.parse(row.report as string) as MeterReport
  if (report.replay !== undefined) return []
  const siteId = row.site as number
  const meterId = row.meter_id as string
  return [
    {
      siteId,
      meterId,
      interface: report.interface,
      runs: runs.get(`${siteId}/${meterId}`) ?? [],
      receivedUs: row.received as number,
      caughtUp: report.spool.batches === 0,
      report,
    },
  ]
}

/** The runs that touch the range, and the first and the last of each meter: what is between those is in no run. */
async function runsByMeter(
  connection: DuckDBConnection,
  orgId: string,
  { fromUs, toUs }: Span,
  ofSites: string,
): Promise<{ runs: Map<string, Span[]>; more: boolean }> {
  const rows = await rowsOf(
    connection,
    `WITH run AS (
       SELECT org_id, site_id, meter_id, from_us, to_us FROM meter_run
       UNION ALL
       SELECT org_id, site_id, meter_id, run_started_us, reported_us FROM meter_life WHERE received_us > 0),
     numbered AS (SELECT *, row_number() OVER (PARTITION BY site_id, meter_id ORDER BY from_us) AS nth,
       row_number() OVER (PARTITION BY site_id, meter_id ORDER BY to_us DESC) AS nth_last
       FROM run WHERE org_id = $1 ${ofSites})
     SELECT site_id::DOUBLE AS site, meter_id, from_us::DOUBLE AS f, to_us::DOUBLE AS t FROM numbered
     WHERE nth = 1 OR nth_last = 1 OR (to_us >= ${int(fromUs)} AND from_us < ${int(toUs)})
     ORDER BY least(nth, nth_last), f LIMIT ${COVERAGE_RUNS_MAX + 1}`,
    [orgId],
  )
  const runs = new Map<string, Span[]>()
  for (const row of rows.slice(0, COVERAGE_RUNS_MAX)) {
    const key = `${row.site as number}/${row.meter_id as string}`
    const list = runs.get(key) ?? []
    list.push({ fromUs: row.f as number, toUs: row.t as number })
    runs.set(key, list)
  }
  return { runs, more: rows.length > COVERAGE_RUNS_MAX }
}

function boundedByMeter<T extends { siteId: number; meterId: string }>(found: readonly T[]): T[] {
  const counts = new Map<string, number>()
  return found.filter(({ siteId, meterId }) => {
    const key = `${siteId}/${meterId}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    return count <= COVERAGE_METER_GAPS_MAX
  })
}

async function deletedBeforeUs(connection: DuckDBConnection, orgId: string): Promise<number> {
  const rows = await rowsOf(
    connection,
    'SELECT max(before_us)::DOUBLE AS b FROM deleted_before WHERE org_id = $1',
    [orgId],
  )
  return (rows[0]?.b as number | null) ?? 0
}
