/** The pager: position, page size, page number, Previous and Next. */

import type { SummaryTotals } from '../../api/types.js'
import type { Query } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { toast } from '../../parts/toasts.js'
import { NARROW, useMedia } from '../../parts/use-media.js'
import {
  countedPages,
  DEFAULT_PAGE_SIZE,
  FIRST_PAGE,
  PAGE_SIZES,
  pageOf,
  pageSizeOf,
} from '../../state/filters.js'
import { currentLocation, setParams } from '../../state/url.js'
import { logs } from '../../texts/logs.js'
import { ColumnsMenu } from './columns-menu.js'

export interface PagerProps {
  readonly page: number
  readonly pageSize: number
  readonly shown: number
  /** Totals of the selection; undefined while they load. */
  readonly totals: SummaryTotals | undefined
  readonly counting: Pick<Query<unknown>, 'loading' | 'slow' | 'cancelled' | 'cancel'>
  /** A key of selection and sort order, because a cursor is valid for one of them only. */
  readonly ordered: string
  /** The cursor of the next page; null: no page follows. */
  readonly nextCursor: string | null
  readonly live: boolean
}

/** The cursors of pages that were shown beyond the numbered ones, so that Previous can return to them. */
const begins = new Map<string, string>()
const BEGINS_MAX = 1000
const placeOf = (ordered: string, size: number, page: number) => `${ordered} ${size} ${page}`

/** Counts from the page in the address, because a second click can come before the first is rendered. */
function turnPage(step: 1 | -1, { page: drawn, totals, ordered, nextCursor }: PagerProps): void {
  const { params } = currentLocation()
  const size = pageSizeOf(params)
  const at = pageOf(params)
  if (step === 1 && at >= countedPages(size)) {
    // The cursor of the next page is known only when the current one is rendered.
    if (nextCursor === null || at !== drawn) return
    if (begins.size >= BEGINS_MAX) begins.clear()
    begins.set(placeOf(ordered, size, at + 1), nextCursor)
  }
  const total = totals?.sessions
  const pages = total === undefined || params.has('after') ? Infinity : Math.ceil(total / size)
  showPage(Math.min(Math.max(1, at + step), Math.max(1, pages)), ordered)
}

/** Beyond the numbered pages it can show only pages that were shown before; otherwise it shows the last numbered one. */
function showPage(page: number, ordered: string): void {
  const size = pageSizeOf(currentLocation().params)
  const after =
    page > countedPages(size) ? (begins.get(placeOf(ordered, size, page)) ?? null) : null
  const shown = after === null ? Math.min(page, countedPages(size)) : page
  setParams({ page: shown === 1 ? null : String(shown), after, live: null })
}

export function Pager(props: PagerProps) {
  const { page, pageSize, nextCursor } = props
  const narrow = useMedia(NARROW)
  return (
    <nav class="pager" aria-label={logs().pages}>
      <Position {...props} />
      <span class="space" />
      {!narrow && <ColumnsMenu />}
      <label>
        <span class="visually-hidden">{logs().pageSize}</span>
        <select
          class="field"
          value={pageSize}
          onChange={(event) => {
            const size = Number(event.currentTarget.value)
            setParams({ limit: size === DEFAULT_PAGE_SIZE ? null : String(size), ...FIRST_PAGE })
          }}
        >
          {PAGE_SIZES.map((size) => (
            <option key={size} value={size}>
              {logs().aPage(size)}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="button"
        disabled={page === 1}
        onClick={() => turnPage(-1, props)}
      >
        {logs().previous}
      </button>
      <PageNumber {...props} />
      <button
        type="button"
        class="button"
        disabled={nextCursor === null}
        onClick={() => turnPage(1, props)}
      >
        {logs().next}
      </button>
    </nav>
  )
}

/** A field that goes to a page by its number. */
function PageNumber({ page, pageSize, totals, ordered }: PagerProps) {
  const total = totals?.sessions
  const pages = total === undefined ? undefined : Math.max(1, Math.ceil(total / pageSize))
  const most = Math.min(pages ?? Infinity, countedPages(pageSize))
  const go = (field: HTMLInputElement) => {
    const wanted = Math.min(Math.max(1, Math.floor(field.valueAsNumber) || page), most)
    if (field.valueAsNumber > most && most < (pages ?? Infinity)) {
      toast(logs().lastNumbered(most))
    }
    field.value = String(wanted)
    if (wanted !== page) showPage(wanted, ordered)
  }
  return (
    <label class="page-number">
      {logs().page}
      <input
        key={page}
        class="field figures"
        type="number"
        aria-label={logs().page}
        min={1}
        defaultValue={String(page)}
        onChange={(event) => go(event.currentTarget)}
      />
      {pages !== undefined && logs().ofPages(Math.max(pages, page))}
    </label>
  )
}

function Position({ page, pageSize, shown, totals, counting, live }: PagerProps) {
  const total = totals?.sessions
  if (shown === 0) return <p>{logs().noSessions}</p>
  const first = (page - 1) * pageSize + 1
  const end = first + shown - 1
  const rows = live ? logs().newest(shown) : `${formatCount(first)}–${formatCount(end)}`
  if (total === undefined && counting.cancelled) return <p>{logs().notCounted(rows)}</p>
  return (
    <p>
      {rows} {logs().of}{' '}
      <strong>{total === undefined ? '…' : formatCount(Math.max(total, end))}</strong>{' '}
      {logs().sessionsWord(total)}
      {total === undefined && counting.loading && counting.slow && (
        <button type="button" class="button quiet small" onClick={counting.cancel}>
          {logs().stopCounting}
        </button>
      )}
    </p>
  )
}
