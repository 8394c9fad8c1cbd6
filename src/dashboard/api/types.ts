/** The API's own types, by the names the pages use. */
import type { Session } from '../../session/session.js'

export interface LogRow
  extends Omit<
    Session,
    'startTimeUs' | 'endTimeUs' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort' | 'endReason'
  > {
  readonly timestamp: number
  readonly sourceAddr: string
  readonly destAddr: string
  readonly duration: number | null
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  readonly startTime: string
  readonly endTime: string | null
  readonly endReason: string
  readonly communityId: string
  readonly startedAt: number
  readonly endedAt: number | null
  readonly resourceName: string | null
  readonly clientName: string | null
  readonly userName: string | null
  readonly userEmail: string | null
  readonly siteName: string | null
  readonly interrupted?: boolean
}

export interface NamedCount {
  readonly id: string | number
  readonly name: string | null
  readonly count: number
}
export interface ValueCount {
  readonly value: string
  readonly count: number
}
export interface FilterAttributes {
  readonly protocols: readonly ValueCount[]
  readonly destAddrs: readonly ValueCount[]
  readonly clients: readonly NamedCount[]
  readonly resources: readonly NamedCount[]
  readonly users: readonly NamedCount[]
  readonly sites: readonly NamedCount[]
}
export interface LogAnswer {
  readonly log: readonly LogRow[]
  readonly pagination: {
    readonly total: number
    readonly limit: number
    readonly offset: number
    readonly nextCursor: string | null
  }
  readonly filterAttributes: FilterAttributes
  readonly notice?: string
}

export interface KeyInfo {
  readonly scope: 'root' | 'admin' | 'read' | 'ingest'
  readonly orgId: string | null
  readonly siteId: number | null
  readonly name: string | null
  readonly expiresAt: string | null
  readonly serverTime: string
}
