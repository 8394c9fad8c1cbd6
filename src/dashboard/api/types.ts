/**
 * The API's types under the names that the pages use. They come from the server's schemas, so the two cannot drift.
 * Only the row and its page are written out, because their schema comes from a list at run time; log-row.test.ts
 * compares the row.
 */
import type { z } from 'zod'
import type {
  completenessSchema,
  filterAttributesSchema,
  keySchema,
  namesSchema,
  noticeSchema,
  siteStatusSchema,
  whoSchema,
} from '../../server/http/schemas.js'
import type {
  changesSchema,
  histogramSchema,
  newPairsSchema,
  summarySchema,
  usageSchema,
} from '../../server/http/sum-schemas.js'
import type { FieldsOrUnknown } from '../../session/session-table.js'

/** Fields of a session that the API gives in another form. */
type Reformed = 'startTimeUs' | 'endTimeUs' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'

/** A row of the log. Fields that an access log lacks, such as packets, are null. */
export interface LogRow extends Omit<FieldsOrUnknown, Reformed> {
  readonly timestamp: number
  readonly sourceAddr: string
  readonly destAddr: string
  /** Seconds; null while the session is open. */
  readonly duration: number | null
  readonly orgId: string | null
  readonly siteId: number | null
  readonly meterId: string | null
  readonly startTime: string
  /** Time of the latest packet, also while the session is open (`duration` is null). */
  readonly endTime: string
  readonly clientName: string | null
  readonly userName: string | null
  readonly userEmail: string | null
  readonly resourceName: string | null
  readonly siteName: string | null
  readonly otherClientName: string | null
  /** Null when a port is unknown, as in consolidated access logs. */
  readonly communityId: string | null
  /** Octets of payload without retransmissions. */
  readonly goodputTx: number | null
  readonly goodputRx: number | null
  /** Unix seconds, the same as `timestamp`. */
  readonly startedAt: number
  readonly endedAt: number | null
  /** The meter stopped before it could report the end. */
  readonly interrupted: boolean
}

/** Names at the start of a session; null: no such entry. */
export type NamesThen = z.output<typeof namesSchema>
export type FilterAttributes = z.output<typeof filterAttributesSchema>
export type Notice = z.output<typeof noticeSchema>

export interface LogAnswer {
  readonly log: readonly LogRow[]
  readonly pagination: {
    /** Null when the request did not ask for it. */
    readonly total: number | null
    readonly limit: number
    readonly offset: number
    readonly nextCursor: string | null
  }
  /** In an answer to `known`: how the page consists of known rows and of `log`. */
  readonly delta?: {
    readonly runs: readonly (readonly [from: number, rows: number])[]
    readonly tags: string
  }
  readonly filterAttributes: FilterAttributes | null
  /** Why the page of rows is empty. */
  readonly notice: Notice | null
}

export type Summary = z.output<typeof summarySchema>
export type SummaryTotals = Summary['totals']
export type SummaryGroupRow = Summary['groups'][number]
export type Matrix = NonNullable<Summary['matrix']>
export type SummarySeries = Summary['series'][number]
export type Changes = z.output<typeof changesSchema>
export type ChangedGroup = Changes['grown'][number]
export type NewPairs = z.output<typeof newPairsSchema>
export type UsageRow = z.output<typeof usageSchema>['usage'][number]

export type KeyInfo = z.output<typeof whoSchema>
export type Key = z.output<typeof keySchema>
export type Site = z.output<typeof siteStatusSchema>
export type Meter = Site['meters'][number]
export type Problem = Meter['problems'][number]
export type Completeness = z.output<typeof completenessSchema>
export type SiteCompleteness = Completeness['sites'][number]
export type MeterCompleteness = SiteCompleteness['meters'][number]
export type Hole = MeterCompleteness['holes'][number]
export type Histogram = z.output<typeof histogramSchema>
