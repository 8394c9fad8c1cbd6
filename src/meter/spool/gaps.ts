/** Losses that wait to be reported. Adjacent ones are merged, and their number is bounded. */
import type { BatchGap } from '../../session/batch.js'
import type { BatchEntry } from './format.js'

/** One batch carries at most this many gaps. */
const GAPS_PER_BATCH_MAX = 256
/** Beyond this many, the oldest gap and the next with its reason become one gap without batch numbers. */
const GAPS_MAX = 4_096

export class GapList {
  #gaps: BatchGap[]
  /** Taken for a batch that is not committed yet; must not change, because its body may be made already. */
  #taken: BatchGap[] = []

  constructor(gaps: readonly BatchGap[]) {
    this.#gaps = [...gaps]
  }

  /** The gaps that no committed batch carries. */
  list(): readonly BatchGap[] {
    return [...this.#taken, ...this.#gaps]
  }

  /** The gaps that remain once the batch that called take() is committed. */
  untaken(): readonly BatchGap[] {
    return this.#gaps
  }

  add(gap: BatchGap): void {
    const last = this.#gaps.findLastIndex((g) => touches(g, gap))
    if (last >= 0) this.#gaps[last] = merge(this.#gaps[last]!, gap)
    else this.#gaps.push(gap)
    if (this.#gaps.length > GAPS_MAX) this.#mergeOldest()
  }

  take(): readonly BatchGap[] {
    this.#taken = this.#gaps.splice(0, GAPS_PER_BATCH_MAX)
    return this.#taken
  }

  /** The batch that took them is durable. */
  settle(): void {
    this.#taken = []
  }

  /** The batch that took them failed. */
  putBack(): void {
    this.#gaps.unshift(...this.#taken)
    this.#taken = []
  }

  /** There are fewer reasons than gaps, so one reason comes twice; the oldest gap's may be the only one of its kind. */
  #mergeOldest(): void {
    for (const [at, oldest] of this.#gaps.entries()) {
      const other = this.#gaps.findIndex((g, i) => i > at && g.reason === oldest.reason)
      if (other === -1) continue
      this.#gaps[at] = hull(oldest, this.#gaps[other]!)
      this.#gaps.splice(other, 1)
      return
    }
  }
}

function touches(a: BatchGap, b: BatchGap): boolean {
  if (a.reason !== b.reason || a.spoolId !== b.spoolId) return false
  // The figures of an interface hold for that interface and that time only.
  if (a.interface !== undefined || b.interface !== undefined) return false
  if (a.toBatch === undefined || b.fromBatch === undefined) {
    // Without numbers only overlapping times merge, because sessions between two spans were not lost.
    return a.toBatch === undefined && b.fromBatch === undefined && b.from <= a.to
  }
  return b.fromBatch === a.toBatch + 1
}

function merge(a: BatchGap, b: BatchGap): BatchGap {
  const merged = hull(a, b)
  return a.fromBatch === undefined || b.toBatch === undefined
    ? merged
    : { ...merged, ...spoolOf(a), fromBatch: a.fromBatch, toBatch: b.toBatch }
}

/** Both figures stay in the sum. Peers have no sum, so only one gap's would be left, which would look like all. */
function hull(a: BatchGap, b: BatchGap): BatchGap {
  return {
    reason: a.reason,
    sessions: a.sessions + b.sessions,
    // ISO 8601 in UTC sorts as text.
    from: [a.from, b.from].sort()[0]!,
    to: [a.to, b.to].sort()[1]!,
    ...(a.interface !== undefined && a.interface === b.interface && { interface: a.interface }),
    ...summed('bytes', a, b),
    ...summed('packets', a, b),
  }
}

function summed<K extends 'bytes' | 'packets'>(name: K, a: BatchGap, b: BatchGap) {
  if (a[name] === undefined && b[name] === undefined) return {}
  return { [name]: Math.min((a[name] ?? 0) + (b[name] ?? 0), Number.MAX_SAFE_INTEGER) }
}

function spoolOf({ spoolId }: Pick<BatchGap, 'spoolId'>): Pick<BatchGap, 'spoolId'> {
  return spoolId === undefined ? {} : { spoolId }
}

/** The gap for a dropped batch. Without its entry only the number is known. */
export function lossOf(
  reason: string,
  entry: Pick<BatchEntry, 'sessions' | 'fromUs' | 'toUs' | 'madeAtMs' | 'spoolId'> | null,
  number?: number,
): BatchGap {
  const madeAt = entry?.madeAtMs ?? 0
  return {
    reason,
    sessions: entry?.sessions ?? 0,
    ...(number !== undefined && {
      ...spoolOf(entry ?? {}),
      fromBatch: number,
      toBatch: number,
    }),
    from: isoMs(entry === null || entry.fromUs === 0 ? madeAt : entry.fromUs / 1e3),
    to: isoMs(entry === null || entry.toUs === 0 ? madeAt : entry.toUs / 1e3),
  }
}

function isoMs(ms: number): string {
  return new Date(ms).toISOString()
}
