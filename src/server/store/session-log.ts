/**
 * The log of sessions: what an engine must be able to do with them. Every call names the organisation first: no engine
 * may answer from another's rows.
 *
 * Times are microseconds since the Unix epoch, ranges are half open [from, to).
 */
import type { Readable } from 'node:stream'
import type { FieldsOrUnknown } from '../../session/session-table.js'
import type { LogFilter, Sort, Subject } from './filter.js'
import type {
  FilterAttributes,
  Histogram,
  HistogramRequest,
  StoreFacts,
  Summary,
  SummaryRequest,
  UsageRequest,
  UsageRow,
} from './sums.js'

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

export interface SessionLog {
  /**
   * Sessions without a batch number (access logs). Repeats are found by their ids: which of two records of one session
   * stays is said in merge.ts, and the order in which they come changes nothing.
   */
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

  /** Number of the newest commit of sessions; all up to it are seen by reads that begin now. */
  lastArrival(): number
  /** Ended sessions in their order of arrival, each again when it was corrected. Does not wait for what is not applied. */
  arrived(orgId: string, request: ArrivedRequest): Promise<Arrived>
  countArrived(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount>

  /**
   * Ends interrupted sessions that nothing will report as open again, so that open ones stay few; returns how many.
   * They stay interrupted; a real end that still comes replaces them.
   */
  closeInterrupted(): Promise<number>

  /**
   * Deletes sessions that ended before `beforeUs`, in slices; returns how many. Totals stay in usage(). One that is late
   * deletes what is there.
   */
  expire(orgId: string, beforeUs: number, cancel?: Pick<Cancel, 'late'>): Promise<number>
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
  /** Forgets usage of months before this one, `2026-11`. */
  expireUsage(beforeMonth: string): Promise<void>
}
