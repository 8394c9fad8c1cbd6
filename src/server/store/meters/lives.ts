/**
 * Tracks the batch numbers of one spool: numbers seen, their checksums, and missing numbers.
 *
 *   seen(n)  <=>  n <= lastBatch and n is in no missing range
 *
 * A seen number with the same text is a repeat. With another text it is a conflict: two spools share an identity (a
 * restored snapshot, a copied disk).
 *
 * Limits: GAPS_MAX missing ranges; beyond it the oldest ones are joined. Checksums of the last CRCS_MAX numbers; an
 * older number that comes again is written again. Nothing is lost or doubled by that, because sessions are found by
 * their ids.
 */
import { isoToUs } from '../../../base/instant.js'
import type { Batch, BatchGap, MeterReport } from '../../../session/batch.js'
import { TIME_US_MAX } from '../../../session/bounds.js'
import type { Span } from '../store.js'
import { passedSince } from './passed.js'

export const GAPS_MAX = 1000
export const CRCS_MAX = 4096
/** Two spools are in use at the same time only if both came back within this time. */
const TURNS_US = 600e6

export interface MissingRange {
  from: number
  to: number
  reason: string
  sessions: number | null
  fromUs: number
  toUs: number
}

export interface Life {
  readonly spoolId: string
  lastBatch: number
  /** The start of the newest run, by the meter's clock. `reportedUs`: the time of its newest report. */
  runStartedUs: number
  reportedUs: number
  /** All that the run metered before this time has arrived, or is known to be missing. */
  wholeUs: number
  /** Milliseconds from the machine's boot to the newest report. Null: unknown. */
  uptimeMs: number | null
  /** The arrival of the newest report, by the server's clock. 0: none has arrived. */
  receivedUs: number
  /** The newest arrival of a report that followed one of another spool (inTurns). 0: none has. */
  returnedUs: number
  /** The packets that the run had dropped by the newest report. Null: unknown. */
  packetsDropped: number | null
  missing: MissingRange[]
  readonly crcs: Map<number, number>
  /** The numbers in `crcs` that are not in the table yet. */
  unsavedCrcs: number[]
}

export type Booking = 'fresh' | 'repeated' | 'conflict'

export function newLife(spoolId: string, firstBatch: number, runStartedUs: number): Life {
  return {
    spoolId,
    lastBatch: firstBatch - 1,
    runStartedUs,
    reportedUs: runStartedUs,
    wholeUs: runStartedUs,
    uptimeMs: null,
    receivedUs: 0,
    returnedUs: 0,
    packetsDropped: 0,
    missing: [],
    crcs: new Map(),
    unsavedCrcs: [],
  }
}

/** Compares the checksums of a seen number and of its repetition. An unknown checksum counts as equal. */
export function compared(before: number | undefined, now: number | undefined): Booking {
  return before === undefined || now === undefined || before === now ? 'repeated' : 'conflict'
}

/** The report's `wholeUntil`, cut to the time of its run. */
export function wholeUsOf({ startedAt, at, wholeUntil }: MeterReport): number {
  const atUs = isoToUs(at)
  if (wholeUntil === undefined) return atUs
  return Math.min(atUs, Math.max(isoToUs(wholeUntil), isoToUs(startedAt)))
}

/**
 * Until when the run is covered by this report. Not beyond its arrival: a clock that was ahead and is set right must not
 * cover the time that it jumped over. A replay of files covers nothing, because it watched no interface.
 */
export function coveredUntil(report: MeterReport, receivedUs: number): number {
  const fromUs = isoToUs(report.startedAt)
  if (report.replay !== undefined) return fromUs
  return Math.min(wholeUsOf(report), Math.max(fromUs, receivedUs))
}

/** The fate of a batch. A life without a spoolId keeps no checksums. */
export function fateOf(
  life: Life,
  { batch, crc, report }: Numbered & { readonly crc?: number },
): Booking {
  if (!isSeen(life, batch) || beginsAnew(life, { batch, report })) return 'fresh'
  if (life.spoolId === '' || crc === undefined) return 'repeated'
  return life.crcs.has(batch) ? compared(life.crcs.get(batch), crc) : 'fresh'
}

export type Numbered = Pick<Batch, 'batch' | 'remade' | 'report'>

/**
 * Without a spoolId, nothing else tells that a meter lost its spool and numbers its batches from 1 again: a new run
 * never repeats a batch of the run before under its own start. A replay does.
 */
export function beginsAnew(life: Life, { batch, report }: Numbered): boolean {
  const isMeter = life.spoolId === '' && report.replay === undefined
  return isMeter && isSeen(life, batch) && isoToUs(report.startedAt) > life.runStartedUs
}

function isSeen(life: Life, batch: number): boolean {
  return batch <= life.lastBatch && missingWith(life, batch) === undefined
}

/** Missing numbers whose times cannot be told from those of their neighbours: the clock was set back between them. */
const SET_BACK = 'clockSetBack'

/**
 * Missing numbers below one that says nothing of their age: a batch that was made again, or the end of a life. Their own
 * reports tell whether they are newer than those that were heard.
 */
const UNHEARD = 'notHeard'

/** The batch has the newest report of the life. A batch that was made again has the report of an earlier one. */
export function isNewest(life: Life, { batch, remade, report }: Numbered): boolean {
  const isBelow = batch <= life.lastBatch
  if (isBelow && missingWith(life, batch)?.reason !== UNHEARD) return false
  if ((!isBelow && remade !== true) || life.receivedUs === 0) return true
  const startedUs = isoToUs(report.startedAt)
  if (startedUs !== life.runStartedUs) return startedUs > life.runStartedUs
  return isoToUs(report.at) >= life.reportedUs
}

export function missingWith(life: Life, batch: number): MissingRange | undefined {
  return life.missing.find((r) => r.from <= batch && batch <= r.to)
}

/** The times that missing numbers may be from. */
export interface TimesBelow extends Span {
  readonly reason?: string
}

/**
 * The times that numbers between the last one and this batch may be from. The report of a batch that was made again
 * says nothing of them.
 */
export function timesBelow(life: Life, its: Numbered, nowUs: number): TimesBelow {
  const { reportedUs, receivedUs } = life
  const { fromUs, toUs, setBack } = passedSince(life, its.report, nowUs)
  const passed = {
    // Before the first contact they may be of any time, as of an earlier run.
    fromUs: receivedUs === 0 ? 0 : fromUs,
    toUs,
    ...(setBack && { reason: SET_BACK }),
  } as const
  if (its.remade !== true) return passed
  // The meter's clock may be ahead.
  const aheadUs = receivedUs === 0 ? 0 : Math.max(0, reportedUs - receivedUs)
  const untilUs = Math.min(TIME_US_MAX, Math.max(reportedUs, toUs, nowUs + aheadUs))
  const isNew = isNewest(life, its)
  if (isNew && setBack) return { ...passed, toUs: untilUs }
  return { fromUs: isNew ? passed.fromUs : life.wholeUs, toUs: untilUs, reason: UNHEARD }
}

/**
 * Records a number as seen. If it was missing, its range shrinks or is split in two.
 * @param nowUs its arrival
 * @returns true if missing ranges changed
 */
export function markSeen(life: Life, its: Numbered, nowUs: number, crc?: number): boolean {
  const { batch } = its
  if (life.spoolId !== '' && crc !== undefined) keepCrc(life, batch, crc)
  if (batch <= life.lastBatch) return takeOut(life, its)
  const jumped = batch > life.lastBatch + 1
  if (jumped) addMissing(life, batch, timesBelow(life, its, nowUs))
  life.lastBatch = batch
  return jumped
}

function keepCrc(life: Life, batch: number, crc: number): void {
  life.crcs.set(batch, crc)
  life.unsavedCrcs.push(batch)
  if (life.crcs.size <= 2 * CRCS_MAX) return
  const oldest = Math.max(life.lastBatch, batch) - CRCS_MAX
  for (const number of life.crcs.keys()) if (number <= oldest) life.crcs.delete(number)
}

function addMissing(
  life: Life,
  batch: number,
  { fromUs, toUs, reason = 'missing' }: TimesBelow,
): void {
  life.missing.push({
    ...{ from: life.lastBatch + 1, to: batch - 1, reason, sessions: null, fromUs, toUs },
  })
  joinOldest(life)
}

/** Bounds the number of ranges, because each change writes all ranges of the life. */
function joinOldest(life: Life): void {
  const over = life.missing.length - GAPS_MAX
  if (over > 0) life.missing.unshift(life.missing.splice(0, over + 1).reduce(joined))
}

function joined(first: MissingRange, second: MissingRange): MissingRange {
  return {
    ...second,
    from: first.from,
    fromUs: Math.min(first.fromUs, second.fromUs),
    toUs: Math.max(first.toUs, second.toUs),
    reason: joinedReason(first.reason, second.reason),
    sessions:
      first.sessions === null || second.sessions === null
        ? null
        : Math.min(first.sessions + second.sessions, Number.MAX_SAFE_INTEGER),
  }
}

function joinedReason(first: string, second: string): string {
  if (first === second) return first
  return first === SET_BACK || second === SET_BACK ? SET_BACK : 'missing'
}

/** Lower numbers were made before this batch, and the sessions in higher ones are of the time from its wholeUntil on. */
function takeOut(life: Life, { batch, remade, report }: Numbered): boolean {
  const range = missingWith(life, batch)
  if (range === undefined) return false
  const within = (us: number): number => Math.min(Math.max(us, range.fromUs), range.toUs)
  const isKnown = range.reason !== SET_BACK && remade !== true
  const parts = [
    { ...range, to: batch - 1, ...(isKnown && { toUs: within(isoToUs(report.at)) }) },
    { ...range, from: batch + 1, ...(isKnown && { fromUs: within(wholeUsOf(report)) }) },
  ].filter((r) => r.from <= r.to)
  life.missing.splice(life.missing.indexOf(range), 1, ...parts)
  joinOldest(life)
  return true
}

/** A loss may end before it began, if the clock was set back meanwhile; a question about that time must find it. */
export function inOrder<T extends Pick<BatchGap, 'from' | 'to'>>(gap: T): T {
  return isoToUs(gap.from) <= isoToUs(gap.to) ? gap : { ...gap, from: gap.to, to: gap.from }
}

/** The numbers of lost batches. Null: the loss is known by its time only. */
export function numbersOf({ fromBatch, toBatch }: Pick<BatchGap, 'fromBatch' | 'toBatch'>) {
  if (fromBatch === undefined || toBatch === undefined || fromBatch > toBatch) return null
  return { fromBatch, toBatch }
}

/**
 * Numbers up to this one were given out in the life: those that have not come are missing.
 * @returns true if missing ranges changed
 */
export function reaches(life: Life, number: number, passed: TimesBelow): boolean {
  if (number <= life.lastBatch) return false
  addMissing(life, number + 1, { reason: UNHEARD, ...passed })
  life.lastBatch = number
  return true
}

/**
 * A batch that was too large was cut in two halves: the second has the number after the first, and sessions of the same
 * time. Without this, a lost second half would be looked for at the time of its neighbours in number.
 * @param first has come. Each of its gaps `split` stands for one cut; if it was cut from a half itself, the next gap
 *   names that half
 * @returns true if missing ranges changed
 */
export function expectHalves(life: Life, first: Numbered & Pick<Batch, 'gaps'>): boolean {
  const cuts = first.gaps.filter(({ reason }) => reason === 'split')
  const changed = cuts.map(({ from }, i) => {
    const number = (cuts[i + 1]?.fromBatch ?? first.batch) + 1
    const times = { fromUs: isoToUs(from), toUs: isoToUs(first.report.at), reason: UNHEARD }
    const isNew = reaches(life, number, times)
    return rewritten(life, { from: number, to: number, sessions: null, ...times }) || isNew
  })
  return changed.includes(true)
}

/** Gives missing numbers the reason that the meter reports for them. @returns true if missing ranges changed */
export function explainMissing(life: Life, given: BatchGap): boolean {
  const gap = inOrder(given)
  const numbers = numbersOf(gap)
  if (numbers === null) return false
  const { fromBatch: from, toBatch: to } = numbers
  const [fromUs, toUs] = [isoToUs(gap.from), isoToUs(gap.to)]
  const sinceUs = life.receivedUs === 0 ? life.runStartedUs : life.wholeUs
  // The last numbers of an ended life. No later batch would show that they are missing.
  const isNew = reaches(life, to, { fromUs: Math.min(sinceUs, toUs), toUs })
  const { reason, sessions } = gap
  return rewritten(life, { from, to, reason, sessions, fromUs, toUs }) || isNew
}

/** Says anew what is known of these numbers, as far as they are missing. @returns true if some are */
function rewritten(life: Life, told: MissingRange): boolean {
  let changed = false
  life.missing = life.missing.flatMap((range) => {
    const from = Math.max(range.from, told.from)
    const to = Math.min(range.to, told.to)
    if (from > to) return [range]
    changed = true
    return [
      { ...range, to: from - 1 },
      { ...told, from, to },
      { ...range, from: to + 1 },
    ].filter((r) => r.from <= r.to)
  })
  joinOldest(life)
  return changed
}

/** Records the newest report of a life. @param all the lives of its meter */
export function hear(life: Life, all: Iterable<Arrived>, report: MeterReport, nowUs: number): void {
  life.returnedUs = returned(life, all, nowUs)
  life.receivedUs = nowUs
  life.runStartedUs = isoToUs(report.startedAt)
  // A replay watches nothing, so it must not claim its time.
  life.reportedUs = isoToUs(report.replay === undefined ? report.at : report.startedAt)
  life.wholeUs = coveredUntil(report, nowUs)
  life.uptimeMs = report.uptimeMs?.at ?? null
  life.packetsDropped = report.packetsDropped
}

/** When reports of a spool arrived. */
export type Arrived = Readonly<Pick<Life, 'spoolId' | 'receivedUs' | 'returnedUs'>>

/** The `returnedUs` of a spool whose report arrives now. */
export function returned(life: Arrived, all: Iterable<Arrived>, nowUs: number): number {
  const { spoolId, receivedUs, returnedUs } = life
  if (receivedUs === 0) return 0
  const since = [...all].some((o) => o.spoolId !== spoolId && o.receivedUs >= receivedUs)
  return since ? nowUs : returnedUs
}

/**
 * The spools of a meter that report in turns, so two meters use its id at the same time: each of them came back after
 * another one had reported. A new disk, a new spoolId and a spool that is put back are no turns. The order of arrival
 * decides, because two machines' clocks cannot be compared.
 */
export function inTurns<T extends Pick<Arrived, 'returnedUs'>>(
  lives: Iterable<T>,
  nowUs: number,
  withinUs = TURNS_US,
): T[] {
  const back = [...lives].filter(({ returnedUs }) => returnedUs > nowUs - withinUs)
  return back.length > 1 ? back : []
}
