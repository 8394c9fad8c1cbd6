/** SQL that more than one engine runs, with literals as the SQL standard has them. */

export type Row = Readonly<Record<string, unknown>>

/** Runs a query. `$1` in it is the first value. Numbers come as `::FLOAT8`, because engines differ in large integers. */
export type Rows = (sql: string, values?: readonly string[]) => Promise<readonly Row[]>

/** A database that queries and transactions can be asked of. */
export interface Transactions {
  readonly query: Rows
  transaction<T>(work: (query: Rows) => Promise<T>): Promise<T>
}

/** The texts of a query, in the order of their numbers. */
export class Bound {
  readonly values: string[] = []

  bind(text: string): string {
    this.values.push(text)
    return `$${this.values.length}`
  }
}

/** A text as SQL literal; for short lists whose length varies. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function literalOrNull(text: string | null): string {
  return text === null ? 'NULL' : literal(text)
}
