/** The status of each meter, and the gaps of a time range. */
import { usToIso } from '../../../base/instant.js'
import type { MeterReport } from '../../../session/batch.js'
import type { Row, Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { Gap, MeterHistoryPoint, MeterLife, MeterStatus } from '../store.js'

/** The most gaps in one answer. */
export const GAPS_SHOWN = 1000
/** The most gaps of one meter, so a meter whose interface comes and goes leaves room for others. */
const METER_GAPS_SHOWN = 100
/** The interface was gone, so nothing was lost. */
const HARMLESS = `(reason = 'interfaceGone' AND from_batch IS NULL AND coalesce(sessions, 0) = 0)`
const DAY_US = 86400e6

const iso = (us: unknown) => usToIso(us as number)

interface GapRange {
  readonly fromUs: number
  readonly toUs: number
  readonly siteIds: readonly number[] | undefined
  readonly shown: number
  /** The most gaps of one meter. */
  readonly perMeter?: number
}

export async function gaps(
  query: Rows,
  orgId: string,
  { fromUs, toUs, siteIds, shown, perMeter = METER_GAPS_SHOWN }: GapRange,
): Promise<Gap[]> {
  const ofSites = siteIds === undefined ? '' : `AND site_id IN (${siteIds.map(int).join(', ')})`
  const rows = await query(
    `WITH gap AS (
       SELECT *, ${HARMLESS} AS harmless, row_number() OVER (
         PARTITION BY site_id, meter_id ORDER BY ${HARMLESS}, to_us DESC) AS nth
       FROM batch_gap WHERE org_id = $1 AND to_us >= ${int(fromUs)} AND from_us < ${int(toUs)} ${ofSites}),
     kept AS (SELECT * FROM gap WHERE nth <= ${int(perMeter)} ORDER BY harmless, nth, to_us DESC LIMIT ${int(shown)})
     SELECT site_id::FLOAT8 AS site, meter_id, reason, sessions::FLOAT8 AS n, from_batch::FLOAT8 AS f,
       to_batch::FLOAT8 AS t, from_us::FLOAT8 AS fu, to_us::FLOAT8 AS tu, detail
     FROM kept ORDER BY to_us DESC`,
    [orgId],
  )
  return rows.map((row) => ({
    siteId: row.site as number,
    meterId: row.meter_id as string,
    reason: row.reason as string,
    sessions: row.n as number | null,
    fromBatch: row.f as number | null,
    toBatch: row.t as number | null,
    from: iso(row.fu),
    to: iso(row.tu),
    ...(row.detail === null ? {} : (JSON.parse(row.detail as string) as Partial<Gap>)),
  }))
}

/** @param openSql the number of open sessions of the meter `m` */
export async function meterStatuses(
  query: Rows,
  orgId: string,
  nowUs: number,
  openSql: string,
): Promise<MeterStatus[]> {
  const meters = await query(
    `SELECT m.site_id::FLOAT8 AS site, m.meter_id, m.last_batch::FLOAT8 AS batch, m.received_us::FLOAT8 AS received,
       m.report, s.name, ${openSql}::FLOAT8 AS open
     FROM meter m LEFT JOIN catalog_site s ON s.org_id = m.org_id AND s.id = m.site_id
     WHERE m.org_id = $1 ORDER BY m.site_id, m.received_us DESC`,
    [orgId],
  )
  const history = await historyPoints(query, orgId, nowUs)
  const lives = await meterLives(query, orgId)
  const losses = await gaps(query, orgId, {
    fromUs: nowUs - 30 * DAY_US,
    toUs: nowUs,
    siteIds: undefined,
    shown: Math.max(1, meters.length) * METER_GAPS_SHOWN,
  })
  return meters.map((row) => {
    const siteId = row.site as number
    const meterId = row.meter_id as string
    return {
      siteId,
      siteName: row.name as string | null,
      meterId,
      lastBatch: row.batch as number,
      receivedAt: iso(row.received),
      report: JSON.parse(row.report as string) as MeterReport,
      openSessions: row.open as number,
      lives: lives.get(`${siteId}/${meterId}`) ?? [],
      gaps: losses.filter((gap) => gap.siteId === siteId && gap.meterId === meterId),
      history: history.get(`${siteId}/${meterId}`) ?? [],
    }
  })
}

async function meterLives(query: Rows, orgId: string): Promise<Map<string, MeterLife[]>> {
  const rows = await query(
    `SELECT site_id::FLOAT8 AS site, meter_id, spool_id, last_batch::FLOAT8 AS batch, received_us::FLOAT8 AS received,
       run_started_us::FLOAT8 AS started, reported_us::FLOAT8 AS reported, returned_us::FLOAT8 AS returned
     FROM meter_life WHERE org_id = $1 ORDER BY received_us DESC`,
    [orgId],
  )
  const lives = new Map<string, MeterLife[]>()
  for (const row of rows) {
    const key = `${row.site as number}/${row.meter_id as string}`
    const list = lives.get(key) ?? []
    list.push({
      spoolId: row.spool_id as string,
      lastBatch: row.batch as number,
      receivedAt: iso(row.received),
      returnedAt: row.returned ? iso(row.returned) : null,
      runStartedAt: iso(row.started),
      reportedAt: iso(row.reported),
    })
    lives.set(key, list)
  }
  return lives
}

async function historyPoints(
  query: Rows,
  orgId: string,
  nowUs: number,
): Promise<Map<string, MeterHistoryPoint[]>> {
  const rows = await query(
    `SELECT site_id::FLOAT8 AS site, meter_id, at_us::FLOAT8 AS at, lag_seconds, spool_batches::FLOAT8 AS spool,
       open_sessions::FLOAT8 AS open, packets_dropped::FLOAT8 AS packets, sessions_dropped::FLOAT8 AS sessions
     FROM meter_history WHERE org_id = $1 AND at_us >= ${int(nowUs - DAY_US)} ORDER BY at_us`,
    [orgId],
  )
  const points = new Map<string, MeterHistoryPoint[]>()
  for (const row of rows) {
    const key = `${row.site as number}/${row.meter_id as string}`
    const list = points.get(key) ?? []
    list.push(historyPoint(row))
    points.set(key, list)
  }
  return points
}

function historyPoint(row: Row): MeterHistoryPoint {
  return {
    at: iso(row.at),
    lagSeconds: row.lag_seconds as number,
    spoolBatches: row.spool as number,
    openSessions: row.open as number,
    packetsDropped: row.packets as number,
    sessionsDropped: row.sessions as number,
  }
}
