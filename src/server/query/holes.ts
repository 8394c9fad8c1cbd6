/** A hole in the log: its cause, its size, and how holes are cut and joined. */
import type { Gap, Span } from '../store/store.js'

export const HOLE_CAUSES = [
  'neverReported',
  'notWatched',
  'unmetered',
  'silent',
  'interfaceGone',
  'clockStepped',
  'packetsDropped',
  'batchesLost',
  'spoolBound',
  'spoolDamaged',
  'diskRefused',
  'retentionOff',
  'deletedByRetention',
  'deletedByOperator',
  'erased',
  'twoMeters',
  'twoRuns',
  'unexplained',
  'other',
] as const
export type HoleCause = (typeof HOLE_CAUSES)[number]

export interface Hole extends Span {
  /** Its own start, if that is before the range that was asked about. */
  readonly beganUs?: number
  readonly cause: HoleCause
  /** The meter's word for the cause, if the cause is `other`. */
  readonly reason?: string
  /** The number of lost sessions. Null: unknown. */
  readonly sessions: number | null
  readonly packets?: number
  /** Bytes that moved meanwhile, according to the counters of the interface or the kernel. */
  readonly bytes?: number
  readonly batches?: number
  /** The first and the last lost batch. */
  readonly fromBatch?: number
  readonly toBatch?: number
  /** For `twoMeters`: the other meter on the same interface. */
  readonly otherMeter?: string
}

/** Maps the reasons of gaps to causes. */
const CAUSES: ReadonlyMap<string, HoleCause> = new Map([
  ['missing', 'batchesLost'],
  ['clockSetBack', 'batchesLost'],
  ['notHeard', 'batchesLost'],
  ['unmetered', 'unmetered'],
  ['unmeteredSetBack', 'unmetered'],
  ['interfaceGone', 'interfaceGone'],
  ['clockStepped', 'clockStepped'],
  ['packetsDropped', 'packetsDropped'],
  ['recordQueueFull', 'packetsDropped'],
  ['spoolFull', 'spoolBound'],
  ['quarantineFull', 'spoolBound'],
  ['spoolDamaged', 'spoolDamaged'],
  ['diskFull', 'diskRefused'],
  ['spoolWriteFailed', 'diskRefused'],
  ['retentionOff', 'retentionOff'],
  ['olderThanRetention', 'deletedByRetention'],
  ['deletedByOperator', 'deletedByOperator'],
  ['erased', 'erased'],
  ['unexplained', 'unexplained'],
])

export function hole(
  cause: HoleCause,
  fromUs: number,
  toUs: number,
  size: Omit<Hole, 'cause' | keyof Span>,
): Hole {
  return { cause, fromUs, toUs, ...size }
}

export function holeOf(gap: Gap): Hole {
  const cause = CAUSES.get(gap.reason) ?? 'other'
  const fromUs = Date.parse(gap.from) * 1e3
  return hole(cause, fromUs, Math.max(fromUs, Date.parse(gap.to) * 1e3), {
    ...(cause === 'other' && { reason: gap.reason }),
    sessions: gap.sessions,
    ...(gap.packets !== undefined && { packets: gap.packets }),
    ...(gap.bytes !== undefined && { bytes: gap.bytes }),
    ...(gap.fromBatch !== null && batchesOf(gap.fromBatch, gap.toBatch!)),
  })
}

function batchesOf(fromBatch: number, toBatch: number) {
  return { batches: toBatch - fromBatch + 1, fromBatch, toBatch }
}

/** A loss at one instant stays a hole of length 0. It counts even at the newest report, if that is within the range. */
export function clipped(one: Hole, { fromUs, toUs }: Span, rangeEndUs: number): Hole[] {
  const from = Math.max(one.fromUs, fromUs)
  const to = Math.min(one.toUs, toUs)
  if (from > to) return []
  const began = from > one.fromUs && { beganUs: one.fromUs }
  if (one.fromUs < one.toUs) return from < to ? [{ ...one, fromUs: from, toUs: to, ...began }] : []
  return one.fromUs >= fromUs && one.fromUs < rangeEndUs ? [one] : []
}

/** Sorts the spans and joins overlapping and adjoining ones. */
export function union(spans: readonly Span[]): Span[] {
  const result: { fromUs: number; toUs: number }[] = []
  for (const { fromUs, toUs } of [...spans].sort((a, b) => a.fromUs - b.fromUs)) {
    const last = result.at(-1)
    if (last === undefined || fromUs > last.toUs) result.push({ fromUs, toUs })
    else last.toUs = Math.max(last.toUs, toUs)
  }
  return result
}

export function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { fromUs, toUs }) => sum + (toUs - fromUs), 0)
}
