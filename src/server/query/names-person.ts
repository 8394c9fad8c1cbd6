/** Queries that ask about a person: the audit trail has who asked what. */
import { parseQuery, printQuery } from '../../session/query.js'
import type { LogFilter, LogTerm } from '../store/store.js'

/** What pages and sorts an answer, and the range, which is told apart. */
const NO_FILTER = new Set([
  ...['limit', 'offset', 'cursor', 'sort', 'count', 'attributes', 'timeStart', 'timeEnd'],
  ...['format', 'columns', 'groupBy', 'interval', 'top', 'by', 'bars', 'utcOffset'],
])

/** A client, a user, an address that sends, one session, or a text, which may be any of these. */
export function namesPerson(filter: LogFilter): boolean {
  return (
    isNamed(filter.clientIds) ||
    isNamed(filter.userIds) ||
    (filter.sources?.some(({ ip }) => ip !== null) ?? false) ||
    filter.text !== undefined ||
    filter.sessionIds !== undefined ||
    (filter.terms?.some(isOfPerson) ?? false)
  )
}

/** A negated one as well: what is left out says of whom it was. */
function isOfPerson({ text, named, addresses }: LogTerm): boolean {
  if (text !== undefined) return true
  if (named?.kind === 'client' || named?.kind === 'user')
    return named.values.some(({ none }) => !none)
  return addresses?.side === 'source' && addresses.list.some(({ ip }) => ip !== null)
}

function isNamed(ids: readonly (number | string | null)[] | undefined): boolean {
  return ids?.some((id) => id !== null) ?? false
}

/** The filters as they were understood, so that nothing can stand before them that is cut off there, and the range. */
export function askedFor(query: unknown, { fromUs, toUs }: LogFilter) {
  const filter = Object.entries(query as Record<string, unknown>)
    .filter(([name]) => !NO_FILTER.has(name))
    .map(([name, value]) => [name, name === 'q' ? understood(String(value)) : trimmed(value)])
  const iso = (us: number) => new Date(us / 1e3).toISOString()
  return { filter: Object.fromEntries(filter), from: iso(fromUs), to: iso(toUs) }
}

function understood(q: string): string {
  return printQuery(parseQuery(q))
}

/** Lists come as `1,2` or as one parameter each. */
function trimmed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(trimmed)
  if (typeof value !== 'string') return value
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .join(',')
}
