/** Options that select sessions, as of `log` and `top`: time range, names, outcome. */
import { badOptions, choice, text, textList } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { printable } from '../base/printable.js'
import type { Catalog } from '../session/catalog.js'
import { type ApiClient, orgPath } from './api-client.js'
import { moment } from './moment.js'
import { addView, viewParameters } from './saved-view.js'

export const RANGE_OPTIONS = {
  since: moment('From this time until now, as in 24h or yesterday.'),
  from: moment(
    'From this time on: 24h (24 hours ago), yesterday, "yesterday 18:00", 2026-11-01, "2026-11-01 18:00" (local time), or ISO 8601 with a zone. Default: 7 days ago.',
  ),
  to: moment('Up to this time. Default: now.'),
}

export const SITE_OPTION = textList('Only this site, by name or number. Repeatable.', 'NAME')

const RESULTS = ['any', 'open', 'closed', 'refused', 'no-answer', 'reset', 'interrupted'] as const

const RESULT_FILTERS: Readonly<Record<(typeof RESULTS)[number], readonly [string, string][]>> = {
  any: [],
  open: [['state', 'open']],
  closed: [['connState', 'SF']],
  refused: [['connState', 'REJ']],
  'no-answer': [['connState', 'S0']],
  reset: [['connState', 'RSTO,RSTR,RSTRH,RSTOS0']],
  interrupted: [['state', 'interrupted']],
}

export const FILTER_OPTIONS = {
  ...RANGE_OPTIONS,
  view: text('The filters and the time range of this saved view of the key.', 'NAME'),
  client: textList('Only this client, by name or number; "none": sessions without one.', 'NAME'),
  user: textList('Only this user, by name, e-mail or id; "none": sessions without one.', 'NAME'),
  resource: textList('Only this resource, by name or number; "none": without one.', 'NAME'),
  site: SITE_OPTION,
  result: choice('Only sessions with this outcome.', 'WORD', RESULTS, 'any'),
  search: text('Only sessions with this text in a name or an address.', 'TEXT'),
  filter: textList('Any filter of the API. Repeatable.', 'NAME=VALUE'),
}

interface Range {
  readonly since: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
}

interface Filters extends Range {
  readonly view: string | undefined
  readonly client: readonly string[]
  readonly user: readonly string[]
  readonly resource: readonly string[]
  readonly site: readonly string[]
  readonly result: (typeof RESULTS)[number]
  readonly search: string | undefined
  readonly filter: readonly string[]
}

/**
 * `NAME=VALUE` as the API takes it.
 * @throws AppError BAD_OPTIONS
 */
export function filterQuery(filters: readonly string[]): URLSearchParams {
  const query = new URLSearchParams()
  for (const filter of filters) {
    const at = filter.indexOf('=')
    if (at <= 0)
      throw badOptions([
        `--filter: ${JSON.stringify(filter)}: expected NAME=VALUE, as in clientId=7`,
      ])
    query.append(filter.slice(0, at), filter.slice(at + 1))
  }
  return query
}

/** @throws AppError BAD_OPTIONS */
export function rangeOf({ since, from, to }: Range): { from?: string; to?: string } {
  if (since !== undefined && (from !== undefined || to !== undefined))
    throw badOptions(['--since means until now: leave it out, and use --from and --to'])
  const start = since ?? from
  if (start !== undefined && to !== undefined && Date.parse(start) >= Date.parse(to))
    throw badOptions([`--to ${to} is not after --from ${start}`])
  return { ...(start !== undefined && { from: start }), ...(to !== undefined && { to }) }
}

/**
 * The API's parameters of those options, and those of the view.
 * @throws AppError BAD_OPTIONS, UNKNOWN_NAME
 */
export async function filtersOf(
  target: { readonly api: ApiClient; readonly org: string },
  options: Filters,
  context: CommandContext,
): Promise<URLSearchParams> {
  const query = filterQuery(options.filter)
  const range = rangeOf(options)
  if (range.from !== undefined) query.set('timeStart', range.from)
  if (range.to !== undefined) query.set('timeEnd', range.to)
  if (options.search !== undefined) query.set('q', options.search)
  for (const [name, value] of RESULT_FILTERS[options.result]) query.set(name, value)
  const names = new Names(target, context)
  for (const kind of ['client', 'user', 'resource', 'site'] as const)
    for (const text of options[kind])
      for (const id of await names.ids(kind, text)) query.append(PARAMETERS[kind], id)
  if (options.view !== undefined) addView(query, await viewParameters(target, options.view))
  return query
}

const PARAMETERS = {
  client: 'clientId',
  user: 'userId',
  resource: 'siteResourceId',
  site: 'siteId',
} as const

type Kind = keyof typeof PARAMETERS

/** The most values that one parameter of the API takes. */
const IDS_MAX = 100

interface Entry {
  readonly id: string
  readonly name: string
  readonly others: readonly string[]
}

/** Finds ids by name in the server's catalog, which it loads for the first name. */
export class Names {
  readonly #target: { readonly api: ApiClient; readonly org: string }
  readonly #context: CommandContext
  #catalog: Promise<Catalog> | null = null

  constructor(target: { readonly api: ApiClient; readonly org: string }, context: CommandContext) {
    this.#target = target
    this.#context = context
  }

  /**
   * Finds a whole name in any case; else all names that contain the text, and lists them on standard error.
   * @throws AppError UNKNOWN_NAME, BAD_OPTIONS
   */
  async ids(kind: Kind, text: string): Promise<string[]> {
    const isNumber = kind !== 'user' && /^\d{1,16}$/.test(text)
    if (isNumber || (text === 'none' && kind !== 'site')) return [text]
    const entries = await this.#entries(kind)
    const wanted = folded(text)
    const exact = entries.filter((e) =>
      [e.name, e.id, ...e.others].some((text) => folded(text) === wanted),
    )
    const found = exact.length > 0 ? exact : entries.filter((e) => folded(e.name).includes(wanted))
    const ids = [...new Set(found.map((e) => e.id))]
    if (wanted === '' || ids.length === 0) throw unknownName(kind, text)
    if (ids.length > IDS_MAX)
      throw badOptions([
        `--${kind}: ${JSON.stringify(text)} is in ${ids.length} names: use a longer text`,
      ])
    if (exact.length === 0) {
      const names = [...new Set(found.map((e) => printable(e.name)))]
      say(this.#context, `--${kind} ${JSON.stringify(text)}: ${names.join(', ')}`)
    }
    return ids
  }

  async #entries(kind: Kind): Promise<Entry[]> {
    const { api, org } = this.#target
    this.#catalog ??= api.get<Catalog>(`${orgPath(org)}/catalog`)
    const { clients, users, sites, resources } = await this.#catalog
    const numbered = (id: number, name: string): Entry => ({ id: String(id), name, others: [] })
    if (kind === 'client') return clients.map((c) => numbered(c.clientId, c.name))
    if (kind === 'site') return sites.map((s) => numbered(s.siteId, s.name))
    if (kind === 'resource') return resources.map((r) => numbered(r.siteResourceId, r.name))
    return users.map((u) => ({ id: u.userId, name: u.name, others: u.email ? [u.email] : [] }))
  }
}

function unknownName(kind: Kind, text: string): AppError {
  const byId = kind === 'user' ? 'userId=ID' : `--${kind} NUMBER`
  return new AppError(
    'UNKNOWN_NAME',
    `--${kind}: the catalog has no ${kind} with ${JSON.stringify(printable(text))} in its name`,
    {
      hint: `tunmeter catalog show lists the names; ${kind === 'user' ? `--filter ${byId}` : byId} finds entries that it no longer has.`,
      exitCode: EXIT.usage,
    },
  )
}

function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim()
}
