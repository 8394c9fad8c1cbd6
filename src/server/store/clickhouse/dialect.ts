/** Texts and conditions in ClickHouse's SQL. Everything is a literal: lists of thousands do not fit parameters. */
import { prefixRange } from '../sql/address-range.js'
import { Sql } from '../sql/sql.js'

/** A text as SQL literal. ClickHouse has escapes with a backslash. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`
}

const ASCII = /^[\x20-\x7e]*$/

export function isAscii(text: string): boolean {
  return ASCII.test(text)
}

export class ClickSql extends Sql {
  bind(text: string): string {
    return literal(text)
  }

  literal(text: string): string {
    return literal(text)
  }

  contains(column: string, bound: string): string {
    return `position(${column}, ${bound}) > 0`
  }

  endsWith(column: string, bound: string): string {
    return `endsWith(${column}, ${bound})`
  }

  inPrefix(column: string, ip: string, length: number): string {
    const [low, high] = prefixRange(ip, length)
    // An IPv4 address is in no prefix of IPv6, also not as a mapped one.
    if (ip.includes(':'))
      return `(position(${column}, ':') > 0 AND
        IPv6StringToNumOrDefault(toString(${column})) BETWEEN unhex('${low}') AND unhex('${high}'))`
    return `(position(${column}, ':') = 0 AND
      IPv4StringToNumOrDefault(toString(${column})) BETWEEN ${Number.parseInt(low, 16)} AND ${Number.parseInt(high, 16)})`
  }

  endpointHolds(text: string, small: string): string[] {
    return [...new Set([small, text])].map((one) =>
      this.contains('t.client_endpoint', literal(one)),
    )
  }

  /** Ids with other letters are among the filter's textIds (names.ts): ClickHouse folds some of them otherwise. */
  userHolds(column: string, text: string, small: string): string[] {
    return isAscii(text) ? [`position(lower(${column}), ${small}) > 0`] : []
  }
}
