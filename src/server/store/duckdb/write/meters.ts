/**
 * What each meter has delivered: its last batch number, the numbers that never came, its latest report.
 *
 * Held in memory whole (a few hundred bytes a meter) and written with each batch in the same transaction, so that a
 * number counts as seen exactly when its sessions are durable.
 *
 *   seen(n)  <=>  n <= lastBatch and n is in no missing range
 *
 * Limits: METERS_MAX meters a site (beyond it the longest silent one is forgotten: its sessions are still found by
 * their ids); GAPS_MAX missing ranges a meter (beyond it the two oldest become one).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { BatchGap, MeterReport } from '../../../../session/batch.js'
import { int, literal, rowsOf } from '../database.js'

export const METERS_MAX = 1000
export const GAPS_MAX = 1000
const HISTORY_EVERY_US = 60e6

export interface MissingRange {
  from: number
  to: number
  reason: string
  sessions: number | null
  fromUs: number
  toUs: number
}

export interface Meter {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  lastBatch: number
  runStartedUs: number
  receivedUs: number
  report: MeterReport
  missing: MissingRange[]
  historyUs: number
}

export function isoToUs(iso: string): number {
  // Date keeps milliseconds; the microseconds are the digits after them.
  const fraction = /\.(\d{1,6})/.exec(iso)?.[1] ?? ''
  return Math.floor(Date.parse(iso) / 1000) * 1e6 + Number(fraction.padEnd(6, '0'))
}

export function isSeen(meter: Meter, batch: number): boolean {
  return batch <= meter.lastBatch && !meter.missing.some((r) => r.from <= batch && batch <= r.to)
}

/** Takes one number out of the missing ranges; a range may fall in two. */
export function markSeen(meter: Meter, batch: number, atUs: number): boolean {
  if (batch > meter.lastBatch) {
    const jumped = batch > meter.lastBatch + 1
    if (jumped) {
      meter.missing.push({
        from: meter.lastBatch + 1,
        to: batch - 1,
        reason: 'missing',
        sessions: null,
        fromUs: meter.lastBatch === 0 ? Math.min(meter.runStartedUs, atUs) : meter.receivedUs,
        toUs: atUs,
      })
      if (meter.missing.length > GAPS_MAX) {
        const [first, second] = meter.missing.splice(0, 2) as [MissingRange, MissingRange]
        meter.missing.unshift({
          ...second,
          from: first.from,
          fromUs: first.fromUs,
          reason: 'missing',
          sessions: null,
        })
      }
    }
    meter.lastBatch = batch
    return jumped
  }
  const index = meter.missing.findIndex((r) => r.from <= batch && batch <= r.to)
  if (index === -1) return false
  const range = meter.missing[index]!
  const parts = [
    { ...range, to: batch - 1 },
    { ...range, from: batch + 1 },
  ].filter((r) => r.from <= r.to)
  meter.missing.splice(index, 1, ...parts)
  return true
}

/** A loss that the meter reports by batch numbers explains the missing range that holds them. */
export function explainMissing(meter: Meter, gap: BatchGap): boolean {
  const { fromBatch, toBatch } = gap
  if (fromBatch === undefined || toBatch === undefined) return false
  let changed = false
  meter.missing = meter.missing.flatMap((range) => {
    const from = Math.max(range.from, fromBatch)
    const to = Math.min(range.to, toBatch)
    if (from > to) return [range]
    changed = true
    const told = {
      from,
      to,
      reason: gap.reason,
      sessions: gap.sessions,
      fromUs: isoToUs(gap.from),
      toUs: isoToUs(gap.to),
    }
    return [{ ...range, to: from - 1 }, told, { ...range, from: to + 1 }].filter(
      (r) => r.from <= r.to,
    )
  })
  return changed
}

export class Meters {
  readonly #connection: DuckDBConnection
  #meters = new Map<string, Meter>()

  constructor(connection: DuckDBConnection) {
    this.#connection = connection
  }

  /** From the tables; also after a rollback. */
  async load(): Promise<void> {
    this.#meters.clear()
    const rows = await rowsOf(
      this.#connection,
      `SELECT org_id, site_id::DOUBLE s, meter_id, last_batch::DOUBLE b, run_started_us::DOUBLE r,
         received_us::DOUBLE t, report FROM meter`,
    )
    for (const row of rows) {
      const meter: Meter = {
        orgId: row.org_id as string,
        siteId: row.s as number,
        meterId: row.meter_id as string,
        lastBatch: row.b as number,
        runStartedUs: row.r as number,
        receivedUs: row.t as number,
        report: JSON.parse(row.report as string) as MeterReport,
        missing: [],
        historyUs: 0,
      }
      this.#meters.set(keyOf(meter.orgId, meter.siteId, meter.meterId), meter)
    }
    const gaps = await rowsOf(
      this.#connection,
      `SELECT org_id, site_id::DOUBLE s, meter_id, from_batch::DOUBLE f, to_batch::DOUBLE t, reason,
         sessions::DOUBLE n, from_us::DOUBLE fu, to_us::DOUBLE tu
       FROM batch_gap WHERE from_batch IS NOT NULL ORDER BY from_batch`,
    )
    for (const row of gaps) {
      const key = keyOf(row.org_id as string, row.s as number, row.meter_id as string)
      this.#meters.get(key)?.missing.push({
        from: row.f as number,
        to: row.t as number,
        reason: row.reason as string,
        sessions: row.n as number | null,
        fromUs: row.fu as number,
        toUs: row.tu as number,
      })
    }
  }

  get(orgId: string, siteId: number, meterId: string): Meter | undefined {
    return this.#meters.get(keyOf(orgId, siteId, meterId))
  }

  all(orgId: string): Meter[] {
    return [...this.#meters.values()].filter((m) => m.orgId === orgId)
  }

  async create(
    orgId: string,
    siteId: number,
    meterId: string,
    report: MeterReport,
  ): Promise<Meter> {
    const siblings = [...this.#meters.values()].filter(
      (m) => m.orgId === orgId && m.siteId === siteId,
    )
    if (siblings.length >= METERS_MAX) {
      const silent = siblings.reduce((a, b) => (a.receivedUs <= b.receivedUs ? a : b))
      await this.#forget(silent)
    }
    const meter: Meter = {
      orgId,
      siteId,
      meterId,
      lastBatch: 0,
      runStartedUs: isoToUs(report.startedAt),
      receivedUs: 0,
      report,
      missing: [],
      historyUs: 0,
    }
    this.#meters.set(keyOf(orgId, siteId, meterId), meter)
    await this.#connection.run(
      `INSERT INTO meter VALUES ($1, ${int(siteId)}, $2, 0, ${int(meter.runStartedUs)}, 0, '{}')`,
      [orgId, meterId],
    )
    return meter
  }

  async save(meter: Meter, rangesChanged: boolean): Promise<void> {
    // With each commit: as one text the database's threads plan it; bound values would be planned on ours.
    await this.#connection.run(
      `UPDATE meter SET last_batch = ${int(meter.lastBatch)}, run_started_us = ${int(meter.runStartedUs)},
         received_us = ${int(meter.receivedUs)}, report = ${literal(JSON.stringify(meter.report))}
       WHERE org_id = ${literal(meter.orgId)} AND site_id = ${int(meter.siteId)}
         AND meter_id = ${literal(meter.meterId)}`,
    )
    if (rangesChanged) await this.#saveRanges(meter)
    if (meter.receivedUs - meter.historyUs >= HISTORY_EVERY_US) {
      meter.historyUs = meter.receivedUs
      await this.#saveHistory(meter)
    }
  }

  async addLoss(meter: Meter, gap: BatchGap): Promise<void> {
    await this.#connection.run(
      `INSERT INTO batch_gap VALUES ($1, ${int(meter.siteId)}, $2, NULL, NULL, $3, ${int(gap.sessions)},
         ${int(isoToUs(gap.from))}, ${int(isoToUs(gap.to))})`,
      [meter.orgId, meter.meterId, gap.reason],
    )
  }

  async #saveRanges(meter: Meter): Promise<void> {
    const who = `org_id = $1 AND site_id = ${int(meter.siteId)} AND meter_id = $2`
    await this.#connection.run(`DELETE FROM batch_gap WHERE ${who} AND from_batch IS NOT NULL`, [
      meter.orgId,
      meter.meterId,
    ])
    for (const r of meter.missing) {
      await this.#connection.run(
        `INSERT INTO batch_gap VALUES ($1, ${int(meter.siteId)}, $2, ${int(r.from)}, ${int(r.to)}, $3,
           ${r.sessions === null ? 'NULL' : int(r.sessions)}, ${int(r.fromUs)}, ${int(r.toUs)})`,
        [meter.orgId, meter.meterId, r.reason],
      )
    }
  }

  async #saveHistory(meter: Meter): Promise<void> {
    const { report } = meter
    const allDropped = Object.values(report.sessionsDropped).reduce((a, b) => a + b, 0)
    const dropped = Math.min(allDropped, Number.MAX_SAFE_INTEGER)
    const lag = Math.max(0, (meter.receivedUs - isoToUs(report.at)) / 1e6)
    await this.#connection.run(
      `INSERT INTO meter_history VALUES ($1, ${int(meter.siteId)}, $2, ${int(meter.receivedUs)}, ${lag},
         ${int(report.spool.batches)}, ${int(report.openSessions)}, ${int(report.packetsDropped)}, ${int(dropped)})`,
      [meter.orgId, meter.meterId],
    )
  }

  async #forget(meter: Meter): Promise<void> {
    this.#meters.delete(keyOf(meter.orgId, meter.siteId, meter.meterId))
    for (const table of ['meter', 'meter_history', 'batch_gap']) {
      await this.#connection.run(
        `DELETE FROM ${table} WHERE org_id = $1 AND site_id = ${int(meter.siteId)} AND meter_id = $2`,
        [meter.orgId, meter.meterId],
      )
    }
  }
}

function keyOf(orgId: string, siteId: number, meterId: string): string {
  return `${orgId}/${siteId}/${meterId}`
}
