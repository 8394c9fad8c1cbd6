/** Texts and numbers in SQL, and what the engines write differently. Conditions are on rows `t`. */

export abstract class Sql {
  /** A text: a parameter or a literal. */
  abstract bind(text: string): string
  /** The same for long lists, because a statement has a bound of parameters. */
  abstract literal(text: string): string
  /** Whether a column holds a text that bind() made. */
  abstract contains(column: string, bound: string): string
  abstract endsWith(column: string, bound: string): string
  /** Whether an address is in a prefix. */
  abstract inPrefix(column: string, ip: string, length: number): string
  /** Conditions for whether the client's endpoint holds the text, as written or in small letters. */
  abstract endpointHolds(text: string, small: string): string[]
  /** Conditions for whether a user's id holds the text, case ignored. `small` is bound. */
  abstract userHolds(column: string, text: string, small: string): string[]
}

/** A whole number as SQL text, because bound numbers are DOUBLEs, for which zone maps are not used. */
export function int(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole number: ${value}`)
  return String(value)
}

export function intOrNull(value: number | null | undefined): string {
  return value === null || value === undefined ? 'NULL' : int(value)
}

export function or(parts: readonly string[]): string {
  return parts.length === 0 ? 'false' : `(${parts.join(' OR ')})`
}

export function inNumbers(column: string, list: readonly (number | null)[]): string {
  const numbers = list.filter((n) => n !== null)
  const parts = numbers.length === 0 ? [] : [`${column} IN (${numbers.map(int).join(', ')})`]
  if (numbers.length < list.length) parts.push(`${column} IS NULL`)
  return or(parts)
}

export function inTexts(
  sql: Pick<Sql, 'bind'>,
  column: string,
  list: readonly (string | null)[],
): string {
  const texts = list.filter((t) => t !== null)
  const parts =
    texts.length === 0 ? [] : [`${column} IN (${texts.map((t) => sql.bind(t)).join(', ')})`]
  if (texts.length < list.length) parts.push(`${column} IS NULL`)
  return or(parts)
}
