/** What is wrong with a query: a code with its values, and the sentence in English. */
import type { QueryKey } from './query-keys.js'

/** What a value must be. */
export type QueryExpected = 'address' | 'port' | 'protocol' | 'outcome' | 'time' | 'bytes'

export type QueryMistake =
  | { readonly code: 'terms' | 'characters'; readonly most: number }
  | { readonly code: 'values'; readonly key: QueryKey; readonly most: number }
  /** @param term key and operator */
  | { readonly code: 'noValue'; readonly term: string }
  | { readonly code: 'comparison' | 'colon' | 'oneValue'; readonly key: QueryKey }
  | {
      readonly code: 'value'
      readonly key: QueryKey
      readonly expected: QueryExpected
      /** The words that `outcome` takes. */
      readonly words: readonly string[]
      readonly got: string
    }

const EXPECTED: Readonly<Record<Exclude<QueryExpected, 'outcome'>, string>> = {
  address: 'an address as in 10.8.0.2, 10.8.0.0/24 or 10.8.0.2:443',
  port: 'a port or a service as in ssh',
  protocol: 'tcp or udp',
  time: 'a time as in 500ms, 30s or 5m',
  bytes: 'bytes as in 500, 10kB or 2.5MB',
}

export function mistakeText(mistake: QueryMistake): string {
  switch (mistake.code) {
    case 'terms':
      return `expected at most ${mistake.most} terms`
    case 'characters':
      return `expected at most ${mistake.most} characters`
    case 'values':
      return `${mistake.key}: expected at most ${mistake.most} values`
    case 'noValue':
      return `expected a value after ${mistake.term}`
    case 'comparison':
      return `${mistake.key}: expected > or <, as in ${mistake.key}>10`
    case 'colon':
      return `${mistake.key}: expected a colon after it`
    case 'oneValue':
      return `${mistake.key}: expected one value`
    case 'value': {
      const { key, expected, words, got } = mistake
      const what = expected === 'outcome' ? words.join(', ') : EXPECTED[expected]
      return `${key}: expected ${what}, got ${JSON.stringify(got)}`
    }
  }
}

/** Its message says what is wrong and what is expected. */
export class QueryFault extends Error {
  readonly mistake: QueryMistake
  constructor(mistake: QueryMistake) {
    super(mistakeText(mistake))
    this.mistake = mistake
  }
}
