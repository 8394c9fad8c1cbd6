/** The log's filters, under the names of the API's parameters, so that a link to the page reads like an API request. */
import { OFFSET_MAX } from '../../session/bounds.js'
import { DEFAULT_PRESET, rangeOf, rangeParams, type Span, spanOf } from './range.js'
import type { ParamPatch, QueryParams } from './url.js'

export const FILTERS = [
  'q',
  'siteResourceId',
  'clientId',
  'userId',
  'siteId',
  'protocol',
  'state',
  'connState',
  'sourceAddr',
  'destAddr',
  'port',
  'minBytes',
] as const
export type FilterName = (typeof FILTERS)[number]
/** A session matches a filter when it has any of the filter's values. */
export type Filters = Readonly<Partial<Record<FilterName, readonly string[]>>>

export const SORTS = ['startTime', 'duration', 'bytes', 'bytesTx', 'bytesRx'] as const
export type SortName = (typeof SORTS)[number]
export interface Sort {
  readonly by: SortName
  readonly descending: boolean
}
export const NEWEST_FIRST: Sort = { by: 'startTime', descending: true }

/** Sessions in one answer. */
export const BATCH_ROWS = 100
/** The last row that a number reaches; the rows after it follow by a cursor. */
export const ROW_MAX = OFFSET_MAX + 1

export function filtersOf(params: URLSearchParams): Filters {
  const filters: Partial<Record<FilterName, readonly string[]>> = {}
  for (const name of FILTERS) {
    const values = params.getAll(name).filter((value) => value !== '')
    if (values.length > 0) filters[name] = values
  }
  return filters
}

export function sortOf(params: URLSearchParams): Sort {
  const text = params.get('sort') ?? ''
  const by = SORTS.find((name) => name === text.replace(/^-/, ''))
  return by === undefined ? NEWEST_FIRST : { by, descending: text.startsWith('-') }
}

export function sortText({ by, descending }: Sort): string {
  return descending ? `-${by}` : by
}

/** The number of the row on top, from 1. Without a cursor (`after`) it is at most ROW_MAX. */
export function rowOf(params: URLSearchParams): number {
  const row = Number(params.get('row') ?? '1')
  if (!Number.isSafeInteger(row) || row < 1) return 1
  return params.has('after') ? row : Math.min(row, ROW_MAX)
}

/** Live mode has nothing to add to a time range that is over. */
function isOver(params: URLSearchParams, nowMs: number): boolean {
  return spanOf(rangeOf(params), nowMs).endMs < nowMs
}

export function liveOf(params: URLSearchParams, nowMs = Date.now()): boolean {
  return params.get('live') === '1' && !isOver(params, nowMs)
}

/** Live mode shows the newest rows of a range that reaches to now. */
export function livePatch(params: URLSearchParams, nowMs = Date.now()): ParamPatch {
  const range = isOver(params, nowMs) ? rangeParams({ kind: 'preset', preset: DEFAULT_PRESET }) : {}
  return { ...range, live: '1', ...FIRST_ROW, sort: null }
}

export const FIRST_ROW = { row: null, after: null } as const

/** A change of the selection goes to the first row and closes the details. */
export function filterPatch(patch: ParamPatch): ParamPatch {
  return { ...patch, ...FIRST_ROW, session: null }
}

/** Replaces all filters. */
export function onlyFilters(filters: Filters): ParamPatch {
  const patch: Record<string, readonly string[] | null> = {}
  for (const name of FILTERS) patch[name] = filters[name] ?? null
  return filterPatch(patch)
}

export function spanQuery(span: Span): QueryParams {
  return {
    timeStart: new Date(span.startMs).toISOString(),
    timeEnd: new Date(span.endMs).toISOString(),
  }
}
