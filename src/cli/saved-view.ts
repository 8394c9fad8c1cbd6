/** A view that was saved on the dashboard, as the parameters of a request. */
import { badOptions } from '../base/config.js'
import { AppError, EXIT } from '../base/errors.js'
import { printable } from '../base/printable.js'
import type { SavedView } from '../server/http/view-schema.js'
import { parseMoment } from '../session/moment.js'
import { type ApiClient, orgPath } from './api-client.js'

/** The dashboard's presets, as times. A view without a range has the dashboard's: 24 hours. */
const RANGES: Readonly<Record<string, readonly [from: string, to?: string]>> = {
  '1h': ['1h'],
  '24h': ['24h'],
  '7d': ['7d'],
  '30d': ['30d'],
  today: ['today'],
  yesterday: ['yesterday', 'today'],
}
const DEFAULT_RANGE = '24h'

const TIMES = ['timeStart', 'timeEnd']

/**
 * The view's filters and times. Its order is left out, because commands have their own.
 * @throws AppError UNKNOWN_NAME, BAD_OPTIONS
 */
export async function viewParameters(
  { api, org }: { readonly api: ApiClient; readonly org: string },
  name: string,
): Promise<URLSearchParams> {
  const { views } = await api.get<{ views: readonly SavedView[] }>(`${orgPath(org)}/views`)
  const found = views.filter((view) => view.name === name)
  if (found.length > 1)
    throw badOptions([`--view: ${found.length} views are called ${JSON.stringify(name)}`])
  const [view] = found
  if (view === undefined) throw unknownView(name, views)
  const params = new URLSearchParams(view.query)
  const range = RANGES[params.get('range') ?? DEFAULT_RANGE]
  const hasTimes = TIMES.some((time) => params.has(time))
  for (const other of ['range', 'sort', 'org']) params.delete(other)
  if (hasTimes) return params
  if (range === undefined)
    throw badOptions(['--view: the time range of this view is not known here: add --since'])
  const [from, to] = range
  const atMs = Date.now()
  params.set('timeStart', parseMoment(from, atMs))
  if (to !== undefined) params.set('timeEnd', parseMoment(to, atMs))
  return params
}

/** Adds what the view has to what the options ask for. An option replaces the view's filter of its name; a time replaces both. */
export function addView(query: URLSearchParams, view: URLSearchParams): void {
  const asked = new Set(query.keys())
  if (TIMES.some((time) => asked.has(time))) for (const time of TIMES) asked.add(time)
  for (const [name, value] of view) if (!asked.has(name)) query.append(name, value)
}

function unknownView(name: string, views: readonly SavedView[]): AppError {
  const names = views.map((view) => JSON.stringify(printable(view.name))).join(', ')
  return new AppError(
    'UNKNOWN_NAME',
    `--view: this key has no view called ${JSON.stringify(printable(name))}`,
    {
      hint:
        names === ''
          ? 'Views belong to a key: save one on the dashboard, signed in with the same key.'
          : `It has: ${names}. Views belong to a key.`,
      exitCode: EXIT.usage,
    },
  )
}
