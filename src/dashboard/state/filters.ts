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

export const PAGE_SIZES = [50, 100, 200, 500] as const
export const DEFAULT_PAGE_SIZE = 100

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

export function pageSizeOf(params: URLSearchParams): number {
  const size = Number(params.get('limit'))
  return PAGE_SIZES.find((known) => known === size) ?? DEFAULT_PAGE_SIZE
}

/** The page number, from 1. Without a cursor (`after`) it is at most `countedPages`. */
export function pageOf(params: URLSearchParams): number {
  const page = Number(params.get('page') ?? '1')
  if (!Number.isSafeInteger(page) || page < 1) return 1
  return params.has('after') ? page : Math.min(page, countedPages(pageSizeOf(params)))
}

/** The number of pages that an offset can reach. */
export function countedPages(pageSize: number): number {
  return Math.floor(OFFSET_MAX / pageSize) + 1
}

/** The API's parameters for the rows of a page: an offset, or beyond OFFSET_MAX the cursor of the page before. */
export function pagingOf(params: URLSearchParams): QueryParams {
  const limit = pageSizeOf(params)
  const cursor = params.get('after')
  return cursor === null ? { limit, offset: (pageOf(params) - 1) * limit } : { limit, cursor }
}

/** Live mode has nothing to add to a time range that is over. */
function isOver(params: URLSearchParams, nowMs: number): boolean {
  return spanOf(rangeOf(params), nowMs).endMs < nowMs
}

export function liveOf(params: URLSearchParams, nowMs = Date.now()): boolean {
  return params.get('live') === '1' && !isOver(params, nowMs)
}

/** Live mode shows the first page, newest first, of a range that reaches to now. */
export function livePatch(params: URLSearchParams, nowMs = Date.now()): ParamPatch {
  const range = isOver(params, nowMs) ? rangeParams({ kind: 'preset', preset: DEFAULT_PRESET }) : {}
  return { ...range, live: '1', ...FIRST_PAGE, sort: null }
}

export const FIRST_PAGE = { page: null, after: null } as const

/** A change of the selection goes to the first page and closes the details. */
export function filterPatch(patch: ParamPatch): ParamPatch {
  return { ...patch, ...FIRST_PAGE, session: null }
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
