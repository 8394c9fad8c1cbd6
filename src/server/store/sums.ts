/** Answers that are sums over sessions: facets, summaries, histograms, monthly usage. */
import type { OutcomeGroup } from '../../session/outcome-groups.js'
import type { LogFilter } from './filter.js'

export interface Counted<T> {
  readonly value: T
  readonly count: number
}

export interface CountedName<T> {
  readonly id: T
  readonly name: string | null
  readonly count: number
}

/**
 * The most frequent values under the filter, at most ATTRIBUTES_MAX each. A list ignores the filter of its own field.
 */
export interface FilterAttributes {
  readonly protocols: readonly Counted<string>[]
  readonly destAddrs: readonly Counted<string>[]
  readonly connStates: readonly Counted<string>[]
  readonly endReasons: readonly Counted<string>[]
  readonly clients: readonly CountedName<number>[]
  readonly users: readonly (CountedName<string> & { readonly email: string | null })[]
  readonly resources: readonly CountedName<number>[]
  readonly sites: readonly CountedName<number>[]
}

export const ATTRIBUTES_MAX = 100

export const SUMMARY_GROUPS = [
  'client',
  'user',
  'resource',
  'site',
  'protocol',
  'port',
  'destination',
  'connState',
] as const

export type SummaryGroup = (typeof SUMMARY_GROUPS)[number]

export const SUMMARY_INTERVALS = ['minute', '5minutes', 'hour', 'day', 'month'] as const
export type SummaryInterval = (typeof SUMMARY_INTERVALS)[number]

export interface Totals {
  readonly sessions: number
  readonly connections: number
  readonly bytesTx: number
  readonly bytesRx: number
  readonly packetsTx: number
  readonly packetsRx: number
}

export interface SummaryTotals extends Totals {
  readonly open: number
  /** connState REJ. */
  readonly refused: number
  /** connState S0. */
  readonly unanswered: number
}

export interface SummaryRequest {
  readonly filter: LogFilter
  readonly groupBy: SummaryGroup | null
  readonly interval: SummaryInterval | null
  readonly top: number
  readonly sort: 'bytes' | 'sessions'
}

export interface SummaryGroupRow extends Totals {
  /** The id as text; null: sessions without one (no client, no resource). */
  readonly id: string | null
  readonly name: string | null
  /** True for the one row that sums up all groups beyond the top ones. */
  readonly other: boolean
}

/** One value for each of Summary.times. */
export interface SummarySeries {
  readonly id: string | null
  readonly other: boolean
  readonly sessions: readonly number[]
  readonly bytesTx: readonly number[]
  readonly bytesRx: readonly number[]
}

export interface Summary {
  readonly totals: SummaryTotals
  readonly groups: readonly SummaryGroupRow[]
  /** Start of each interval, ISO 8601; none is left out. */
  readonly times: readonly string[]
  readonly series: readonly SummarySeries[]
}

/** Totals of each pair of groups, as of a client and a resource. */
export interface MatrixRequest {
  readonly filter: LogFilter
  /** The groups of the rows and of the columns; they differ. */
  readonly groups: readonly [SummaryGroup, SummaryGroup]
  /** The number of rows and columns; all others are one row and one column. */
  readonly top: readonly [number, number]
  readonly sort: 'bytes' | 'sessions'
}

export interface MatrixCell extends Totals {
  /** Indexes of Matrix.rows and Matrix.columns. */
  readonly row: number
  readonly column: number
}

/** Rows and columns have the largest first and `other` last. Pairs without sessions have no cell. */
export interface Matrix {
  readonly rows: readonly SummaryGroupRow[]
  readonly columns: readonly SummaryGroupRow[]
  readonly cells: readonly MatrixCell[]
}

/** The range of the filter beside the one of the same length before it. */
export interface ChangesRequest {
  readonly filter: LogFilter
  readonly groupBy: SummaryGroup
  /** The number of groups that grew the most, and of those that fell the most. */
  readonly top: number
  readonly sort: 'bytes' | 'sessions'
}

export interface ChangedGroup {
  readonly id: string | null
  readonly name: string | null
  readonly now: Totals
  readonly before: Totals
}

/** The largest change first. */
export interface Changes {
  readonly fromUs: number
  readonly grown: readonly ChangedGroup[]
  readonly fallen: readonly ChangedGroup[]
}

/** Pairs of a client (or user) and a resource that have sessions in the range and none that began before it. */
export interface NewPairsRequest {
  readonly filter: LogFilter
  readonly groups: readonly ['client' | 'user', 'resource']
  readonly limit: number
}

export interface NewPair extends Totals {
  readonly ids: readonly [string, string]
  readonly names: readonly [string | null, string | null]
  readonly firstUs: number
}

export interface NewPairs {
  /** All there are; `pairs` has the newest. */
  readonly total: number
  readonly pairs: readonly NewPair[]
}

export interface HistogramRequest {
  readonly filter: LogFilter
  /** The largest number of bars; at least 2. */
  readonly bars: number
  /** Offset from UTC of the time zone in which bars begin at whole multiples of their width. */
  readonly offsetUs: number
}

/** One value for each bar; the first begins at or before the range, and the last ends at or after it. */
export interface Histogram {
  readonly originUs: number
  readonly widthUs: number
  readonly count: number
  readonly outcomes: Readonly<
    Record<
      OutcomeGroup,
      { readonly sessions: readonly number[]; readonly bytes: readonly number[] }
    >
  >
}

export interface UsageRequest {
  /** `2026-11`, inclusive. */
  readonly fromMonth: string
  readonly toMonth: string
  readonly groupBy: 'client' | 'user' | 'resource' | 'site'
}

export interface UsageRow extends Totals {
  readonly month: string
  readonly id: string | null
  readonly name: string | null
}

/** Facts that explain an empty answer. */
export interface StoreFacts {
  readonly sessions: number
  readonly oldestUs: number | null
  readonly newestUs: number | null
  readonly inRange: number
}
