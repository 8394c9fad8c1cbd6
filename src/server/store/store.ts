/**
 * The interface of a store; engines live beside this file (duckdb/). Every call names the organisation
 * first: no engine may answer from another's rows.
 *
 * Times are microseconds since the Unix epoch, ranges are half open [from, to).
 */
import type { Readable } from 'node:stream'
import type { Batch, BatchReceipt, MeterReport, PeerBytes } from '../../session/batch.js'
import type { Catalog } from '../../session/catalog.js'
import type { OutcomeGroup } from '../../session/outcome-groups.js'
import type { ConnState, EndReason, Protocol } from '../../session/session.js'
import type { FieldsOrUnknown } from '../../session/session-table.js'

/**
 * A session as stored: what an access log cannot know (Newt counts no packets) is null.
 * Source port 0 stands for "several": only consolidated access-log rows have it.
 */
export interface StoredSession extends FieldsOrUnknown {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
}

/** A stored session with the names that hold now. */
export interface LogRow extends StoredSession {
  /** Reported as open, and its meter is still reporting. */
  readonly open: boolean
  /** Its meter stopped or was restarted before it could report the end; endTimeUs is that of the last report. */
  readonly interrupted: boolean
  readonly clientName: string | null
  readonly userName: string | null
  readonly userEmail: string | null
  readonly resourceName: string | null
  readonly siteName: string | null
  readonly otherClientName: string | null
}

export interface AddressFilter {
  /** Canonical address, or null for any. */
  readonly ip: string | null
  /** Prefix length when a CIDR was given. */
  readonly length: number | null
  readonly port: number | null
}

export interface TextIds {
  readonly clientIds: readonly number[]
  readonly userIds: readonly string[]
  readonly siteResourceIds: readonly number[]
  readonly siteIds: readonly number[]
}

/** Lists mean "any of"; absent means no restriction. */
export interface LogFilter {
  readonly fromUs: number
  readonly toUs: number
  readonly protocols?: readonly Protocol[]
  readonly sources?: readonly AddressFilter[]
  readonly dests?: readonly AddressFilter[]
  /** Of the responder. */
  readonly ports?: readonly number[]
  readonly clientIds?: readonly (number | null)[]
  readonly siteIds?: readonly number[]
  readonly siteResourceIds?: readonly (number | null)[]
  readonly userIds?: readonly (string | null)[]
  /** At either end. */
  readonly party?: Subject
  readonly state?: 'open' | 'ended' | 'interrupted'
  readonly connStates?: readonly ConnState[]
  readonly endReasons?: readonly EndReason[]
  /** Of both directions together. */
  readonly minBytes?: number
  /** Found anywhere in names and addresses, without regard to case; a number also as a port. */
  readonly text?: string
  /** Whose names hold the text; the store finds them. */
  readonly textIds?: TextIds
  readonly sessionIds?: readonly string[]
  /** All of them. */
  readonly terms?: readonly LogTerm[]
}

/** One condition of a query (docs/query.md); it has one of these. */
export interface LogTerm {
  /** What does not match it. */
  readonly negated: boolean
  /** As LogFilter.text, with its ids. */
  readonly text?: string
  readonly textIds?: TextIds
  readonly named?: {
    readonly kind: 'client' | 'user' | 'resource' | 'site'
    /** `none`: of sessions without one. A pattern has `*` for any text. */
    readonly values: readonly {
      readonly text: string
      readonly pattern: boolean
      readonly none: boolean
    }[]
    /** Which have such a name; the store finds them. */
    readonly ids?: readonly (string | number)[]
  }
  readonly addresses?: { readonly side: 'source' | 'dest'; readonly list: readonly AddressFilter[] }
  readonly ports?: readonly number[]
  readonly protocols?: readonly Protocol[]
  readonly outcomes?: readonly (OutcomeGroup | ConnState)[]
  readonly amount?: {
    readonly of: 'bytes' | 'bytesTx' | 'bytesRx' | 'durationUs'
    readonly operator: '>' | '>=' | '<' | '<='
    readonly value: number
  }
}

export const SORT_KEYS = ['startTime', 'duration', 'bytes', 'bytesTx', 'bytesRx'] as const
export type SortKey = (typeof SORT_KEYS)[number]
export interface Sort {
  readonly key: SortKey
  readonly descending: boolean
}

/** Where the page before ended: the sort key's value of its last row, and that row's id. */
export interface Position {
  readonly value: number
  readonly sessionId: string
}

export interface PageRequest {
  readonly filter: LogFilter
  readonly sort: Sort
  readonly limit: number
  readonly offset: number
  readonly after?: Position
}

export interface Page {
  readonly rows: readonly LogRow[]
  /** Where the next page starts; null when this is the last. */
  readonly next: Position | null
}

/** Where an ended session stands in the order in which they came to be in the log. */
export interface ArrivalPlace {
  /** Number of the commit; rises, and is never given again. */
  readonly arrival: number
  readonly siteId: number
  /** Of the session's id: its first 18 characters, and the rest as a number. */
  readonly run: string
  readonly sequence: number
}

/** Behind all of a commit; of the commit -1: before everything. */
export function endOfArrival(arrival: number): ArrivalPlace {
  return { arrival, siteId: Number.MAX_SAFE_INTEGER, run: '', sequence: 0 }
}

export interface ArrivedRequest {
  readonly filter: LogFilter
  readonly after: ArrivalPlace
  readonly upTo: ArrivalPlace
  readonly limit: number
}

export interface Arrived {
  readonly rows: readonly LogRow[]
  /** Of each row. */
  readonly places: readonly ArrivalPlace[]
}

export interface ArrivedCount {
  readonly sessions: number
  /** Of the one that ended first. */
  readonly oldestEndUs: number | null
}

export interface Counted<T> {
  readonly value: T
  readonly count: number
}
export interface CountedName<T> {
  readonly id: T
  readonly name: string | null
  readonly count: number
}

/** The most frequent values under the filter, each list without its own filter; at most ATTRIBUTES_MAX. */
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
  /** As text; null: sessions without one (no client, no resource). */
  readonly id: string | null
  readonly name: string | null
  /** All groups beyond the top ones, as one. */
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
  /** Start of each interval, ISO 8601, without holes. */
  readonly times: readonly string[]
  readonly series: readonly SummarySeries[]
}

export interface HistogramRequest {
  readonly filter: LogFilter
  /** At most so many; at least 2. */
  readonly bars: number
  /** Of the zone in which bars begin at whole multiples of their width. */
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

export interface Gap {
  readonly siteId: number
  readonly meterId: string
  readonly reason: string
  /** Null: not known (batches that never came). */
  readonly sessions: number | null
  readonly fromBatch: number | null
  readonly toBatch: number | null
  readonly from: string
  readonly to: string
  /** Of `unmetered`. */
  readonly interface?: string
  readonly bytes?: number
  readonly peers?: readonly PeerBytes[]
  /** Of `packetsDropped`. */
  readonly packets?: number
}

/** Microseconds since 1970. */
export interface Span {
  readonly fromUs: number
  readonly toUs: number
}

/** When one meter metered, and what it lost. Replays of files are none: they watch nothing. */
export interface MeterCoverage {
  readonly siteId: number
  readonly meterId: string
  readonly interface: string
  /** From a run's start to its newest report that came, by the meter's clock. */
  readonly runs: readonly Span[]
  /** When the newest report came, by the server's clock. */
  readonly receivedUs: number
  /** Nothing waited in its spool behind that report. */
  readonly caughtUp: boolean
  readonly report: MeterReport
  /** An operator removed it then, and it has not reported since. */
  readonly removedUs?: number
}

/** A time in which two meters of a site read one interface. */
export interface SharedSpan extends Span {
  readonly siteId: number
  readonly meterId: string
  readonly otherMeter: string
}

export interface Coverage {
  readonly meters: readonly MeterCoverage[]
  /** Of each of the two. */
  readonly shared: readonly SharedSpan[]
  /** Of the range that was asked for. */
  readonly gaps: readonly Gap[]
  /** There are more gaps or shared spans than these. */
  readonly more: boolean
  /** Retention deleted sessions that ended before this; 0: none. */
  readonly deletedBeforeUs: number
}

/** What one spool of a meter has delivered. */
export interface MeterLife {
  /** '' of a replay, and of a meter that sends none. */
  readonly spoolId: string
  readonly lastBatch: number
  readonly receivedAt: string
  /** Of the latest run that used it, as its reports say: when it began, and when the newest was made. */
  readonly runStartedAt: string
  readonly reportedAt: string
}

export interface MeterStatus {
  readonly siteId: number
  readonly siteName: string | null
  readonly meterId: string
  readonly lastBatch: number
  readonly receivedAt: string
  readonly report: MeterReport
  readonly openSessions: number
  /** The one that was heard last first. */
  readonly lives: readonly MeterLife[]
  readonly gaps: readonly Gap[]
  /** Oldest first, at most one a minute of the last day. */
  readonly history: readonly MeterHistoryPoint[]
}
export interface MeterHistoryPoint {
  readonly at: string
  readonly lagSeconds: number
  readonly spoolBatches: number
  readonly openSessions: number
  readonly packetsDropped: number
  readonly sessionsDropped: number
}

export interface CatalogVersion {
  readonly catalog: Catalog
  readonly etag: string
  readonly updatedAt: string
}

/** What an empty answer is explained from. */
export interface StoreFacts {
  readonly sessions: number
  readonly oldestUs: number | null
  readonly newestUs: number | null
  readonly inRange: number
}

export interface WriteRequest {
  readonly orgId: string
  readonly siteId: number
  readonly batch: Pick<
    Batch,
    'meterId' | 'spoolId' | 'firstBatch' | 'batch' | 'report' | 'gaps'
  > & {
    /** CRC-32 of the batch's JSON text; without one, a known number is a repeat whatever is in it. */
    readonly crc?: number
  }
  /** Checked already; refused ones are not in it. */
  readonly sessions: readonly StoredSession[]
  /** Both as they came, for the log; absent when it may not be kept as it came. */
  readonly body?: {
    readonly bytes: Uint8Array
    readonly gzip: boolean
    /** Positions in its `sessions` that are not stored. */
    readonly refused: readonly number[]
  }
}
export interface WriteReceipt extends Pick<BatchReceipt, 'batch' | 'stored' | 'repeated'> {
  /** The identity is that of another batch: nothing was changed, and this one is not stored. */
  readonly conflict?: true
  /** Another spool uses the same meterId at the same time. */
  readonly twoLives?: true
}

/** A person, as sessions name them. */
export type Subject = { readonly userId: string } | { readonly clientId: number }

export interface Cancel {
  readonly signal?: AbortSignal
  /** Told before the answer begins when it cannot wait for all that was acknowledged before it was asked for. */
  readonly late?: (behind: Behind) => void
}

/** Acknowledged, and not in the database. */
export interface Behind {
  readonly batches: number
  /** Of those whose sessions are known: not of batches that an earlier process acknowledged. */
  readonly sessions: number
}

export interface ExportOptions extends Cancel {
  /** Names of fields, in this order; all of them when it is left out. */
  readonly columns?: readonly string[]
}

/** Whole lines of CSV, UTF-8. */
export interface CsvPiece {
  readonly text: Uint8Array
  readonly rows: number
}

export interface Store {
  /** Resolves when the sessions and the batch number are durable, in the log; whoever asks later sees them. */
  write(request: WriteRequest): Promise<WriteReceipt>
  /** Sessions without a batch number (access logs): repeats are found by their ids. */
  writeLoose(orgId: string, siteId: number, sessions: readonly StoredSession[]): Promise<void>

  page(orgId: string, request: PageRequest, cancel?: Cancel): Promise<Page>
  count(orgId: string, filter: LogFilter, cancel?: Cancel): Promise<number>
  attributes(orgId: string, filter: LogFilter, cancel?: Cancel): Promise<FilterAttributes>
  summary(orgId: string, request: SummaryRequest, cancel?: Cancel): Promise<Summary>
  histogram(orgId: string, request: HistogramRequest, cancel?: Cancel): Promise<Histogram>
  usage(orgId: string, request: UsageRequest, cancel?: Cancel): Promise<readonly UsageRow[]>
  facts(orgId: string, filter: LogFilter): Promise<StoreFacts>
  /** All rows under the filter in sort order, in chunks; stops when the consumer does. */
  rows(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    cancel?: Cancel,
  ): AsyncIterable<readonly LogRow[]>
  /** The same rows as CSV, without its header, with the fields of session/fields.ts, `interrupted` and `userEmail`. */
  csv(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options?: ExportOptions,
  ): AsyncIterable<CsvPiece>
  parquet(orgId: string, filter: LogFilter, sort: Sort, options?: ExportOptions): Promise<Readable>

  /**
   * Newest first; of `siteIds`, or of all sites. At most GAPS_SHOWN: what lost batches or sessions stays, and of what is
   * left the newest of each meter.
   */
  gaps(
    orgId: string,
    fromUs: number,
    toUs: number,
    siteIds?: readonly number[],
  ): Promise<readonly Gap[]>
  meters(orgId: string, cancel?: Cancel): Promise<readonly MeterStatus[]>
  /** What completeness is judged from; of `siteIds`, or of all sites. At most COVERAGE_GAPS_MAX gaps. */
  coverage(
    orgId: string,
    range: Span,
    siteIds?: readonly number[],
    cancel?: Cancel,
  ): Promise<Coverage>

  /** Number of the newest commit of sessions; all up to it are seen by reads that begin now. */
  lastArrival(): number
  /** Ended sessions in their order of arrival, each again when it was corrected. Does not wait for what is not applied. */
  arrived(orgId: string, request: ArrivedRequest): Promise<Arrived>
  countArrived(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount>

  catalog(orgId: string): Promise<CatalogVersion>
  /** @returns null when `ifMatch` is given and the current version is none of it. */
  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<CatalogVersion | null>

  /**
   * Ends interrupted sessions that nothing will report as open again, so that open ones stay few; returns how many.
   * They stay interrupted; a real end that still comes replaces them.
   */
  closeInterrupted(): Promise<number>

  /** Deletes sessions that ended before `beforeUs`, in slices; returns how many. Totals stay in usage(). */
  expire(orgId: string, beforeUs: number): Promise<number>
  /**
   * Deletes the sessions of a person, in slices; returns how many. Totals stay in usage(), under no name; gaps() has their
   * number.
   */
  erase(orgId: string, subject: Subject): Promise<number>
  /**
   * Puts pseudonyms in the place of a person's ids and addresses (`addresses`, or else the source), and nothing in that
   * of its key; returns in how many sessions. All sums stay.
   */
  pseudonymise(orgId: string, subject: Subject, addresses: readonly string[]): Promise<number>
  /** As erase(), those of a site. Totals stay in usage() as they are. */
  removeSessions(orgId: string, siteId: number): Promise<number>
  /** Deletes all that there is of an organisation; returns how many sessions. */
  removeOrg(orgId: string): Promise<number>
  /** Forgets usage of months before this one, `2026-11`. */
  expireUsage(beforeMonth: string): Promise<void>

  /** A consistent copy of it, made while everything runs, in a directory that holds none. */
  backup(directory: string): Promise<void>
  ping(): Promise<void>
  stats(): StoreStats
  close(): Promise<void>
}

export interface StoreStats {
  readonly fileBytes: number
  readonly walBytes: number
  readonly logBytes: number
  /** Acknowledged batches that the database does not hold yet. */
  readonly waitingBatches: number
  readonly waitingSessions: number
  /** Answers that could not wait any longer for what was acknowledged before they were asked for. */
  readonly lateReads: number
  /** These seven since the store was opened. Places in the log where entries were that cannot be read any more. */
  readonly damagedLogPlaces: number
  /** Acknowledged batches that the database refused, or that could not be read from the log. */
  readonly refusedBatches: number
  /** Ended sessions that a later report of their meter replaced. */
  readonly revisedSessions: number
  /** Records that would have rewritten a session, or said something of another meter's run: they were not taken. */
  readonly conflictingSessions: number
  /** Of the write-ahead log into the file. */
  readonly checkpoints: number
  readonly failedCheckpoints: number
  /** Sums by the hour that could not be made; answers are then counted from the rows. */
  readonly failedRollups: number
  /** Exports that run, and how many of them wait for another one. */
  readonly exports: number
  readonly exportsWaiting: number
}
