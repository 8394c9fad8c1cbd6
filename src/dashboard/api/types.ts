/**
 * The API's types by the names the pages use: taken from the server's own schemas, so that neither side can drift. Only
 * the row is written out here, since its schema is made from a list at run time; log-row.test.ts compares the two.
 */
import type { z } from 'zod'
import type {
  completenessSchema,
  filterAttributesSchema,
  histogramSchema,
  keySchema,
  noticeSchema,
  namesSchema,
  siteStatusSchema,
  summarySchema,
  usageSchema,
  whoSchema,
} from '../../server/http/schemas.js'
import type { FieldsOrUnknown } from '../../session/session-table.js'

/** Fields of a session that the API gives in another form. */
type Reformed = 'startTimeUs' | 'endTimeUs' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'

/** A row of the log. What an access log cannot know (it counts no packets) is null. */
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
  /** Of the latest packet; the session is open when `duration` is null. */
  readonly endTime: string
  readonly clientName: string | null
  readonly userName: string | null
  readonly userEmail: string | null
  readonly resourceName: string | null
  readonly siteName: string | null
  readonly otherClientName: string | null
  /** Null when a port is not known (an access log that was consolidated). */
  readonly communityId: string | null
  /** Octets of payload that were here for the first time. */
  readonly goodputTx: number | null
  readonly goodputRx: number | null
  /** Unix seconds; as `timestamp`. */
  readonly startedAt: number
  readonly endedAt: number | null
  /** The meter stopped before it could report the end. */
  readonly interrupted: boolean
}

export type FilterAttributes = z.output<typeof filterAttributesSchema>
/** Names at the start of a session; null: no such entry. */
export type NamesThen = z.output<typeof namesSchema>
export type Notice = z.output<typeof noticeSchema>

export interface NamedCount {
  readonly id: string | number
  readonly name: string | null
  readonly count: number
}

export interface LogAnswer {
  readonly log: readonly LogRow[]
  readonly pagination: {
    /** Null when it was not asked for. */
    readonly total: number | null
    readonly limit: number
    readonly offset: number
    readonly nextCursor: string | null
  }
  readonly filterAttributes: FilterAttributes | null
  /** Why the answer is empty. */
  readonly notice: Notice | null
}

export type Summary = z.output<typeof summarySchema>
export type SummaryTotals = Summary['totals']
export type SummaryGroupRow = Summary['groups'][number]
export type SummarySeries = Summary['series'][number]
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
