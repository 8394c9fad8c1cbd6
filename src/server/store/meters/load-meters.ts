/** Reads the meters from their tables. */
import type { MeterReport } from '../../../session/batch.js'
import type { Row, Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import { newLife } from './lives.js'
import { knowDrops } from './losses.js'
import { keyOf, type Meter, type MeterName, newMeter } from './meter.js'
import { whereIs } from './meter-sql.js'

/** The rows of a query that begin with org_id, s and meter_id, with their meters. */
type RowsOfMeters = (
  sql: string,
) => Promise<readonly { readonly row: Row; readonly meter: Meter }[]>

/** One meter, and the number of the batch that is to be booked. */
export interface OneMeter extends MeterName {
  readonly batch: number
}

/** All meters by their key (keyOf), or one: then only the checksum of the batch's number is read. */
export async function loadMeters(query: Rows, only?: OneMeter): Promise<Map<string, Meter>> {
  const where = only === undefined ? 'true' : whereIs(only)
  const meters = await readMeters(query, where)
  const rowsOf = async (sql: string) =>
    (await query(sql)).flatMap((row) => {
      const meter = meters.get(keyOf(nameIn(row)))
      return meter === undefined ? [] : [{ row, meter }]
    })
  await readLives(rowsOf, where)
  for (const meter of meters.values()) knowDrops(meter.lives.values(), meter)
  await readMissing(rowsOf, where)
  await readCrcs(rowsOf, where, only?.batch)
  return meters
}

async function readMissing(rowsOf: RowsOfMeters, where: string): Promise<void> {
  const gaps = await rowsOf(
    `SELECT org_id, site_id::FLOAT8 s, meter_id, spool_id, from_batch::FLOAT8 f, to_batch::FLOAT8 t, reason,
         sessions::FLOAT8 n, from_us::FLOAT8 fu, to_us::FLOAT8 tu
       FROM batch_gap WHERE from_batch IS NOT NULL AND ${where} ORDER BY from_batch`,
  )
  for (const { row, meter } of gaps) {
    meter.lives.get(row.spool_id as string)?.missing.push({
      from: row.f as number,
      to: row.t as number,
      reason: row.reason as string,
      sessions: row.n as number | null,
      fromUs: row.fu as number,
      toUs: row.tu as number,
    })
  }
}

async function readCrcs(rowsOf: RowsOfMeters, where: string, batch?: number): Promise<void> {
  const crcs = await rowsOf(
    `SELECT org_id, site_id::FLOAT8 s, meter_id, spool_id, batch::FLOAT8 b, crc::FLOAT8 crc FROM batch_crc
       WHERE ${where} ${batch === undefined ? '' : `AND batch = ${int(batch)}`}`,
  )
  for (const { row, meter } of crcs)
    meter.lives.get(row.spool_id as string)?.crcs.set(row.b as number, row.crc as number)
}

async function readMeters(query: Rows, where: string): Promise<Map<string, Meter>> {
  const meters = new Map<string, Meter>()
  const rows = await query(
    `SELECT org_id, site_id::FLOAT8 s, meter_id, last_batch::FLOAT8 b, run_started_us::FLOAT8 r,
         received_us::FLOAT8 t, report FROM meter WHERE ${where}`,
  )
  for (const row of rows) {
    const meter = newMeter(nameIn(row), JSON.parse(row.report as string) as MeterReport)
    meter.lastBatch = row.b as number
    meter.runStartedUs = row.r as number
    meter.receivedUs = row.t as number
    meters.set(keyOf(meter), meter)
  }
  return meters
}

async function readLives(rowsOf: RowsOfMeters, where: string): Promise<void> {
  const lives = await rowsOf(
    `SELECT org_id, site_id::FLOAT8 s, meter_id, spool_id, last_batch::FLOAT8 b, run_started_us::FLOAT8 r,
         reported_us::FLOAT8 p, received_us::FLOAT8 t, whole_us::FLOAT8 w, uptime_ms::FLOAT8 u,
         returned_us::FLOAT8 back FROM meter_life
       WHERE ${where} ORDER BY received_us`,
  )
  for (const { row, meter } of lives) {
    const life = newLife(row.spool_id as string, 1 + (row.b as number), row.r as number)
    life.reportedUs = row.p as number
    life.wholeUs = (row.w as number | null) ?? life.reportedUs
    life.uptimeMs = row.u as number | null
    life.receivedUs = row.t as number
    life.returnedUs = (row.back as number | null) ?? 0
    meter.lives.set(life.spoolId, life)
    if (life.receivedUs <= meter.receivedUs) meter.spoolId = life.spoolId
  }
}

function nameIn({ org_id, s, meter_id }: Row): MeterName {
  return { orgId: org_id as string, siteId: s as number, meterId: meter_id as string }
}
