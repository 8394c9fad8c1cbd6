/** When the meters of an organisation metered, and what they lost. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { MeterReport } from '../../../../session/batch.js'
import type { Coverage, MeterCoverage, Span } from '../../store.js'
import { int, type Row, rowsOf } from '../database.js'
import { gaps } from './reports.js'

/** In one answer; of these at most COVERAGE_METER_GAPS_MAX of one meter. */
export const COVERAGE_GAPS_MAX = 10_000
const COVERAGE_METER_GAPS_MAX = 1000

export async function coverage(
  connection: DuckDBConnection,
  orgId: string,
  { fromUs, toUs }: Span,
  siteIds: readonly number[] | undefined,
): Promise<Coverage> {
  const ofSites = siteIds === undefined ? '' : `AND site_id IN (${siteIds.map(int).join(', ')})`
  const meters = await rowsOf(
    connection,
    `SELECT site_id::DOUBLE AS site, meter_id, received_us::DOUBLE AS received, report FROM meter
     WHERE org_id = $1 ${ofSites} ORDER BY site_id, meter_id`,
    [orgId],
  )
  const runs = await runsByMeter(connection, orgId, ofSites)
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
    more: kept.length < found.length,
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

async function runsByMeter(
  connection: DuckDBConnection,
  orgId: string,
  ofSites: string,
): Promise<Map<string, Span[]>> {
  const rows = await rowsOf(
    connection,
    `SELECT site_id::DOUBLE AS site, meter_id, from_us::DOUBLE AS f, to_us::DOUBLE AS t FROM (
       SELECT org_id, site_id, meter_id, from_us, to_us FROM meter_run
       UNION ALL
       SELECT org_id, site_id, meter_id, run_started_us, reported_us FROM meter_life WHERE received_us > 0)
     WHERE org_id = $1 ${ofSites} ORDER BY f`,
    [orgId],
  )
  const runs = new Map<string, Span[]>()
  for (const row of rows) {
    const key = `${row.site as number}/${row.meter_id as string}`
    const list = runs.get(key) ?? []
    list.push({ fromUs: row.f as number, toUs: row.t as number })
    runs.set(key, list)
  }
  return runs
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
