/**
 * Names by id, and ids by name. Names are in the other database and few, so they are looked up here.
 *
 * Case and Unicode form are folded as DuckDB does: one character at a time, by the simple mappings of Unicode.
 */
import type { LogFilter, LogTerm, TextIds } from '../../filter.js'
import type { OrgNames } from '../meta.js'

const DOTTED_I = '\u0130'
const CAPITAL_SHARP_S = '\u1e9e'

/** @returns the character's simple mapping: those to several characters do not count */
function simple(character: string, mapped: string): string {
  return [...mapped].length === 1 ? mapped : character
}

function small(character: string): string {
  if (character === DOTTED_I) return 'i'
  return simple(character, character.toLowerCase())
}

function capital(character: string): string {
  if (character === 'ß') return CAPITAL_SHARP_S
  return simple(character, character.toUpperCase())
}

export function folded(text: string): string {
  let result = ''
  for (const character of text.normalize('NFC')) result += small(capital(character))
  return result
}

interface FoldedNames {
  readonly clients: readonly (readonly [number, string])[]
  readonly resources: readonly (readonly [number, string])[]
  readonly sites: readonly (readonly [number, string])[]
  /** Name, e-mail and id. */
  readonly users: readonly (readonly [string, readonly string[]])[]
}

const foldedNames = new WeakMap<OrgNames, FoldedNames>()

function foldedOf(names: OrgNames): FoldedNames {
  const known = foldedNames.get(names)
  if (known !== undefined) return known
  const list = (map: ReadonlyMap<number, string>) =>
    [...map].map(([id, name]) => [id, folded(name)] as const)
  const made = {
    clients: list(names.clients),
    resources: list(names.resources),
    sites: list(names.sites),
    users: [...names.users].map(
      ([id, { name, email }]) => [id, [folded(name), folded(email ?? ''), folded(id)]] as const,
    ),
  }
  foldedNames.set(names, made)
  return made
}

/** @param userIds ids of users that hold the text in letters which ClickHouse folds otherwise */
function textIdsOf(names: OrgNames, text: string, userIds: readonly string[]): TextIds {
  const needle = folded(text)
  const { clients, resources, sites, users } = foldedOf(names)
  const holding = (list: readonly (readonly [number, string])[]) =>
    list.filter(([, name]) => name.includes(needle)).map(([id]) => id)
  const named = users
    .filter(
      ([, [name, email]]) => name!.includes(needle) || (email !== '' && email!.includes(needle)),
    )
    .map(([id]) => id)
  return {
    clientIds: holding(clients),
    userIds: [...new Set([...named, ...userIds])],
    siteResourceIds: holding(resources),
    siteIds: holding(sites),
  }
}

/** Whether the whole text fits the pattern, in which `*` stands for any text. Takes linear time for each star. */
export function fitsPattern(text: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === pattern
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

function idsOf(
  names: OrgNames,
  { kind, values }: NonNullable<LogTerm['named']>,
): (string | number)[] {
  const all = foldedOf(names)
  const lists = { client: all.clients, resource: all.resources, site: all.sites }
  return values.flatMap(({ text, pattern, none }): (string | number)[] => {
    if (none) return []
    const wanted = folded(text)
    const fits = (name: string) => (pattern ? fitsPattern(name, wanted) : name === wanted)
    if (kind !== 'user') return lists[kind].filter(([, name]) => fits(name)).map(([id]) => id)
    return all.users.filter(([, texts]) => texts.some(fits)).map(([id]) => id)
  })
}

/** Adds to a filter the ids whose names contain its texts. @param usersHolding ids of users in sessions, see ClickSql */
export async function withIds(
  names: OrgNames,
  filter: LogFilter,
  usersHolding: (text: string) => Promise<readonly string[]>,
): Promise<LogFilter> {
  const { text, terms } = filter
  if (terms !== undefined) {
    const resolved: LogTerm[] = []
    for (const term of terms) {
      if (term.text !== undefined) {
        const textIds = textIdsOf(names, term.text, await usersHolding(term.text))
        resolved.push({ ...term, textIds })
      } else if (term.named !== undefined) {
        resolved.push({ ...term, named: { ...term.named, ids: idsOf(names, term.named) } })
      } else resolved.push(term)
    }
    return { ...filter, terms: resolved }
  }
  if (text === undefined) return filter
  return { ...filter, textIds: textIdsOf(names, text, await usersHolding(text)) }
}
