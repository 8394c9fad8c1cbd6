/**
 * Derives losses and ended runs from two successive reports of a meter. query/completeness.ts depends on them.
 */
import { isoToUs, usToIso } from '../../../base/instant.js'
import type { BatchGap, MeterReport } from '../../../session/batch.js'
import { unexplainedOf } from '../../../session/unexplained.js'
import type { Span } from '../store.js'
import { isNewest, type Life, missingWith, type Numbered, wholeUsOf } from './lives.js'
import { passedSince } from './passed.js'

/** Losses that come again with each report while they last. */
const GOING_REASONS: ReadonlySet<string> = new Set([
  'packetsDropped',
  'retentionOff',
  'sessionConflict',
  'sessionsRefused',
  'olderThanRetention',
  'interfaceGone',
])
/** Records that the server did not store. These gaps are dated when the meter made the batch. */
const NOT_STORED: ReadonlySet<string> = new Set(['retentionOff', 'sessionsRefused'])
/** A loss that follows another one within this time extends it. For `interfaceGone` they must adjoin. */
export const GOING_US = 600e6

/** A stored loss that the next report may extend. */
export interface GoingLoss {
  fromUs: number
  toUs: number
  sessions: number
  packets?: number
}

/**
 * A row of the table of runs. It ends at the time until which all its sessions have arrived or are known to be missing.
 */
export interface KnownRun extends Span {
  /**
   * The time of the newest report by the meter's clock, but not beyond its arrival. `uptimeMs`: the same since the
   * machine's boot.
   */
  readonly reportedUs: number
  readonly uptimeMs: number | null
}

export function runOf(life: Life): KnownRun {
  const { runStartedUs, wholeUs, receivedUs, uptimeMs } = life
  const reportedUs = Math.max(wholeUs, Math.min(life.reportedUs, receivedUs))
  return { fromUs: runStartedUs, toUs: wholeUs, reportedUs, uptimeMs }
}

/** The earlier run of this life, if the report is from a new one. */
export function endedRun(life: Life, report: MeterReport): KnownRun | null {
  if (report.replay !== undefined || life.receivedUs === 0) return null
  return isoToUs(report.startedAt) === life.runStartedUs ? null : runOf(life)
}

/** The times that the sessions of this batch may be from. Call it before markSeen(). */
export function timesOf(life: Life, its: Numbered, nowUs: number): Span {
  const { batch, remade, report } = its
  if (isNewest(life, its)) return passedSince(life, report, nowUs)
  const toUs = isoToUs(report.at)
  // It has the sessions of an earlier number.
  if (remade === true) return { fromUs: isoToUs(report.startedAt), toUs }
  return missingWith(life, batch) ?? { fromUs: wholeUsOf(report), toUs }
}

/** Extends a gap of records that were not stored to the times that they may be from. */
export function notStoredIn(gap: BatchGap, { fromUs, toUs }: Span): BatchGap {
  if (!NOT_STORED.has(gap.reason) || gap.sessions === 0) return gap
  return {
    ...gap,
    from: usToIso(Math.min(fromUs, isoToUs(gap.from))),
    to: usToIso(Math.max(toUs, isoToUs(gap.to))),
  }
}

/** Unexplained packets in the last report of a run, as a loss, because no later report will have them. */
export function unexplainedIn(last: MeterReport): BatchGap | null {
  const { startedAt, at } = last
  const found = unexplainedOf(last)
  return found && { reason: 'unexplained', sessions: 0, ...found, from: startedAt, to: at }
}

/** The newest known report of the meter. */
export interface LastReport {
  readonly receivedUs: number
  readonly spoolId: string
  readonly report: MeterReport
}

/**
 * Packets dropped since the previous report, as a loss. If the previous count is unknown, packets may be counted twice,
 * but they must never be left out.
 */
export function droppedSince(
  life: Life,
  last: LastReport,
  report: MeterReport,
  nowUs: number,
): BatchGap | null {
  const { startedAt, at: to, packetsDropped } = report
  const since = startOf(life, last, startedAt)
  if (packetsDropped <= since.packetsDropped) return null
  const packets = packetsDropped - since.packetsDropped
  const passed = passedSince(life, report, nowUs)
  const span = passed.setBack
    ? { from: usToIso(passed.fromUs), to: usToIso(passed.toUs) }
    : { from: since.at, to }
  return { reason: 'packetsDropped', sessions: 0, packets, ...span }
}

/** The newest known report of an ended run. */
export interface EndedRun {
  readonly packetsDropped: number
  readonly toUs: number
}

/** Like droppedSince(), for a late report of an ended run. */
export function droppedLate(run: EndedRun | undefined, report: MeterReport): BatchGap | null {
  const { startedAt, at: to, packetsDropped } = report
  const packets = packetsDropped - (run?.packetsDropped ?? 0)
  if (packets <= 0) return null
  const fromUs = run === undefined ? isoToUs(startedAt) : Math.min(run.toUs, isoToUs(to))
  return { reason: 'packetsDropped', sessions: 0, packets, from: usToIso(fromUs), to }
}

/** The number of dropped packets to compare with, and its time. 0 for a new run, or if it is unknown. */
function startOf(
  life: Life,
  { receivedUs, report }: LastReport,
  startedAt: string,
): { packetsDropped: number; at: string } {
  const { packetsDropped, reportedUs } = life
  if (life.receivedUs > 0 && isoToUs(startedAt) === life.runStartedUs)
    return { packetsDropped: packetsDropped ?? 0, at: usToIso(reportedUs) }
  // The run goes on under a new spoolId.
  if (receivedUs > 0 && report.startedAt === startedAt) return report
  return { packetsDropped: 0, at: startedAt }
}

/**
 * Restores the counts after loading. The meter's report has that of the life that reported last; others are unknown.
 */
export function knowDrops(lives: Iterable<Life>, { spoolId, report }: LastReport): void {
  for (const life of lives) {
    const known = life.spoolId === spoolId && isoToUs(report.startedAt) === life.runStartedUs
    life.packetsDropped = known ? report.packetsDropped : null
  }
}

/** Losses of one reason that a gap may extend, because sessions may come of several times in turns. */
const GOING_MAX = 10

/**
 * Extends an earlier loss by this gap, or begins one (`was` is null). Null: later gaps do not extend this one.
 * Conflicting sessions arrive in any order, so their gaps may also extend a loss at its begin.
 */
export function goesOn(
  going: Map<string, GoingLoss[]>,
  gap: BatchGap,
): { readonly loss: Readonly<GoingLoss>; readonly was: Readonly<GoingLoss> | null } | null {
  const { reason, sessions, packets } = gap
  if (!GOING_REASONS.has(reason)) return null
  const [fromUs, toUs] = [isoToUs(gap.from), isoToUs(gap.to)]
  const isConflict = reason === 'sessionConflict'
  const losses = going.get(reason) ?? []
  const loss = losses.find(
    (one) =>
      (isConflict ? toUs + GOING_US : fromUs) >= one.fromUs &&
      fromUs <= one.toUs + (reason === 'interfaceGone' ? 0 : GOING_US),
  )
  if (loss === undefined) {
    const fresh = { fromUs, toUs, sessions, ...(packets !== undefined && { packets }) }
    going.set(reason, [...losses, fresh].slice(-GOING_MAX))
    return { loss: fresh, was: null }
  }
  const was = { ...loss }
  loss.fromUs = Math.min(was.fromUs, fromUs)
  loss.toUs = Math.max(was.toUs, toUs)
  loss.sessions = sum(was.sessions, sessions)
  if (packets !== undefined) loss.packets = sum(was.packets ?? 0, packets)
  return { loss, was }
}

/** Limits the sum to what the store can hold, because meters may report any counts. */
function sum(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER)
}
