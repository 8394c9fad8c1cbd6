/** Which sessions are asked for, and in which order: the same words for every engine. */
import type { OutcomeGroup } from '../../session/outcome-groups.js'
import type { ConnState, EndReason, Protocol } from '../../session/session.js'

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

/** A person, as sessions name them. */
export type Subject = { readonly userId: string } | { readonly clientId: number }

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
