/** Which ids names stand for, before the rows are read. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { LogFilter, LogTerm, TextIds } from '../../store.js'
import { rowsOf } from '../database.js'

/**
 * The filter with the ids whose names hold its text. Asked once beforehand: as subqueries of the condition they cost
 * a join each over all rows, even when no name matches.
 *
 * Case and Unicode form are folded by the database alone (folded() of schema.ts), the text like the names: what
 * JavaScript checkpoints differently (ΓΙΩΡΓΟΣ, İ) would not find itself.
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

/** Of the names that are given, or that patterns fit; a user is also known by e-mail and id. */
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
 * A regular expression takes time by the product of both lengths. LIKE tries every way to part a name between the
 * stars, without an end that anybody waits for, and cannot be interrupted meanwhile.
 */
function fitsPattern(text: string, pattern: string): string {
  return `regexp_full_match(${text}, replace(regexp_escape(${pattern}), '\\*', '.*'), 's')`
}

async function textIdsOf(
  connection: DuckDBConnection,
  orgId: string,
  text: string,
): Promise<TextIds> {
  const found = async (table: string, more = '') => {
    const rows = await rowsOf(
      connection,
      `SELECT id${table === 'catalog_user' ? '' : '::DOUBLE'} AS id FROM ${table}
       WHERE org_id = $1 AND (contains(folded(name), folded($2))${more})`,
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
