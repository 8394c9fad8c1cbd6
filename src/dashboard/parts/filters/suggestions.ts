/** Suggestions for the query: keys of the language, and values of the selected sessions with their counts. */

import { OUTCOME_GROUPS } from '../../../session/outcome-groups.js'
import { QUERY_KEYS, type QueryKey } from '../../../session/query.js'
import { SERVICE_NAMES, serviceOf } from '../../../session/services.js'
import type { Values } from '../../api/use-attributes.js'
import { connStateText } from '../../format/words.js'
import { filters } from '../../texts/filters.js'
import { type Choice, choiceOf } from './change.js'
import type { NamedFilter, NamedOption, Names } from './names.js'

/** The unfinished term at the end of a query. */
export interface Fragment {
  /** The text before it, which stays. */
  readonly before: string
  readonly negated: boolean
  readonly key: QueryKey | null
  /** In lower case. */
  readonly value: string
}

const FRAGMENT = new RegExp(`(?:^|\\s)(-?)(?:(${QUERY_KEYS.join('|')}):)?("[^"]*|[^\\s",]*)$`, 'i')

export function fragmentOf(text: string): Fragment | null {
  const match = FRAGMENT.exec(text)
  if (match === null) return null
  const [, minus, key, value] = match as unknown as [string, string, string?, string?]
  return {
    before: text.slice(0, match.index),
    negated: minus === '-',
    key: (key?.toLowerCase() as QueryKey | undefined) ?? null,
    value: (value ?? '').replace(/^"/, '').toLowerCase(),
  }
}

const KINDS = ['client', 'user', 'resource', 'site', 'outcome', 'port'] as const

export interface Suggestion {
  readonly id: string
  /** The kind of value, in a list of several kinds. */
  readonly kind?: (typeof KINDS)[number]
  readonly label: string
  readonly detail?: string
  readonly count?: number | undefined
  /** Text that continues the query; a suggestion has either this or a choice. */
  readonly goOn?: string
  readonly choice?: Choice
}

/** The query language's keys, and the one that sets the time range. */
type Key = QueryKey | 'time'

const AMOUNTS: readonly Key[] = ['bytes', 'sent', 'received', 'duration']

const NAMED_KEYS: Readonly<Partial<Record<QueryKey, NamedFilter>>> = {
  client: 'clientId',
  user: 'userId',
  resource: 'siteResourceId',
  site: 'siteId',
}

const SHOWN_MAX = 12
/** Values of each kind, while the text has no key. */
const OF_EACH = 3
/** Fewer letters match too many values. */
export const LETTERS_MIN = 2

export function suggestionsFor(
  { key, value, negated }: Fragment,
  values: Values | undefined,
  names: Names,
): readonly Suggestion[] {
  if (key !== null) return valuesOf(key, value, values, names).slice(0, SHOWN_MAX)
  const all = negated ? QUERY_KEYS : [...QUERY_KEYS, 'time' as const]
  const keys = all
    .filter((one) => one.startsWith(value))
    .map((one) => ({
      id: `key ${one}`,
      label: startOf(one, negated),
      detail: filters().hints[one],
      goOn: startOf(one, negated),
    }))
  if (value.length < LETTERS_MIN) return keys
  const found = KINDS.flatMap((kind) =>
    valuesOf(kind, value, values, names)
      .slice(0, OF_EACH)
      .map((one) => ({ ...one, kind })),
  )
  return [...keys, ...found].slice(0, SHOWN_MAX)
}

function startOf(key: Key, negated: boolean): string {
  return `${negated ? '-' : ''}${key}${AMOUNTS.includes(key) ? '>' : ':'}`
}

function valuesOf(
  key: QueryKey,
  value: string,
  values: Values | undefined,
  names: Names,
): readonly Suggestion[] {
  const named = NAMED_KEYS[key]
  if (named !== undefined) return namedValues(key, named, value, names)
  const found = unnamedValues(key, values)
  return found.filter(({ label, detail }) =>
    `${label} ${detail ?? ''}`.toLowerCase().includes(value),
  )
}

function namedValues(
  key: QueryKey,
  filter: NamedFilter,
  value: string,
  names: Names,
): readonly Suggestion[] {
  const matches = ({ label, detail }: NamedOption) =>
    `${label} ${detail ?? ''}`.toLowerCase().includes(value)
  // Entries without counts appear only when a text asks for them.
  const others = value === '' ? [] : (names.others?.[filter] ?? [])
  return [...(names.counted?.[filter] ?? []), ...others].filter(matches).map((option) => ({
    id: `${key} ${option.value}`,
    label: option.label,
    ...(option.detail !== undefined && { detail: option.detail }),
    count: option.count,
    choice: choiceOf(key, filter, { id: option.value, name: option.label }),
  }))
}

function unnamedValues(key: QueryKey, values: Values | undefined): readonly Suggestion[] {
  switch (key) {
    case 'outcome':
      return [
        ...OUTCOME_GROUPS.map((group) => ({
          id: group,
          label: group,
          count: values?.outcomes[group],
          choice: { key, value: group },
        })),
        ...(values?.connStates ?? []).map(({ value, count }) => ({
          id: value,
          label: connStateText(value),
          detail: value,
          count,
          choice: { key, value, filter: { name: 'connState', value } as const },
        })),
      ]
    case 'port':
      return portValues(values)
    case 'protocol':
      return (values?.protocols ?? []).map(({ value, count }) => ({
        id: value,
        label: value,
        count,
        choice: { key, value, filter: { name: 'protocol', value } as const },
      }))
    case 'dest':
      return (values?.destAddrs ?? []).map(({ value, count }) => ({
        id: value,
        label: value,
        count,
        choice: { key, value, filter: { name: 'destAddr', value } as const },
      }))
    default:
      return []
  }
}

/** Ports of the selected sessions, then services by name. */
function portValues(values: Values | undefined): readonly Suggestion[] {
  const counted = (values?.ports ?? []).filter(({ other, id }) => !other && id !== null)
  const known = new Set(counted.map(({ id }) => serviceOf(Number(id))))
  return [
    ...counted.map(({ id, sessions }) => ({
      id: id!,
      label: id!,
      ...(serviceOf(Number(id)) !== undefined && { detail: serviceOf(Number(id))! }),
      count: sessions,
      choice: { key: 'port', value: id, filter: { name: 'port', value: id! } } as const,
    })),
    ...SERVICE_NAMES.filter((name) => !known.has(name)).map((name) => ({
      id: name,
      label: name,
      choice: { key: 'port', value: name } as const,
    })),
  ]
}
