/** The parts of the log's address in a saved view and a shared link: time range, filters and order. */
import { FILTERS, sortOf, sortText } from './filters.js'
import { rangeOf, rangeParams, spanOf } from './range.js'
import { type ParamPatch, patched } from './url.js'

const TIMES = ['range', 'timeStart', 'timeEnd']

function shownBy(params: URLSearchParams): ParamPatch {
  const kept = [...TIMES, ...FILTERS].map((name) => [name, params.getAll(name)] as const)
  const sort = params.has('sort') ? sortText(sortOf(params)) : null
  return { ...Object.fromEntries(kept), sort }
}

/** The query of a saved view. A relative time range stays relative. */
export function viewQueryOf(params: URLSearchParams): string {
  return patched(new URLSearchParams(), shownBy(params)).toString()
}

/** The address of a saved view. It keeps the organisation. */
export function viewPatch(query: string, params: URLSearchParams): URLSearchParams {
  return patched(new URLSearchParams(query), { org: params.getAll('org') })
}

/** Parameters that show the same sessions at any later time: the range is fixed to two instants. */
export function fixedParams(params: URLSearchParams, nowMs: number, orgId: string): ParamPatch {
  const { startMs, endMs } = spanOf(rangeOf(params), nowMs)
  const fixed = rangeParams({ kind: 'custom', startMs, endMs })
  return { org: orgId, ...shownBy(params), ...fixed }
}
