/**
 * The state of each meter: its newest report, and for each of its spools (lives.ts) the last batch number and the
 * missing numbers.
 *
 * All of it is in memory: a few hundred bytes per meter, and 16 bytes per checksum. An engine that several servers share
 * reads the one meter of a batch in the batch's transaction instead. Changes are written in the transaction of their
 * group, as one text (takeStatements). So a number counts as seen exactly when its sessions are durable.
 *
 * Limits: METERS_MAX meters per site; beyond it, the longest silent one is forgotten, and its sessions are still found
 * by their ids. LIVES_MAX spools per meter; beyond it, the longest silent one is forgotten, and its missing batches
 * stay as losses. RUNS_MAX runs per meter. About REPORT_PLACES_MAX interfaces per run.
 */
import type { BatchGap, MeterReport } from '../../../session/batch.js'
import { REPORT_PLACES_MAX } from '../../../session/bounds.js'
import { literal, type Row, type Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { Span } from '../store.js'
import { CRCS_MAX, hear, isoToUs, type Life, newLife, wholeUsOf } from './lives.js'
import {
  droppedLate,
  droppedSince,
  type EndedRun,
  endedRun,
  type GoingLoss,
  goesOn,
  type KnownRun,
  knowDrops,
  runOf,
  unexplainedIn,
} from './losses.js'

export const METERS_MAX = 1000
export const LIVES_MAX = 16
const HISTORY_EVERY_US = 60e6
/** Ended runs per meter that are kept for comparison with late reports. */
const ENDED_MAX = 16
/** Runs kept per meter. The time before them counts as not watched. */
export const RUNS_MAX = 2000
/** All tables with rows of a meter. */
const TABLES = [
  ...['meter', 'meter_history', 'meter_life', 'meter_run', 'meter_place', 'batch_crc', 'batch_gap'],
]

export interface Meter {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  readonly lives: Map<string, Life>
  /** The spool of the newest report. */
  spoolId: string
  lastBatch: number
  runStartedUs: number
  receivedUs: number
  report: MeterReport
  historyUs: number
  /** Losses that the next report may extend, by reason. */
  readonly going: Map<string, GoingLoss[]>
  /** The newest report of the last ended runs, by the start of the run. */
  readonly ended: Map<number, EndedRun>
  /** The start of the run that reported last, and its places in the table. */
  placed: { readonly runUs: number; readonly places: Set<string> }
}

type Extended = ReturnType<typeof goesOn>

const NOT_PLACED: Meter['placed'] = { runUs: -1, places: new Set() }

/** The meters and lives that a transaction has changed, and for each life whether its missing ranges changed. */
export type SavedMeter = Map<Meter, Map<Life, boolean>>

/** One meter, and the number of the batch that is to be booked. */
export interface OneMeter extends MeterName {
  readonly batch: number
}

export class Meters {
  readonly #query: Rows
  readonly #rowId: 'rowid' | 'ctid'
  #meters = new Map<string, Meter>()
  /** The statements for the next transaction, in order. */
  #statements: string[] = []

  /** @param rowId the engine's name for the place of a row, which tells equal rows apart */
  constructor(query: Rows, rowId: 'rowid' | 'ctid') {
    this.#query = query
    this.#rowId = rowId
  }

  /** Reads everything from the tables, or one meter. Also needed after a rollback. */
  async load(only?: OneMeter): Promise<void> {
    const loaded = new Meters(this.#query, this.#rowId)
    await loaded.#loadAll(only === undefined ? 'true' : whereIs(only), only?.batch)
    // Replaced in one step, because readers must not see a part of the meters.
    this.#meters = loaded.#meters
    this.#statements = []
  }

  /** @param batch the only number whose checksums are read */
  async #loadAll(where: string, batch?: number): Promise<void> {
    await this.#loadMeters(where)
    await this.#loadLives(where)
    const gaps = await this.#rows(
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
    const crcs = await this.#rows(
      `SELECT org_id, site_id::FLOAT8 s, meter_id, spool_id, batch::FLOAT8 b, crc::FLOAT8 crc FROM batch_crc
       WHERE ${where} ${batch === undefined ? '' : `AND batch = ${int(batch)}`}`,
    )
    for (const { row, meter } of crcs)
      meter.lives.get(row.spool_id as string)?.crcs.set(row.b as number, row.crc as number)
  }

  async #loadMeters(where: string): Promise<void> {
    const rows = await this.#query(
      `SELECT org_id, site_id::FLOAT8 s, meter_id, last_batch::FLOAT8 b, run_started_us::FLOAT8 r,
         received_us::FLOAT8 t, report FROM meter WHERE ${where}`,
    )
    for (const row of rows) {
      const meter: Meter = {
        orgId: row.org_id as string,
        siteId: row.s as number,
        meterId: row.meter_id as string,
        lives: new Map(),
        spoolId: '',
        lastBatch: row.b as number,
        runStartedUs: row.r as number,
        receivedUs: row.t as number,
        report: JSON.parse(row.report as string) as MeterReport,
        historyUs: 0,
        going: new Map(),
        ended: new Map(),
        placed: NOT_PLACED,
      }
      this.#meters.set(keyOf(meter.orgId, meter.siteId, meter.meterId), meter)
    }
  }

  async #loadLives(where: string): Promise<void> {
    const lives = await this.#rows(
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
      meter.spoolId = life.spoolId
    }
    for (const meter of this.#meters.values()) knowDrops(meter.lives.values(), meter)
  }

  async #rows(sql: string): Promise<{ row: Row; meter: Meter }[]> {
    const rows = await this.#query(sql)
    return rows.flatMap((row) => {
      const meter = this.get(row.org_id as string, row.s as number, row.meter_id as string)
      return meter === undefined ? [] : [{ row, meter }]
    })
  }

  get(orgId: string, siteId: number, meterId: string): Meter | undefined {
    return this.#meters.get(keyOf(orgId, siteId, meterId))
  }

  all(orgId: string): Meter[] {
    return [...this.#meters.values()].filter((m) => m.orgId === orgId)
  }

  create(orgId: string, siteId: number, meterId: string, report: MeterReport): Meter {
    const siblings = [...this.#meters.values()].filter(
      (m) => m.orgId === orgId && m.siteId === siteId,
    )
    if (siblings.length >= METERS_MAX) {
      const silent = siblings.reduce((a, b) => (a.receivedUs <= b.receivedUs ? a : b))
      this.#forget(silent)
    }
    const meter: Meter = {
      orgId,
      siteId,
      meterId,
      lives: new Map(),
      spoolId: '',
      lastBatch: 0,
      runStartedUs: isoToUs(report.startedAt),
      receivedUs: 0,
      report,
      historyUs: 0,
      going: new Map(),
      ended: new Map(),
      placed: NOT_PLACED,
    }
    this.#meters.set(keyOf(orgId, siteId, meterId), meter)
    this.#statements.push(
      `INSERT INTO meter VALUES (${idOf(meter)}, 0, ${int(meter.runStartedUs)}, 0, '{}')`,
    )
    return meter
  }

  /** The life of this spool. A new one is created if needed. */
  lifeOf(meter: Meter, spoolId: string, firstBatch: number): Life {
    const known = meter.lives.get(spoolId)
    if (known !== undefined) return known
    if (meter.lives.size >= LIVES_MAX) {
      const silent = [...meter.lives.values()].reduce((a, b) =>
        a.receivedUs <= b.receivedUs ? a : b,
      )
      this.#forgetLife(meter, silent)
    }
    const life = newLife(spoolId, firstBatch, meter.runStartedUs)
    meter.lives.set(spoolId, life)
    this.#statements.push(
      `INSERT INTO meter_life VALUES (${idOf(meter)}, ${literal(spoolId)}, ${int(life.lastBatch)},
         ${int(life.runStartedUs)}, ${int(life.reportedUs)}, 0, ${int(life.wholeUs)}, NULL, NULL)`,
    )
    return life
  }

  /** Records losses and an ended run since the previous report of the life. Call it before hear(). */
  note(meter: Meter, life: Life, report: MeterReport): void {
    const run = endedRun(life, report)
    if (run !== null) {
      this.#addRun(meter, run)
      const unexplained = unexplainedIn(run, meter)
      if (unexplained !== null) this.addLoss(meter, unexplained)
      this.#keepEnded(meter, run, {
        packetsDropped: life.packetsDropped ?? 0,
        toUs: run.reportedUs,
      })
    }
    const dropped = droppedSince(life, meter, report)
    if (dropped !== null) this.addLoss(meter, dropped)
  }

  /** Records a late report, whose run may have ended already. */
  noteLate(meter: Meter, life: Life, report: MeterReport): void {
    const [fromUs, toUs] = [isoToUs(report.startedAt), wholeUsOf(report)]
    const values = `${int(toUs)}, ${int(isoToUs(report.at))}, ${orNull(report.uptimeMs?.at)}`
    if (report.replay !== undefined || fromUs === life.runStartedUs) return
    const its = `${whereIs(meter)} AND from_us = ${int(fromUs)}`
    this.#statements.push(
      `UPDATE meter_run SET (to_us, reported_us, uptime_ms) = (${values})
         WHERE ${its} AND coalesce(reported_us, to_us) < ${int(isoToUs(report.at))}`,
      `INSERT INTO meter_run SELECT ${idOf(meter)}, ${int(fromUs)}, ${values}
         WHERE NOT EXISTS (SELECT 1 FROM meter_run WHERE ${its})`,
      oldRunsSql(meter),
    )
    const dropped = droppedLate(meter.ended.get(fromUs), report)
    if (dropped === null) return
    this.addLoss(meter, dropped)
    this.#keepEnded(
      meter,
      { fromUs },
      {
        packetsDropped: report.packetsDropped,
        toUs: isoToUs(report.at),
      },
    )
  }

  #keepEnded({ ended }: Meter, { fromUs }: Pick<Span, 'fromUs'>, run: EndedRun): void {
    ended.set(fromUs, run)
    if (ended.size > ENDED_MAX) ended.delete(ended.keys().next().value!)
  }

  /**
   * Records the interfaces that the run reads. An interface that came later counts from the previous report, because
   * the exact time is unknown. Call it before hear().
   */
  notePlaces(meter: Meter, life: Life, report: MeterReport): void {
    const { startedAt, at, uptimeMs, places = [] } = report
    const runUs = isoToUs(startedAt)
    if (meter.placed.runUs !== runUs) meter.placed = { runUs, places: new Set() }
    const known = meter.placed.places
    const fresh = [...new Set(places)].filter((place) => !known.has(place))
    if (fresh.length === 0 || known.size >= REPORT_PLACES_MAX) return
    for (const place of fresh) known.add(place)
    const goesOn = life.receivedUs > 0 && life.runStartedUs === runUs
    const fromUs = goesOn ? Math.min(life.reportedUs, isoToUs(at)) : runUs
    const uptime = goesOn ? life.uptimeMs : uptimeMs?.startedAt
    const its = `${whereIs(meter)} AND run_from_us = ${int(runUs)}`
    const rows = fresh.map((place) => `(${literal(place)})`).join(', ')
    this.#statements.push(
      `INSERT INTO meter_place SELECT ${idOf(meter)}, ${literal(life.spoolId)}, ${int(runUs)}, v.place, ${int(fromUs)}, ${orNull(uptime)}
         FROM (VALUES ${rows}) v(place)
         WHERE v.place NOT IN (SELECT place FROM meter_place WHERE ${its})
           AND (SELECT count(*) FROM meter_place WHERE ${its}) < ${REPORT_PLACES_MAX}`,
    )
  }

  #addRun(meter: Meter, { fromUs, toUs, reportedUs, uptimeMs }: KnownRun): void {
    const values = [fromUs, toUs, reportedUs].map(int).join(', ')
    this.#statements.push(
      `INSERT INTO meter_run VALUES (${idOf(meter)}, ${values}, ${orNull(uptimeMs)})`,
      oldRunsSql(meter),
    )
  }

  /** Records the newest report of one of the meter's spools. */
  hear(meter: Meter, life: Life, report: MeterReport, nowUs: number): void {
    hear(life, meter.lives.values(), report, nowUs)
    meter.receivedUs = nowUs
    meter.runStartedUs = life.runStartedUs
    meter.spoolId = life.spoolId
    meter.lastBatch = life.lastBatch
    meter.report = report
  }

  /**
   * The SQL for all changes of a transaction. It has literals, because the database's threads plan texts, but
   * statements with bound values would be planned on the JavaScript thread.
   */
  takeStatements(changed: SavedMeter): string[] {
    for (const [meter, lives] of changed) {
      this.#statements.push(meterSql(meter))
      this.#saveHistoryWhenDue(meter)
      for (const [life, rangesChanged] of lives) {
        this.#statements.push(lifeSql(meter, life))
        if (rangesChanged) this.#saveRanges(meter, life)
      }
    }
    this.#saveCrcs(changed)
    const statements = this.#statements
    this.#statements = []
    return statements
  }

  /** Inserts all new checksums of a transaction in one statement. Old ones are deleted every CRCS_MAX batches. */
  #saveCrcs(changed: SavedMeter): void {
    const rows: string[] = []
    for (const [meter, lives] of changed) {
      for (const life of lives.keys()) {
        for (const batch of life.unsavedCrcs) {
          const crc = life.crcs.get(batch)
          if (crc !== undefined)
            rows.push(`(${idOf(meter)}, ${literal(life.spoolId)}, ${int(batch)}, ${int(crc)})`)
          if (batch % CRCS_MAX === 0) this.#forgetCrcs(meter, life, batch - CRCS_MAX)
        }
        life.unsavedCrcs = []
      }
    }
    if (rows.length > 0) this.#statements.push(`INSERT INTO batch_crc VALUES ${rows.join(', ')}`)
  }

  #forgetCrcs(meter: Meter, life: Life, upTo: number): void {
    this.#statements.push(
      `DELETE FROM batch_crc WHERE ${whereIs(meter)} AND spool_id = ${literal(life.spoolId)}
         AND batch <= ${int(upTo)}`,
    )
  }

  addLoss(meter: Meter, gap: BatchGap): void {
    const longer = goesOn(meter.going, gap)
    if (longer !== null) this.#extendLoss(meter, gap.reason, longer)
    else
      this.#statements.push(
        `INSERT INTO batch_gap VALUES (${idOf(meter)}, NULL, NULL, ${literal(gap.reason)}, ${int(gap.sessions)},
         ${int(isoToUs(gap.from))}, ${int(isoToUs(gap.to))}, '', ${detailOf(gap)})`,
      )
  }

  /** Changes one row, because an earlier process may have left a loss with the same values. */
  #extendLoss(meter: Meter, reason: string, { loss, was }: NonNullable<Extended>): void {
    this.#statements.push(
      `UPDATE batch_gap SET from_us = ${int(loss.fromUs)}, to_us = ${int(loss.toUs)}, sessions = ${int(loss.sessions)}, detail = ${detailOf(loss)}
       WHERE ${this.#rowId} = (SELECT max(${this.#rowId}) FROM batch_gap WHERE ${whereIs(meter)} AND reason = ${literal(reason)}
         AND from_us = ${int(was.fromUs)} AND to_us = ${int(was.toUs)} AND sessions = ${int(was.sessions)} AND from_batch IS NULL)`,
    )
  }

  #saveRanges(meter: Meter, life: Life): void {
    const spool = literal(life.spoolId)
    this.#statements.push(
      `DELETE FROM batch_gap WHERE ${whereIs(meter)} AND spool_id = ${spool} AND from_batch IS NOT NULL`,
    )
    const rows = life.missing.map(
      (r) => `(${idOf(meter)}, ${int(r.from)}, ${int(r.to)}, ${literal(r.reason)},
         ${r.sessions === null ? 'NULL' : int(r.sessions)}, ${int(r.fromUs)}, ${int(r.toUs)}, ${spool}, NULL)`,
    )
    if (rows.length > 0) this.#statements.push(`INSERT INTO batch_gap VALUES ${rows.join(', ')}`)
  }

  #saveHistoryWhenDue(meter: Meter): void {
    const { report, receivedUs, historyUs } = meter
    if (receivedUs - historyUs < HISTORY_EVERY_US) return
    meter.historyUs = receivedUs
    const allDropped = Object.values(report.sessionsDropped).reduce((a, b) => a + b, 0)
    const dropped = Math.min(allDropped, Number.MAX_SAFE_INTEGER)
    const lag = Math.max(0, (receivedUs - isoToUs(report.at)) / 1e6)
    this.#statements.push(
      `INSERT INTO meter_history VALUES (${idOf(meter)}, ${int(receivedUs)}, ${lag},
         ${int(report.spool.batches)}, ${int(report.openSessions)}, ${int(report.packetsDropped)}, ${int(dropped)})`,
    )
  }

  #forget(meter: Meter): void {
    this.#meters.delete(keyOf(meter.orgId, meter.siteId, meter.meterId))
    this.#statements.push(...forgetSql(meter))
  }

  #forgetLife(meter: Meter, life: Life): void {
    meter.lives.delete(life.spoolId)
    if (meter.report.replay === undefined) this.#addRun(meter, runOf(life))
    const which = `${whereIs(meter)} AND spool_id = ${literal(life.spoolId)}`
    for (const table of ['meter_life', 'batch_crc'])
      this.#statements.push(`DELETE FROM ${table} WHERE ${which}`)
    this.#statements.push(`UPDATE batch_gap SET from_batch = NULL, to_batch = NULL WHERE ${which}`)
  }
}

function meterSql(meter: Meter): string {
  return `UPDATE meter SET last_batch = ${int(meter.lastBatch)}, run_started_us = ${int(meter.runStartedUs)},
      received_us = ${int(meter.receivedUs)}, report = ${literal(JSON.stringify(meter.report))}
    WHERE ${whereIs(meter)}`
}

function lifeSql(meter: Meter, life: Life): string {
  return `UPDATE meter_life SET last_batch = ${int(life.lastBatch)}, run_started_us = ${int(life.runStartedUs)},
      reported_us = ${int(life.reportedUs)}, received_us = ${int(life.receivedUs)},
      whole_us = ${int(life.wholeUs)}, uptime_ms = ${orNull(life.uptimeMs)}, returned_us = ${int(life.returnedUs)}
    WHERE ${whereIs(meter)} AND spool_id = ${literal(life.spoolId)}`
}

/** The fields that only some losses have, as JSON. */
function detailOf({
  interface: name,
  bytes,
  peers,
  packets,
}: Pick<BatchGap, 'interface' | 'bytes' | 'peers' | 'packets'>): string {
  const detail = JSON.stringify({ interface: name, bytes, peers, packets })
  return detail === '{}' ? 'NULL' : literal(detail)
}

function orNull(n: number | null | undefined): string {
  return n === null || n === undefined ? 'NULL' : int(n)
}

/** The first three values of a meter's rows. */
function idOf({ orgId, siteId, meterId }: Meter): string {
  return `${literal(orgId)}, ${int(siteId)}, ${literal(meterId)}`
}

/** SQL that deletes runs before the last RUNS_MAX, and their interfaces. */
function oldRunsSql(meter: Meter): string {
  const oldest = `(SELECT from_us FROM meter_run WHERE ${whereIs(meter)} ORDER BY from_us DESC LIMIT 1 OFFSET ${RUNS_MAX})`
  return ['meter_place WHERE run_from_us', 'meter_run WHERE from_us']
    .map((which) => `DELETE FROM ${which} <= ${oldest} AND ${whereIs(meter)}`)
    .join(';\n')
}

/** SQL that deletes all rows of a meter. */
export function forgetSql(meter: MeterName): string[] {
  return TABLES.map((table) => `DELETE FROM ${table} WHERE ${whereIs(meter)}`)
}

export type MeterName = Pick<Meter, 'orgId' | 'siteId' | 'meterId'>

export function whereIs({ orgId, siteId, meterId }: MeterName): string {
  return `org_id = ${literal(orgId)} AND site_id = ${int(siteId)} AND meter_id = ${literal(meterId)}`
}

function keyOf(orgId: string, siteId: number, meterId: string): string {
  return `${orgId}/${siteId}/${meterId}`
}
