/**
 * What a report tells about the time since the previous one: an earlier run has ended, or packets were dropped.
 * query/completeness.ts judges by this.
 */
import type { Batch, BatchGap, MeterReport } from '../../../../session/batch.js'
import { unexplainedOf } from '../../../../session/unexplained.js'
import type { Span } from '../../store.js'
import { isoToUs, type Life, wholeUsOf } from './lives.js'

/** These losses are reported anew with each report while they last. */
const GOING_REASONS: ReadonlySet<string> = new Set([
  'packetsDropped',
  'retentionOff',
  'sessionConflict',
  'sessionsRefused',
  'interfaceGone',
])
/** What the server did not store, told as of the moment at which the meter made the batch. */
const NOT_STORED: ReadonlySet<string> = new Set(['retentionOff', 'sessionsRefused'])
/** One that follows another within this is the same one; of an interface that is away the next one begins at its end. */
export const GOING_US = 600e6

/** A loss that is in the table and may become longer. */
export interface GoingLoss {
  fromUs: number
  toUs: number
  sessions: number
  packets?: number
}

/** A run as the table of runs has it: to when what it metered has come. */
export interface KnownRun extends Span {
  /** When its newest report was made: by the meter's clock, and since the machine's boot. */
  readonly reportedUs: number
  readonly uptimeMs: number | null
}

export function runOf({ runStartedUs, wholeUs, reportedUs, uptimeMs }: Life): KnownRun {
  return { fromUs: runStartedUs, toUs: wholeUs, reportedUs, uptimeMs }
}

/** The run that this report's run has followed. */
export function endedRun(life: Life, report: MeterReport): KnownRun | null {
  if (report.replay !== undefined || life.receivedUs === 0) return null
  return isoToUs(report.startedAt) === life.runStartedUs ? null : runOf(life)
}

/** Before markSeen(): since when what this batch holds may have been metered; what is older has come before it. */
export function heldSince(life: Life, { batch, report }: Pick<Batch, 'batch' | 'report'>): number {
  const { receivedUs, wholeUs, lastBatch, missing } = life
  if (batch > lastBatch) return receivedUs > 0 ? wholeUs : isoToUs(report.startedAt)
  return missing.find((r) => r.from <= batch && batch <= r.to)?.fromUs ?? wholeUsOf(report)
}

/** What of a batch is not stored, over the time that it may have been of. */
export function notStoredFrom(gap: BatchGap, sinceUs: number): BatchGap {
  if (!NOT_STORED.has(gap.reason) || gap.sessions === 0) return gap
  return { ...gap, from: iso(Math.min(sinceUs, isoToUs(gap.from))) }
}

/** What nobody has accounted for when the run that reported last was over; no later report tells of it. */
export function unexplainedIn(run: KnownRun, last: LastReport): BatchGap | null {
  const { startedAt, at } = last.report
  const found = isoToUs(startedAt) === run.fromUs ? unexplainedOf(last.report) : null
  return found && { reason: 'unexplained', sessions: 0, ...found, from: startedAt, to: at }
}

/** The newest report of the meter that is known. */
export interface LastReport {
  readonly receivedUs: number
  readonly spoolId: string
  readonly report: MeterReport
}

/** Packets that were dropped since the report before, as a loss; null: none, or nothing to compare with. */
export function droppedSince(life: Life, last: LastReport, report: MeterReport): BatchGap | null {
  const { startedAt, at: to, packetsDropped } = report
  const since = startOf(life, last, startedAt)
  if (since === null || packetsDropped <= since.packetsDropped) return null
  const packets = packetsDropped - since.packetsDropped
  return { reason: 'packetsDropped', sessions: 0, packets, from: since.at, to }
}

/** What came last of a run that is over. */
export interface EndedRun {
  readonly packetsDropped: number
  readonly toUs: number
}

/**
 * The same for a report that came when its run was over: no later one tells of it. Where it is not known what was told
 * before, it may be told twice, but never not at all.
 */
export function droppedLate(run: EndedRun | undefined, report: MeterReport): BatchGap | null {
  const { startedAt, at: to, packetsDropped } = report
  const packets = packetsDropped - (run?.packetsDropped ?? 0)
  if (packets <= 0) return null
  const fromUs = run === undefined ? isoToUs(startedAt) : Math.min(run.toUs, isoToUs(to))
  return { reason: 'packetsDropped', sessions: 0, packets, from: iso(fromUs), to }
}

/** What the run had dropped, and until when, as far as it is known; a run that is new has dropped nothing yet. */
function startOf(
  life: Life,
  { receivedUs, report }: LastReport,
  startedAt: string,
): { packetsDropped: number; at: string } | null {
  const { packetsDropped, reportedUs } = life
  if (life.receivedUs > 0 && isoToUs(startedAt) === life.runStartedUs)
    return packetsDropped === null ? null : { packetsDropped, at: iso(reportedUs) }
  // The run goes on under a new spoolId.
  if (receivedUs > 0 && report.startedAt === startedAt) return report
  return { packetsDropped: 0, at: startedAt }
}

/** After loading: of the life that reported last the count is in the meter's report; of the others it is not known. */
export function knowDrops(lives: Iterable<Life>, { spoolId, report }: LastReport): void {
  for (const life of lives) {
    const known = life.spoolId === spoolId && isoToUs(report.startedAt) === life.runStartedUs
    life.packetsDropped = known ? report.packetsDropped : null
  }
}

/**
 * The loss that this one makes longer, and where it began before; null: then it is one of its own, and kept. Sessions
 * that conflict come in any order.
 */
export function goesOn(
  going: Map<string, GoingLoss>,
  gap: BatchGap,
): { readonly loss: GoingLoss; readonly wasFromUs: number } | null {
  if (!GOING_REASONS.has(gap.reason)) return null
  const [fromUs, toUs] = [isoToUs(gap.from), isoToUs(gap.to)]
  const loss = going.get(gap.reason)
  if (
    loss === undefined ||
    (gap.reason === 'sessionConflict' ? toUs + GOING_US : fromUs) < loss.fromUs ||
    fromUs > loss.toUs + (gap.reason === 'interfaceGone' ? 0 : GOING_US)
  ) {
    const { sessions, packets } = gap
    going.set(gap.reason, { fromUs, toUs, sessions, ...(packets !== undefined && { packets }) })
    return null
  }
  const wasFromUs = loss.fromUs
  loss.fromUs = Math.min(wasFromUs, fromUs)
  loss.toUs = Math.max(loss.toUs, toUs)
  loss.sessions = sum(loss.sessions, gap.sessions)
  if (gap.packets !== undefined) loss.packets = sum(loss.packets ?? 0, gap.packets)
  return { loss, wasFromUs }
}

/** Of counts that a meter made up, at most what the store can hold. */
function sum(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER)
}

function iso(us: number): string {
  return new Date(us / 1e3).toISOString()
}
