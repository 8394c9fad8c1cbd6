/**
 * The batch numbers of one spool: which have come, with which content, and which have not.
 *
 *   seen(n)  <=>  n <= lastBatch and n is in no missing range
 *
 * A number that was seen is a repeat when its text is the same, and a conflict when it is not: then two spools share an
 * identity (a restored snapshot, a copied disk). Limits: GAPS_MAX missing ranges (beyond it the two oldest become one);
 * the checksums of the last CRCS_MAX numbers. An older number that comes again is written again: sessions are found by
 * their ids, so that nothing is lost and nothing is doubled.
 */
import type { BatchGap, MeterReport } from '../../../../session/batch.js'

export const GAPS_MAX = 1000
export const CRCS_MAX = 4096
/** Of two spools that were both heard within this, the runs may overlap. */
export const TWINS_US = 600e6

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
  /** Of the run that reported last, and when it made that report; by the meter's clock. */
  runStartedUs: number
  reportedUs: number
  /** What that run metered before this has come, or is known to be missing. */
  wholeUs: number
  /** Milliseconds from the machine's boot to that report; null: not known. */
  uptimeMs: number | null
  /** By ours. */
  receivedUs: number
  /** Packets that this run had dropped at that report; null: not known. */
  packetsDropped: number | null
  missing: MissingRange[]
  readonly crcs: Map<number, number>
  /** Of `crcs`, those that are not in the table yet. */
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
    packetsDropped: 0,
    missing: [],
    crcs: new Map(),
    unsavedCrcs: [],
  }
}

export function isoToUs(iso: string): number {
  // Date keeps milliseconds; the microseconds are the digits after them.
  const fraction = /\.(\d{1,6})/.exec(iso)?.[1] ?? ''
  return Math.floor(Date.parse(iso) / 1000) * 1e6 + Number(fraction.padEnd(6, '0'))
}

/** Of a number that was seen with the one checksum and comes with the other. */
export function compared(before: number | undefined, now: number | undefined): Booking {
  return before === undefined || now === undefined || before === now ? 'repeated' : 'conflict'
}

/** See `wholeUntil` of the report: within its run, whatever it says. */
export function wholeUsOf({ startedAt, at, wholeUntil }: MeterReport): number {
  const atUs = isoToUs(at)
  if (wholeUntil === undefined) return atUs
  return Math.min(atUs, Math.max(isoToUs(wholeUntil), isoToUs(startedAt)))
}

/** What a batch of this number and content is. A life without a spoolId keeps no checksums. */
export function fateOf(life: Life, batch: number, crc: number | undefined): Booking {
  if (!isSeen(life, batch)) return 'fresh'
  if (life.spoolId === '' || crc === undefined) return 'repeated'
  return life.crcs.has(batch) ? compared(life.crcs.get(batch), crc) : 'fresh'
}

function isSeen(life: Life, batch: number): boolean {
  return batch <= life.lastBatch && !life.missing.some((r) => r.from <= batch && batch <= r.to)
}

/**
 * Takes one number out of the missing ranges; a range may fall in two.
 * @param made atUs: when the meter made the batch: those before it were made before, however late any of them comes;
 *   wholeUs: those after it hold nothing older
 * @returns whether ranges changed
 */
export function markSeen(
  life: Life,
  batch: number,
  { atUs, wholeUs }: { readonly atUs: number; readonly wholeUs: number },
  crc?: number,
): boolean {
  if (life.spoolId !== '' && crc !== undefined) keepCrc(life, batch, crc)
  if (batch <= life.lastBatch) return takeOut(life, batch, atUs, wholeUs)
  const jumped = batch > life.lastBatch + 1
  if (jumped) addMissing(life, batch, atUs)
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

function addMissing(life: Life, batch: number, atUs: number): void {
  life.missing.push({
    from: life.lastBatch + 1,
    to: batch - 1,
    reason: 'missing',
    sessions: null,
    fromUs: Math.min(life.receivedUs === 0 ? life.runStartedUs : life.wholeUs, atUs),
    toUs: atUs,
  })
  joinOldest(life)
}

/** Whatever adds ranges: all of a meter's are written with each batch that changes one. */
function joinOldest(life: Life): void {
  const over = life.missing.length - GAPS_MAX
  if (over > 0) life.missing.unshift(life.missing.splice(0, over + 1).reduce(joined))
}

function joined(first: MissingRange, second: MissingRange): MissingRange {
  return {
    ...second,
    from: first.from,
    fromUs: first.fromUs,
    reason: first.reason === second.reason ? first.reason : 'missing',
    sessions:
      first.sessions === null || second.sessions === null
        ? null
        : Math.min(first.sessions + second.sessions, Number.MAX_SAFE_INTEGER),
  }
}

function takeOut(life: Life, batch: number, atUs: number, wholeUs: number): boolean {
  const index = life.missing.findIndex((r) => r.from <= batch && batch <= r.to)
  if (index === -1) return false
  const range = life.missing[index]!
  const within = (us: number): number => Math.min(Math.max(us, range.fromUs), range.toUs)
  const parts = [
    { ...range, to: batch - 1, toUs: within(atUs) },
    { ...range, from: batch + 1, fromUs: within(wholeUs) },
  ].filter((r) => r.from <= r.to)
  life.missing.splice(index, 1, ...parts)
  joinOldest(life)
  return true
}

/** A loss that the meter reports by batch numbers explains the missing range that holds them. */
export function explainMissing(life: Life, gap: BatchGap): boolean {
  const { fromBatch, toBatch } = gap
  if (fromBatch === undefined || toBatch === undefined) return false
  let changed = false
  // The last ones of a life that has ended: nothing later says that they are missing.
  if (toBatch > life.lastBatch) {
    addMissing(life, toBatch + 1, isoToUs(gap.to))
    life.lastBatch = toBatch
  }
  life.missing = life.missing.flatMap((range) => {
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
  joinOldest(life)
  return changed
}

/** The newest report of a life. */
export function hear(life: Life, report: MeterReport, nowUs: number): void {
  life.receivedUs = nowUs
  life.runStartedUs = isoToUs(report.startedAt)
  life.reportedUs = isoToUs(report.at)
  life.wholeUs = wholeUsOf(report)
  life.uptimeMs = report.uptimeMs?.at ?? null
  life.packetsDropped = report.packetsDropped
}

export type Run = Pick<Life, 'spoolId' | 'runStartedUs' | 'reportedUs' | 'receivedUs'>

/**
 * Another spool's run reports while this one does. One after the other is a new life: the earlier run's last report was
 * made before the later one began. Of one run that was given a new spoolId, both have the same start.
 */
export function hasTwin(life: Run, all: readonly Run[], nowUs: number): boolean {
  const heard = (run: Run): boolean => run.receivedUs > nowUs - TWINS_US
  return (
    heard(life) &&
    all.some(
      (other) =>
        other.spoolId !== life.spoolId &&
        heard(other) &&
        other.runStartedUs !== life.runStartedUs &&
        other.runStartedUs < life.reportedUs &&
        life.runStartedUs < other.reportedUs,
    )
  )
}
