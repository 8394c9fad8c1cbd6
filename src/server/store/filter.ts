/** Filters and sort orders of queries, the same for every engine. */
import type { OutcomeGroup } from '../../session/outcome-groups.js'
import type { ConnState, EndReason, Protocol } from '../../session/session.js'

export interface AddressFilter {
  /** Canonical address, or null for any. */
  readonly ip: string | null
  /** Prefix length of a CIDR, else null. */
  readonly length: number | null
  readonly port: number | null
}

export interface TextIds {
  readonly clientIds: readonly number[]
  readonly userIds: readonly string[]
  readonly siteResourceIds: readonly number[]
  readonly siteIds: readonly number[]
}

/** A person: the id of a user or client in sessions. */
export type Subject = { readonly userId: string } | { readonly clientId: number }

/** Lists mean "any of"; absent means no restriction. */
export interface LogFilter {
  readonly fromUs: number
  readonly toUs: number
  readonly protocols?: readonly Protocol[]
  readonly sources?: readonly AddressFilter[]
  readonly dests?: readonly AddressFilter[]
  /** The responder's ports. */
  readonly ports?: readonly number[]
  readonly clientIds?: readonly (number | null)[]
  readonly siteIds?: readonly number[]
  readonly siteResourceIds?: readonly (number | null)[]
  readonly userIds?: readonly (string | null)[]
  /** A person at either end. */
  readonly party?: Subject
  readonly state?: 'open' | 'ended' | 'interrupted'
  readonly connStates?: readonly ConnState[]
  readonly endReasons?: readonly EndReason[]
  /** Bytes of both directions together. */
  readonly minBytes?: number
  /** A text anywhere in names and addresses, case ignored; a number also matches ports. */
  readonly text?: string
  /** Ids of catalog entries whose names contain the text; set by the store. */
  readonly textIds?: TextIds
  readonly sessionIds?: readonly string[]
  /** Sessions must match every term. */
  readonly terms?: readonly LogTerm[]
}

/** One condition of a query (docs/query.md). It has exactly one of the fields after `negated`, besides ids. */
export interface LogTerm {
  /** Sessions that do not match. */
  readonly negated: boolean
  /** As LogFilter.text. */
  readonly text?: string
  readonly textIds?: TextIds
  readonly named?: {
    readonly kind: 'client' | 'user' | 'resource' | 'site'
    /** `none`: sessions without such an entry. In a pattern, `*` stands for any text. */
    readonly values: readonly {
      readonly text: string
      readonly pattern: boolean
      readonly none: boolean
    }[]
    /** Ids of the entries with such a name; set by the store. */
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
