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
 * stay as losses. RUNS_MAX runs per meter (meter-sql.ts). About REPORT_PLACES_MAX interfaces per run.
 */
import { isoToUs, usToIso } from '../../../base/instant.js'
import type { BatchGap, MeterReport } from '../../../session/batch.js'
import { REPORT_PLACES_MAX } from '../../../session/bounds.js'
import { literal, type Rows } from '../sql/rows.js'
import { int, intOrNull } from '../sql/sql.js'
import type { Span } from '../store.js'
import { CRCS_MAX, coveredUntil, hear, type Life, newLife } from './lives.js'
import { loadMeters, type OneMeter } from './load-meters.js'
import { LossRows } from './loss-rows.js'
import {
  droppedLate,
  droppedSince,
  type EndedRun,
  endedRun,
  type KnownRun,
  runOf,
  unexplainedIn,
} from './losses.js'
import { keyOf, type Meter, type MeterName, newMeter } from './meter.js'
import { crowdedOutSql, idOf, lifeSql, meterSql, oldRunsSql, whereIs } from './meter-sql.js'
import { setBackBefore } from './passed.js'

export const METERS_MAX = 1000
export const LIVES_MAX = 16
const HISTORY_EVERY_US = 60e6
/** Ended runs per meter that are kept for comparison with late reports. */
const ENDED_MAX = 16

/** The meters and lives that a transaction has changed, and for each life whether its missing ranges changed. */
export type SavedMeter = Map<Meter, Map<Life, boolean>>

export class Meters {
  readonly #query: Rows
  readonly #losses: LossRows
  #meters = new Map<string, Meter>()
  /** The statements for the next transaction, in order. */
  #statements: string[] = []

  /** @param rowId the engine's name for the place of a row, which tells equal rows apart */
  constructor(query: Rows, rowId: 'rowid' | 'ctid') {
    this.#query = query
    this.#losses = new LossRows(rowId)
  }

  /** Reads everything from the tables, or one meter. Also needed after a rollback. */
  async load(only?: OneMeter): Promise<void> {
    // Replaced in one step, because readers must not see a part of the meters.
    this.#meters = await loadMeters(this.#query, only)
    this.#statements = []
    this.#losses.clear()
  }

  get(orgId: string, siteId: number, meterId: string): Meter | undefined {
    return this.#meters.get(keyOf({ orgId, siteId, meterId }))
  }

  all(orgId: string): Meter[] {
    return [...this.#meters.values()].filter((m) => m.orgId === orgId)
  }

  create({ orgId, siteId, meterId }: MeterName, report: MeterReport, nowUs: number): Meter {
    const siblings = [...this.#meters.values()].filter(
      (m) => m.orgId === orgId && m.siteId === siteId,
    )
    if (siblings.length >= METERS_MAX) {
      const silent = siblings.reduce((a, b) => (a.receivedUs <= b.receivedUs ? a : b))
      this.#forget(silent, nowUs)
    }
    const meter = newMeter({ orgId, siteId, meterId }, report)
    this.#meters.set(keyOf(meter), meter)
    this.#statements.push(
      `INSERT INTO meter VALUES (${idOf(meter)}, 0, ${int(meter.runStartedUs)}, 0, '{}')`,
    )
    return meter
  }

  /**
   * The life of this spool. A new one is created if needed.
   * @param startedUs the start of the run that tells of it, which may be older than the meter's newest run
   */
  lifeOf(meter: Meter, spoolId: string, firstBatch: number, startedUs: number): Life {
    const known = meter.lives.get(spoolId)
    if (known !== undefined) return known
    if (meter.lives.size >= LIVES_MAX) {
      const silent = [...meter.lives.values()].reduce((a, b) =>
        a.receivedUs <= b.receivedUs ? a : b,
      )
      this.#forgetLife(meter, silent)
    }
    const life = newLife(spoolId, firstBatch, Math.min(meter.runStartedUs, startedUs))
    meter.lives.set(spoolId, life)
    this.#statements.push(
      `INSERT INTO meter_life VALUES (${idOf(meter)}, ${literal(spoolId)}, ${int(life.lastBatch)},
         ${int(life.runStartedUs)}, ${int(life.reportedUs)}, 0, ${int(life.wholeUs)}, NULL, NULL)`,
    )
    return life
  }

  /** Begins the numbers of the life anew. Its run stays, and its missing batches do as losses without numbers. */
  restart(meter: Meter, life: Life, firstBatch: number, startedUs: number): void {
    this.#addRun(meter, runOf(life))
    for (const { reason, sessions, fromUs, toUs } of life.missing)
      this.addLoss(meter, {
        ...{ reason, sessions: sessions ?? 0, from: usToIso(fromUs), to: usToIso(toUs) },
      })
    Object.assign(life, newLife(life.spoolId, firstBatch, startedUs))
  }

  /** Records losses and an ended run since the previous report of the life. Call it before hear(). */
  note(meter: Meter, life: Life, report: MeterReport, nowUs: number): void {
    const run = endedRun(life, report)
    if (run !== null) {
      this.#addRun(meter, run)
      this.#keepEnded(meter, run, {
        packetsDropped: life.packetsDropped ?? 0,
        toUs: run.reportedUs,
      })
    }
    // Also if the next run has another spool.
    const isOther = report.replay === undefined && report.startedAt !== meter.report.startedAt
    if (isOther && isWatching(meter)) this.#noteUnexplained(meter, meter.report)
    if (isOther && life.receivedUs === 0) this.#noteSetBack(meter, report)
    const dropped = droppedSince(life, meter, report, nowUs)
    if (dropped !== null) this.addLoss(meter, dropped)
  }

  /** A meter with a new spool cannot tell for how long it did not meter; the time since the boot may. */
  #noteSetBack(meter: Meter, report: MeterReport): void {
    const before = meter.lives.get(meter.spoolId)
    const passed = before === undefined ? null : setBackBefore(before, report)
    if (passed === null) return
    const [from, to] = [usToIso(passed.fromUs), usToIso(passed.toUs)]
    this.addLoss(meter, { reason: 'unmeteredSetBack', sessions: 0, from, to })
  }

  /** Records a late report, whose run may have ended already. */
  noteLate(meter: Meter, life: Life, report: MeterReport, nowUs: number): void {
    const [fromUs, toUs] = [isoToUs(report.startedAt), coveredUntil(report, nowUs)]
    const reportedUs = Math.max(toUs, Math.min(isoToUs(report.at), nowUs))
    const values = `${int(toUs)}, ${int(reportedUs)}, ${intOrNull(report.uptimeMs?.at)}`
    if (report.replay !== undefined || fromUs === life.runStartedUs) return
    const its = `${whereIs(meter)} AND from_us = ${int(fromUs)}`
    this.#statements.push(
      `UPDATE meter_run SET (to_us, reported_us, uptime_ms) = (${values})
         WHERE ${its} AND coalesce(reported_us, to_us) < ${int(reportedUs)}`,
      `INSERT INTO meter_run SELECT ${idOf(meter)}, ${int(fromUs)}, ${values}
         WHERE NOT EXISTS (SELECT 1 FROM meter_run WHERE ${its})`,
      oldRunsSql(meter),
    )
    const before = meter.ended.get(fromUs)
    const isNewest = before === undefined || isoToUs(report.at) > before.toUs
    if (isNewest && report.startedAt !== meter.report.startedAt)
      this.#noteUnexplained(meter, report)
    const dropped = droppedLate(before, report)
    if (dropped !== null) this.addLoss(meter, dropped)
    if (dropped === null && !isNewest) return
    const { packetsDropped } = report
    this.#keepEnded(meter, { fromUs }, { packetsDropped, toUs: isoToUs(report.at) })
  }

  /** Keeps the unexplained packets of a run, because the meter's newest report is of another run. */
  #noteUnexplained(meter: Meter, last: MeterReport): void {
    const span = { reason: 'unexplained', from: last.startedAt, to: last.at }
    this.#losses.replace(meter, span, unexplainedIn(last))
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
      `INSERT INTO meter_place SELECT ${idOf(meter)}, ${literal(life.spoolId)}, ${int(runUs)}, v.place, ${int(fromUs)}, ${intOrNull(uptime)}
         FROM (VALUES ${rows}) v(place)
         WHERE v.place NOT IN (SELECT place FROM meter_place WHERE ${its})
           AND (SELECT count(*) FROM meter_place WHERE ${its}) < ${REPORT_PLACES_MAX}`,
    )
  }

  #addRun(meter: Meter, { fromUs, toUs, reportedUs, uptimeMs }: KnownRun): void {
    const values = [fromUs, toUs, reportedUs].map(int).join(', ')
    this.#statements.push(
      `INSERT INTO meter_run VALUES (${idOf(meter)}, ${values}, ${intOrNull(uptimeMs)})`,
      oldRunsSql(meter),
    )
  }

  /** Records the newest report of one of the meter's spools. */
  hear(meter: Meter, life: Life, report: MeterReport, nowUs: number): void {
    hear(life, meter.lives.values(), report, nowUs)
    if (report.replay !== undefined && isWatching(meter)) return
    meter.receivedUs = nowUs
    meter.runStartedUs = life.runStartedUs
    meter.spoolId = life.spoolId
    meter.lastBatch = life.lastBatch
    meter.report = report
  }

  /** The SQL for all changes of a transaction. */
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
    const statements = [...this.#statements, ...this.#losses.takeStatements()]
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
    this.#losses.add(meter, gap)
  }

  #saveRanges(meter: Meter, life: Life): void {
    const spool = literal(life.spoolId)
    this.#statements.push(
      `DELETE FROM batch_gap WHERE ${whereIs(meter)} AND spool_id = ${spool} AND from_batch IS NOT NULL`,
    )
    const rows = life.missing.map(
      (r) => `(${idOf(meter)}, ${int(r.from)}, ${int(r.to)}, ${literal(r.reason)},
         ${intOrNull(r.sessions)}, ${int(r.fromUs)}, ${int(r.toUs)}, ${spool}, NULL)`,
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

  #forget(meter: Meter, nowUs: number): void {
    this.#meters.delete(keyOf(meter))
    this.#losses.forget(meter)
    this.#statements.push(...crowdedOutSql(meter, nowUs))
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

/** A replay under the id of a meter must neither hide its report nor end its silence. */
function isWatching({ receivedUs, report }: Meter): boolean {
  return receivedUs > 0 && report.replay === undefined
}
