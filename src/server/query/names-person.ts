/** Finds queries about a person, for the audit trail. */
import { usToIso } from '../../base/instant.js'
import { parseQuery, printQuery } from '../../session/query.js'
import type { LogFilter, LogTerm } from '../store/store.js'

/** Parameters that are no filters, and the time range, which has fields of its own in the trail. */
const NO_FILTER = new Set([
  ...['limit', 'offset', 'cursor', 'sort', 'count', 'attributes', 'timeStart', 'timeEnd'],
  ...['format', 'columns', 'groupBy', 'interval', 'top', 'by', 'bars', 'utcOffset'],
])

/** Whether a filter names a client, a user, a source address, a session, or a text, which may be any of these. */
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

/** Negated terms count as well, because the sessions left out tell about the person too. */
function isOfPerson({ text, named, addresses }: LogTerm): boolean {
  if (text !== undefined) return true
  if (named?.kind === 'client' || named?.kind === 'user')
    return named.values.some(({ none }) => !none)
  return addresses?.side === 'source' && addresses.list.some(({ ip }) => ip !== null)
}

function isNamed(ids: readonly (number | string | null)[] | undefined): boolean {
  return ids?.some((id) => id !== null) ?? false
}

/**
 * The filters in their parsed form, and the range. The parsed form has no padding: the trail shortens long texts, and
 * padding could push a name beyond the cut.
 */
export function askedFor(query: unknown, { fromUs, toUs }: LogFilter) {
  const filter = Object.entries(query as Record<string, unknown>)
    .filter(([name]) => !NO_FILTER.has(name))
    .map(([name, value]) => [name, name === 'q' ? understood(String(value)) : trimmed(value)])
  return { filter: Object.fromEntries(filter), from: usToIso(fromUs), to: usToIso(toUs) }
}

function understood(q: string): string {
  return printQuery(parseQuery(q))
}

/** Lists arrive as `1,2` or as repeated parameters. */
function trimmed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(trimmed)
  if (typeof value !== 'string') return value
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .join(',')
}
