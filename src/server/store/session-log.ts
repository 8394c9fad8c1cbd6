/**
 * The interface that an engine implements for the log of sessions. Calls about sessions name an organisation, and an
 * answer must never contain rows of another one.
 *
 * Times are microseconds since the Unix epoch. Ranges are half open: [from, to).
 */
import type { Readable } from 'node:stream'
import type { FieldsOrUnknown } from '../../session/session-table.js'
import type { LogFilter, Sort, Subject } from './filter.js'
import type {
  Changes,
  ChangesRequest,
  FilterAttributes,
  Histogram,
  HistogramRequest,
  Matrix,
  MatrixRequest,
  NewPairs,
  NewPairsRequest,
  StoreFacts,
  Summary,
  SummaryRequest,
  UsageRequest,
  UsageRow,
} from './sums.js'

/**
 * A session as stored. Fields that an access log does not have are null (Newt counts no packets). Source port 0 means
 * "several"; only consolidated access-log rows have it.
 */
export interface StoredSession extends FieldsOrUnknown {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
}

/** A stored session with the current names from the catalog. */
export interface LogRow extends StoredSession {
  /** The session was last reported as open, and its meter still reports. */
  readonly open: boolean
  /** The meter stopped or restarted before it could report the end. endTimeUs is the time of the last report. */
  readonly interrupted: boolean
  readonly clientName: string | null
  readonly userName: string | null
  readonly userEmail: string | null
  readonly resourceName: string | null
  readonly siteName: string | null
  readonly otherClientName: string | null
}

/** The end of the previous page: the sort key's value and the id of its last row. */
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
  /** The start of the next page. Null: this is the last page. */
  readonly next: Position | null
}

/** The place of an ended session in the order of arrival. */
export interface ArrivalPlace {
  /** The number of the commit. It rises, and is never reused. */
  readonly arrival: number
  readonly siteId: number
  /** The first 18 characters of the session's id. `sequence`: the rest of it as a number. */
  readonly run: string
  readonly sequence: number
}

/** The place after all sessions of a commit. For the commit -1: the place before all sessions. */
export function endOfArrival(arrival: number): ArrivalPlace {
  return { arrival, siteId: Number.MAX_SAFE_INTEGER, run: '', sequence: 0 }
}

export interface ArrivedRequest {
  readonly filter: LogFilter
  readonly after: ArrivalPlace
  readonly upTo: ArrivalPlace
  readonly limit: number
}

export interface Arrived<Row = LogRow> {
  readonly rows: readonly Row[]
  /** One place for each row. */
  readonly places: readonly ArrivalPlace[]
}

export interface ArrivedCount {
  readonly sessions: number
  /** The end of the session that ended first. */
  readonly oldestEndUs: number | null
}

export interface Cancel {
  readonly signal?: AbortSignal
  /** Called before the answer begins, if the answer leaves out batches that were acknowledged before the request. */
  readonly late?: (behind: Behind) => void
}

/** Acknowledged batches that the database does not hold yet. */
export interface Behind {
  readonly batches: number
  /** Without the sessions of batches that an earlier process acknowledged, because their number is unknown. */
  readonly sessions: number
}

export interface ExportOptions extends Cancel {
  /** Names of fields, in this order. Absent: all fields. */
  readonly columns?: readonly string[]
}

/** A piece of CSV that consists of whole lines, in UTF-8. */
export interface CsvPiece {
  readonly text: Uint8Array
  readonly rows: number
}

/** The reason of a note that sessions came from an access log, of which nobody knows whether it is whole. */
export const ACCESS_LOG = 'accessLog'

/** Sessions that were sent without a batch and are not stored, or an ACCESS_LOG. Times are microseconds. */
export interface LooseLoss {
  readonly meterId: string
  readonly reason: string
  readonly sessions: number
  readonly fromUs: number
  readonly toUs: number
}

export interface SessionLog {
  /**
   * Writes sessions without a batch number (access logs). Repetitions are found by the id of the session. merge.ts
   * decides which of two records of a session stays; their order of arrival must not matter.
   *
   * @param losses what was sent with them and is not stored. Near losses of one reason become one
   */
  writeLoose(
    orgId: string,
    siteId: number,
    sessions: readonly StoredSession[],
    losses?: readonly LooseLoss[],
  ): Promise<void>

  page(orgId: string, request: PageRequest, cancel?: Cancel): Promise<Page>
  count(orgId: string, filter: LogFilter, cancel?: Cancel): Promise<number>
  attributes(orgId: string, filter: LogFilter, cancel?: Cancel): Promise<FilterAttributes>
  summary(orgId: string, request: SummaryRequest, cancel?: Cancel): Promise<Summary>
  matrix(orgId: string, request: MatrixRequest, cancel?: Cancel): Promise<Matrix>
  changes(orgId: string, request: ChangesRequest, cancel?: Cancel): Promise<Changes>
  newPairs(orgId: string, request: NewPairsRequest, cancel?: Cancel): Promise<NewPairs>
  histogram(orgId: string, request: HistogramRequest, cancel?: Cancel): Promise<Histogram>
  usage(orgId: string, request: UsageRequest, cancel?: Cancel): Promise<readonly UsageRow[]>
  facts(orgId: string, filter: LogFilter): Promise<StoreFacts>
  /** All rows that match the filter, sorted, in chunks. Reading stops when the consumer stops. */
  rows(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    cancel?: Cancel,
  ): AsyncIterable<readonly LogRow[]>
  /** The same rows as CSV without a header, with the fields of session/fields.ts, `interrupted` and `userEmail`. */
  csv(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options?: ExportOptions,
  ): AsyncIterable<CsvPiece>
  parquet(orgId: string, filter: LogFilter, sort: Sort, options?: ExportOptions): Promise<Readable>

  /**
   * The number of the newest commit, or of the newest that may hold something of the organisation. Reads that begin now
   * see all commits up to it.
   */
  lastArrival(orgId?: string): number
  /**
   * Ended sessions in order of arrival; a corrected one arrives again. It does not wait for batches not yet applied.
   */
  arrived(orgId: string, request: ArrivedRequest): Promise<Arrived>
  countArrived(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount>

  /**
   * Ends interrupted sessions that no meter will report as open again, because open sessions must stay few. Returns
   * their number. They stay marked as interrupted. A real end that arrives later replaces the record.
   */
  closeInterrupted(): Promise<number>

  /**
   * Deletes sessions that ended before `beforeUs`, in slices, and returns their number. Totals stay in usage(). If
   * batches are still waiting, it calls `late` and deletes the sessions that are in the database.
   */
  expire(orgId: string, beforeUs: number, cancel?: Pick<Cancel, 'late'>): Promise<number>
  /**
   * Deletes the sessions of a person, in slices, and returns their number. Totals stay in usage() without a name, and
   * gaps() has the number of deleted sessions.
   */
  erase(orgId: string, subject: Subject): Promise<number>
  /**
   * Replaces a person's ids and addresses (`addresses`, or else the source) by pseudonyms, and removes the public key.
   * Returns the number of changed sessions. All totals stay.
   */
  pseudonymise(orgId: string, subject: Subject, addresses: readonly string[]): Promise<number>
  /** Like erase(), for the sessions of a site. Totals in usage() do not change. */
  removeSessions(orgId: string, siteId: number): Promise<number>
  /** Deletes the totals of months before this one, for example `2026-11`. */
  expireUsage(beforeMonth: string): Promise<void>
}
