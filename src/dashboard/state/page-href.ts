import { FILTERS } from './filters.js'
import { currentLocation, hrefOf, type ParamPatch } from './url.js'

const KEPT = ['org', 'range', 'timeStart', 'timeEnd']
const FILTERED = ['/', '/overview']

/** A link to a page. It keeps organisation and time range; the log and the overview also share their filters. */
export function pageHref(path: string, patch: ParamPatch = {}): string {
  const { params } = currentLocation()
  const kept = FILTERED.includes(path) ? [...KEPT, ...FILTERS] : KEPT
  const own = Object.fromEntries(kept.map((name) => [name, params.getAll(name)]))
  return hrefOf(path, { ...own, ...patch })
}
