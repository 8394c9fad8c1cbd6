/** DuckDB's part of the conditions (sql/conditions.ts). Texts are bound. */

import { prefixRange } from '../../sql/address-range.js'
import { isParty as isPartyOf } from '../../sql/conditions.js'
import { Sql as AnySql } from '../../sql/sql.js'
import type { Subject } from '../../store.js'
import { literal } from '../database.js'
import { endpointHolds, endpointHoldsAsWritten } from '../schema/columns.js'

export { inNumbers, inTexts } from '../../sql/sql.js'

const ASCII = /^[\x20-\x7e]*$/

export class Sql extends AnySql {
  readonly values: string[] = []

  bind(text: string): string {
    this.values.push(text)
    return `$${this.values.length}`
  }

  literal(text: string): string {
    return literal(text)
  }

  contains(column: string, bound: string): string {
    return `contains(${column}, ${bound})`
  }

  endsWith(column: string, bound: string): string {
    return `ends_with(${column}, ${bound})`
  }

  /** Compares addresses as hex digits of equal length, which sort like numbers. */
  inPrefix(column: string, ip: string, length: number): string {
    const v6 = ip.includes(':')
    const [low, high] = prefixRange(ip, length)
    const family = v6 ? `contains(${column}, ':')` : `NOT contains(${column}, ':')`
    return `(${family} AND ip_hex(${column}) BETWEEN ${this.bind(low)} AND ${this.bind(high)})`
  }

  endpointHolds(text: string, small: string): string[] {
    const bind = (one: string) => this.bind(one)
    // A meter may have written an endpoint with capital letters.
    const asWritten = small === text ? [] : [endpointHoldsAsWritten(text, bind)]
    return [endpointHolds(small, bind), ...asWritten]
  }

  userHolds(column: string, text: string, small: string): string[] {
    // lower() is cheaper than folded(), and gives the same result for ASCII.
    return [
      ASCII.test(text)
        ? `contains(lower(${column}), ${small})`
        : `contains(folded(${column}), folded(${this.bind(text)}))`,
    ]
  }
}

/** SQL for whether a session has this client or user at either end. */
export function isParty(subject: Subject): string {
  return isPartyOf({ literal }, subject)
}
