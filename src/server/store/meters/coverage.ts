/** Reads the times in which meters ran, and their losses. */
import { groupBy } from '../../../base/group-by.js'
import type { MeterReport } from '../../../session/batch.js'
import type { Row, Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { Coverage, MeterCoverage, SharedSpan, Span } from '../store.js'
import { RUNS_MAX } from './meter-sql.js'
import { gaps } from './reports.js'

/** Gaps in one answer, with at most COVERAGE_METER_GAPS_MAX for each meter. */
export const COVERAGE_GAPS_MAX = 10_000
const COVERAGE_METER_GAPS_MAX = 1000
/** If there are more runs, their time counts as not metered. The error must never go the other way. */
const COVERAGE_RUNS_MAX = 100_000

/** Losses of sessions that the log had. Those of a replay of files count too, although it covers nothing. */
const DELETED: ReadonlySet<string> = new Set(['erased', 'deletedByOperator'])

export async function coverage(
  query: Rows,
  orgId: string,
  range: Span,
  siteIds: readonly number[] | undefined,
): Promise<Coverage> {
  const { fromUs, toUs } = range
  const ofSites = siteIds === undefined ? '' : `AND site_id IN (${siteIds.map(int).join(', ')})`
  const meters = await query(
    `SELECT site_id::FLOAT8 AS site, meter_id, received_us::FLOAT8 AS received, report FROM meter
     WHERE org_id = $1 ${ofSites} ORDER BY site_id, meter_id`,
    [orgId],
  )
  const { runs, more } = await runsByMeter(query, orgId, range, ofSites)
  const found = await gaps(query, orgId, {
    fromUs,
    toUs,
    siteIds,
    shown: COVERAGE_GAPS_MAX + 1,
    perMeter: COVERAGE_METER_GAPS_MAX + 1,
  })
  const replays = new Set(meters.filter(isReplay).map((row) => `${row.site}/${row.meter_id}`))
  const kept = boundedByMeter(found.slice(0, COVERAGE_GAPS_MAX))
  const shared = await sharedSpans(query, orgId, range, ofSites)
  return {
    meters: meters.flatMap((row) => meterCoverage(row, runs)),
    shared: shared.slice(0, COVERAGE_GAPS_MAX),
    gaps: kept.filter(
      ({ siteId, meterId, reason }) => DELETED.has(reason) || !replays.has(`${siteId}/${meterId}`),
    ),
    more: more || kept.length < found.length || shared.length > COVERAGE_GAPS_MAX,
    deletedBeforeUs: await deletedBeforeUs(query, orgId),
  }
}

/** A replay of files has no coverage, because it watches no interface. */
function isReplay({ report }: Row): boolean {
  return (JSON.parse(report as string) as MeterReport).replay !== undefined
}

function meterCoverage(row: Row, byMeter: ReadonlyMap<string, Row[]>): MeterCoverage[] {
  const report = JSON.parse(row.report as string) as MeterReport
  if (isReplay(row)) return []
  const siteId = row.site as number
  const meterId = row.meter_id as string
  const runs = byMeter.get(`${siteId}/${meterId}`) ?? []
  return [
    {
      siteId,
      meterId,
      interface: report.interface,
      runs: runs.map((run) => ({
        ...spanOf(run),
        claimedUs: run.claimed as number,
        nextUs: run.next as number | null,
      })),
      forgotRuns: runs.some((run) => (run.known as number) >= RUNS_MAX),
      receivedUs: row.received as number,
      caughtUp: report.spool.batches === 0,
      report,
    },
  ]
}

function spanOf(row: Row): Span {
  return { fromUs: row.f as number, toUs: row.t as number }
}

const RUNS = `SELECT org_id, site_id, meter_id, from_us, to_us, coalesce(reported_us, to_us) AS reported_us, uptime_ms,
         greatest(to_us, coalesce(reported_us, to_us)) AS claimed_us
       FROM meter_run
       UNION ALL
       SELECT org_id, site_id, meter_id, run_started_us, coalesce(whole_us, reported_us), reported_us, uptime_ms,
         greatest(coalesce(whole_us, reported_us), least(reported_us, received_us))
       FROM meter_life WHERE received_us > 0`

/**
 * Spans in which two runs read the same interface: runs of two meters of the site, or of one meter id with two spools.
 *
 * Both run on one machine. Their times since its boot are compared, because a change of the clock must neither hide nor
 * invent an overlap. Reports of meters before version 0.2 lack that time and are compared by the clock. Two runs of one
 * spool never overlap. The first spans of each meter are sorted first, because the limit must not leave out a meter.
 */
async function sharedSpans(
  query: Rows,
  orgId: string,
  { fromUs, toUs }: Span,
  ofSites: string,
): Promise<SharedSpan[]> {
  const rows = await query(
    `WITH run AS (${RUNS}),
     placed AS (SELECT p.site_id, p.meter_id, p.spool_id, p.place, p.run_from_us, p.from_us, r.reported_us AS to_us,
         p.uptime_ms * 1000 AS from_up, r.uptime_ms * 1000 AS to_up
       FROM (SELECT * FROM meter_place WHERE org_id = $1 ${ofSites}) p
       JOIN (SELECT * FROM run WHERE org_id = $1 ${ofSites} AND reported_us >= ${int(fromUs)}) r
         ON r.site_id = p.site_id AND r.meter_id = p.meter_id AND r.from_us = p.run_from_us
         AND coalesce(r.reported_us - (r.uptime_ms - p.uptime_ms) * 1000, p.from_us) < ${int(toUs)}),
     pair AS (SELECT a.site_id, a.meter_id, b.meter_id AS other, a.to_us, a.to_up,
         -- Not their sum, which may be too large.
         (a.to_up IS NOT NULL AND a.from_up IS NOT NULL AND b.to_up IS NOT NULL AND b.from_up IS NOT NULL) AS known,
         greatest(a.from_up, b.from_up) AS up_begins, greatest(a.from_us, b.from_us) AS us_begins,
         least(a.to_up, b.to_up) AS up_ends, least(a.to_us, b.to_us) AS us_ends
       FROM placed a JOIN placed b ON a.site_id = b.site_id AND a.place = b.place
         AND (a.meter_id <> b.meter_id OR (a.spool_id <> b.spool_id AND a.run_from_us <> b.run_from_us))),
     timed AS (SELECT site_id, meter_id, other, to_us, to_up, known,
         CASE WHEN known THEN up_begins ELSE us_begins END AS begins,
         CASE WHEN known THEN up_ends ELSE us_ends END AS ends
       FROM pair),
     shared AS (SELECT DISTINCT site_id, meter_id, other,
         -- By the clock that the run had at its end.
         CASE WHEN known THEN to_us - (to_up - begins) ELSE begins END AS f,
         CASE WHEN known THEN to_us - (to_up - ends) ELSE ends END AS t
       FROM timed WHERE begins < ends),
     numbered AS (SELECT *, row_number() OVER (PARTITION BY site_id, meter_id ORDER BY f) AS nth
       FROM shared WHERE t >= ${int(fromUs)} AND f < ${int(toUs)})
     SELECT site_id::FLOAT8 AS site, meter_id, other, f::FLOAT8 AS f, t::FLOAT8 AS t FROM numbered
     ORDER BY nth, site_id, meter_id LIMIT ${COVERAGE_GAPS_MAX + 1}`,
    [orgId],
  )
  return rows.map((row) => ({
    siteId: row.site as number,
    meterId: row.meter_id as string,
    otherMeter: row.other as string,
    ...spanOf(row),
  }))
}

/**
 * The runs that overlap the range, or after which it was not metered until the next one, and each meter's first and last
 * run, because time before the first run is no hole. A run goes on under a new spoolId. If its clock was set back, it may
 * end before it began.
 */
async function runsByMeter(
  query: Rows,
  orgId: string,
  { fromUs, toUs }: Span,
  ofSites: string,
): Promise<{ runs: Map<string, Row[]>; more: boolean }> {
  const rows = await query(
    `WITH run AS (${RUNS}),
     started AS (SELECT site_id, meter_id, from_us, max(to_us) AS to_us, max(claimed_us) AS claimed_us, count(*) AS known
       FROM run WHERE org_id = $1 ${ofSites} GROUP BY site_id, meter_id, from_us),
     numbered AS (SELECT *, row_number() OVER (PARTITION BY site_id, meter_id ORDER BY from_us) AS nth,
       row_number() OVER (PARTITION BY site_id, meter_id ORDER BY to_us DESC) AS nth_last,
       lead(from_us) OVER (PARTITION BY site_id, meter_id ORDER BY from_us) AS next_us,
       sum(known) OVER (PARTITION BY site_id, meter_id) AS all_known FROM started)
     SELECT site_id::FLOAT8 AS site, meter_id, from_us::FLOAT8 AS f, to_us::FLOAT8 AS t, claimed_us::FLOAT8 AS claimed,
       next_us::FLOAT8 AS next, all_known::FLOAT8 AS known FROM numbered
     WHERE nth = 1 OR nth_last = 1 OR (greatest(claimed_us, from_us, coalesce(next_us, from_us)) >= ${int(fromUs)}
       AND least(from_us, to_us) < ${int(toUs)})
     ORDER BY least(nth, nth_last), f LIMIT ${COVERAGE_RUNS_MAX + 1}`,
    [orgId],
  )
  const kept = rows.slice(0, COVERAGE_RUNS_MAX)
  const runs = groupBy(kept, (row) => `${row.site as number}/${row.meter_id as string}`)
  return { runs, more: rows.length > COVERAGE_RUNS_MAX }
}

function boundedByMeter<T extends { siteId: number; meterId: string }>(found: readonly T[]): T[] {
  const byMeter = groupBy(found, ({ siteId, meterId }) => `${siteId}/${meterId}`)
  return [...byMeter.values()].flatMap((own) => own.slice(0, COVERAGE_METER_GAPS_MAX))
}

async function deletedBeforeUs(query: Rows, orgId: string): Promise<number> {
  const rows = await query(
    'SELECT max(before_us)::FLOAT8 AS b FROM deleted_before WHERE org_id = $1',
    [orgId],
  )
  return (rows[0]?.b as number | null) ?? 0
}
