/** Finds the ids of names before rows are read. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { LogFilter, LogTerm, TextIds } from '../../store.js'
import { rowsOf } from '../database.js'

/**
 * Adds to a filter the ids whose names contain its text. They are queried beforehand, because as subqueries each would
 * cost a join over all rows, even if no name matches.
 *
 * Only the database folds case and Unicode form (folded() of schema.ts), in text and names alike. JavaScript folds some
 * letters differently (ΓΙΩΡΓΟΣ, İ), and would not find them.
 */
export async function withTextIds(
  connection: DuckDBConnection,
  orgId: string,
  filter: LogFilter,
): Promise<LogFilter> {
  const { text, terms } = filter
  if (terms !== undefined) {
    const resolved: LogTerm[] = []
    for (const term of terms) resolved.push(await resolvedTerm(connection, orgId, term))
    return { ...filter, terms: resolved }
  }
  return text === undefined
    ? filter
    : { ...filter, textIds: await textIdsOf(connection, orgId, text) }
}

async function resolvedTerm(
  connection: DuckDBConnection,
  orgId: string,
  term: LogTerm,
): Promise<LogTerm> {
  const { text, named } = term
  if (text !== undefined) return { ...term, textIds: await textIdsOf(connection, orgId, text) }
  if (named === undefined) return term
  const ids = await idsOf(connection, orgId, named)
  return { ...term, named: { ...named, ids } }
}

export const TABLES = {
  client: 'catalog_client',
  user: 'catalog_user',
  resource: 'catalog_resource',
  site: 'catalog_site',
} as const

/** Ids of the entries with these names or patterns. Users are also found by e-mail and id. */
async function idsOf(
  connection: DuckDBConnection,
  orgId: string,
  { kind, values }: NonNullable<LogTerm['named']>,
): Promise<(string | number)[]> {
  const ids: (string | number)[] = []
  for (const { text, pattern, none } of values) {
    if (none) continue
    const fits = (column: string) =>
      pattern ? fitsPattern(`folded(${column})`, 'folded($2)') : `folded(${column}) = folded($2)`
    const columns = kind === 'user' ? ['name', 'email', 'id'] : ['name']
    const rows = await rowsOf(
      connection,
      `SELECT id${kind === 'user' ? '' : '::DOUBLE'} AS id FROM ${TABLES[kind]}
       WHERE org_id = $1 AND (${columns.map(fits).join(' OR ')})`,
      [orgId, text],
    )
    ids.push(...rows.map((row) => row.id as string | number))
  }
  return ids
}

/**
 * A regular expression takes time proportional to the product of both lengths. LIKE with several stars tries all
 * divisions of a name, which can take for ever, and cannot be interrupted.
 */
function fitsPattern(text: string, pattern: string): string {
  return `regexp_full_match(${text}, replace(regexp_escape(${pattern}), '\\*', '.*'), 's')`
}

async function textIdsOf(
  connection: DuckDBConnection,
  orgId: string,
  text: string,
): Promise<TextIds> {
  const found = async (table: string, orMatches = '') => {
    const rows = await rowsOf(
      connection,
      `SELECT id${table === 'catalog_user' ? '' : '::DOUBLE'} AS id FROM ${table}
       WHERE org_id = $1 AND (contains(folded(name), folded($2))${orMatches})`,
      [orgId, text],
    )
    return rows.map((row) => row.id)
  }
  return {
    clientIds: (await found('catalog_client')) as number[],
    userIds: (await found('catalog_user', ' OR contains(folded(email), folded($2))')) as string[],
    siteResourceIds: (await found('catalog_resource')) as number[],
    siteIds: (await found('catalog_site')) as number[],
  }
}
