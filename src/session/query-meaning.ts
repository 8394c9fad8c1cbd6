/**
 * Parses the values of a query's terms, for the server's store and for the page, which refuses
 * invalid ones.
 */
import { OUTCOME_GROUPS, type OutcomeGroup } from './outcome-groups.js'
import type { QueryTerm, QueryValue } from './query.js'
import { type QueryExpected, QueryFault } from './query-mistake.js'
import { portOf } from './services.js'
import { CONN_STATES, type ConnState, PROTOCOLS, type Protocol } from './session.js'

/** The meaning of one term: exactly one of these fields. */
export interface Meaning<Address> {
  readonly text?: string
  readonly named?: {
    readonly kind: 'client' | 'user' | 'resource' | 'site'
    readonly values: readonly {
      readonly text: string
      /** `*` stands for any text. */
      readonly pattern: boolean
      readonly none: boolean
    }[]
  }
  readonly addresses?: { readonly side: 'source' | 'dest'; readonly list: readonly Address[] }
  readonly ports?: readonly number[]
  readonly protocols?: readonly Protocol[]
  readonly outcomes?: readonly (OutcomeGroup | ConnState)[]
  readonly amount?: Amount
}

interface Amount {
  readonly of: 'bytes' | 'bytesTx' | 'bytesRx' | 'durationUs'
  readonly operator: '>' | '>=' | '<' | '<='
  readonly value: number
}

const AMOUNTS = { bytes: 'bytes', sent: 'bytesTx', received: 'bytesRx' } as const

/**
 * @param addressOf reads an address, a network or an endpoint; undefined for other texts
 * @throws QueryFault that says which values its key takes
 */
export function meaningOf<Address>(
  term: QueryTerm,
  addressOf: (text: string) => Address | undefined,
): Meaning<Address> {
  const { key, operator, values } = term
  if (key === null) return { text: values[0]!.text }
  const isAmount = key === 'duration' || key in AMOUNTS
  if (isAmount !== (operator !== ':'))
    throw new QueryFault({ code: isAmount ? 'comparison' : 'colon', key })
  switch (key) {
    case 'client':
    case 'user':
    case 'resource':
    case 'site':
      return { named: { kind: key, values: values.map(nameOf) } }
    case 'source':
    case 'dest':
      return {
        addresses: {
          side: key,
          list: each(term, 'address', addressOf),
        },
      }
    case 'port':
      return { ports: each(term, 'port', portOf) }
    case 'protocol':
      return { protocols: each(term, 'protocol', (text) => word(PROTOCOLS, text)) }
    case 'outcome': {
      const words = [...OUTCOME_GROUPS, ...CONN_STATES]
      return { outcomes: each(term, 'outcome', (text) => word(words, text), words) }
    }
    case 'duration':
      return amount(term, 'durationUs', 'time', microsecondsOf)
    default:
      return amount(term, AMOUNTS[key], 'bytes', bytesOf)
  }
}

function nameOf({ text, quoted }: QueryValue) {
  if (quoted) return { text, pattern: false, none: false }
  return { text, pattern: text.includes('*'), none: text === 'none' }
}

function each<T>(
  { key, values }: QueryTerm,
  expected: QueryExpected,
  read: (text: string) => T | undefined,
  words: readonly string[] = [],
): T[] {
  return values.map(({ text }) => {
    const value = read(text)
    if (value === undefined)
      throw new QueryFault({ code: 'value', key: key!, expected, words, got: text.slice(0, 60) })
    return value
  })
}

function word<T extends string>(words: readonly T[], text: string): T | undefined {
  return words.find((one) => one.toLowerCase() === text.toLowerCase())
}

function amount(
  term: QueryTerm,
  of: Amount['of'],
  expected: QueryExpected,
  read: (text: string) => number | undefined,
): Pick<Meaning<never>, 'amount'> {
  const [value, ...others] = each(term, expected, read)
  if (others.length > 0) throw new QueryFault({ code: 'oneValue', key: term.key! })
  return { amount: { of, operator: term.operator as Amount['operator'], value: value! } }
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,6})?)([a-z]*)$/i.exec(text) ?? []
  const factor = unit === undefined ? undefined : units[unit.toLowerCase()]
  if (digits === undefined || factor === undefined) return undefined
  const value = Math.round(Number(digits) * factor)
  return Number.isSafeInteger(value) ? value : undefined
}

const BYTES = { '': 1, b: 1, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, t: 1e12, tb: 1e12 }
const MICROSECONDS = { ms: 1e3, '': 1e6, s: 1e6, m: 60e6, min: 60e6, h: 3600e6, d: 86_400e6 }
const bytesOf = (text: string) => scaled(text, BYTES)
const microsecondsOf = (text: string) => scaled(text, MICROSECONDS)
