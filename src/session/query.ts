/**
 * The search language of the log, for the API's `q`, the page and the command line: docs/query.md.
 *
 *   client:ada-* outcome:failed port:ssh,3389 -resource:"Name server" bytes>10MB orders
 *
 * All terms must match. Values between commas are alternatives, and `-` before a term negates it. A
 * term without a known key is a word, which matches anywhere in names, addresses and ports.
 */
import { QUERY_KEYS, type QueryKey } from './query-keys.js'
import { QueryFault } from './query-mistake.js'

export { QUERY_KEYS, QueryFault, type QueryKey }

const OPERATORS = [':', '>=', '<=', '>', '<'] as const
export type QueryOperator = (typeof OPERATORS)[number]

export interface QueryValue {
  readonly text: string
  /** Literal: without the meanings of `*` and `none`. */
  readonly quoted: boolean
}

export interface QueryTerm {
  readonly negated: boolean
  /** Null: a word. */
  readonly key: QueryKey | null
  readonly operator: QueryOperator
  /** Alternatives; a word has one. */
  readonly values: readonly QueryValue[]
}

export const QUERY_CHARACTERS_MAX = 500
export const QUERY_TERMS_MAX = 16
const VALUES_MAX = 50

/** @throws QueryFault */
export function parseQuery(query: string): QueryTerm[] {
  const reader = new Reader(query)
  const terms: QueryTerm[] = []
  while (reader.skipSpaces()) {
    terms.push(reader.term())
    if (terms.length > QUERY_TERMS_MAX)
      throw new QueryFault({ code: 'terms', most: QUERY_TERMS_MAX })
  }
  return terms
}

/** Prints terms as a text that parseQuery() reads as the same terms. */
export function printQuery(terms: readonly QueryTerm[]): string {
  return terms
    .map(({ negated, key, operator, values }) => {
      const start = `${negated ? '-' : ''}${key === null ? '' : key + operator}`
      const isPlain = key === null ? isPlainWord(negated) : isPlainValue
      // `<` and a value `=5` would be read as `<=` and 5.
      const isRead = (text: string, i: number) =>
        isPlain(text) && !(i === 0 && /^[<>]$/.test(operator) && text.startsWith('='))
      return start + values.map((value, i) => printed(value, (text) => isRead(text, i))).join(',')
    })
    .join(' ')
}

function printed({ text, quoted }: QueryValue, isPlain: (text: string) => boolean): string {
  return !quoted && isPlain(text) ? text : `"${text.replace(/[\\"]/g, '\\$&')}"`
}

const isPlainValue = (text: string) => /^[^\s",]+$/.test(text)

/** A plain word begins with a minus only after another minus, or alone. */
const isPlainWord = (negated: boolean) => (text: string) =>
  /^[^\s"]+$/.test(text) && (negated || !/^-./s.test(text)) && keyed(text) === null

const KEYED = new RegExp(`^(${QUERY_KEYS.join('|')})(${OPERATORS.join('|')})`, 'i')

function keyed(text: string): { key: QueryKey; operator: QueryOperator; length: number } | null {
  const match = KEYED.exec(text)
  if (match === null) return null
  const [whole, key, operator] = match as unknown as [string, string, QueryOperator]
  return { key: key.toLowerCase() as QueryKey, operator, length: whole.length }
}

class Reader {
  #rest: string

  constructor(query: string) {
    this.#rest = query
  }

  /** @returns true when a term follows */
  skipSpaces(): boolean {
    this.#rest = this.#rest.trimStart()
    return this.#rest !== ''
  }

  term(): QueryTerm {
    const negated = /^-[^\s]/.test(this.#rest)
    if (negated) this.#rest = this.#rest.slice(1)
    const start = keyed(this.#rest)
    if (start === null) {
      const value = this.#value(/^[^\s"]+/)
      return { negated, key: null, operator: ':', values: [value] }
    }
    this.#rest = this.#rest.slice(start.length)
    const values: QueryValue[] = []
    do {
      values.push(this.#value(/^[^\s",]+/))
      if (values.at(-1)!.text === '')
        throw new QueryFault({ code: 'noValue', term: start.key + start.operator })
      if (values.length > VALUES_MAX)
        throw new QueryFault({ code: 'values', key: start.key, most: VALUES_MAX })
    } while (this.#take(/^,/) !== '')
    return { negated, key: start.key, operator: start.operator, values }
  }

  /** A quote without its end extends to the end of the text, because the user is still typing. */
  #value(plain: RegExp): QueryValue {
    if (!this.#rest.startsWith('"')) return { text: this.#take(plain), quoted: false }
    const quoted = this.#take(/^"(?:[^"\\]|\\[\s\S])*"?/)
    const closed = quoted.length > 1 && /(?:^|[^\\])(?:\\\\)*"$/.test(quoted.slice(1))
    const inner = quoted.slice(1, closed ? -1 : undefined)
    return { text: inner.replace(/\\([\s\S])/g, '$1'), quoted: true }
  }

  #take(pattern: RegExp): string {
    const taken = pattern.exec(this.#rest)?.[0] ?? ''
    this.#rest = this.#rest.slice(taken.length)
    return taken
  }
}
