/** Which rows of how many, how much went through all of them, and the way to the others. */
import type { SummaryTotals } from '../../api/types.js'
import type { Query } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { Bytes } from '../../parts/quantity.js'
import {
  DEFAULT_PAGE_SIZE,
  filterPatch,
  PAGE_SIZES,
  pageOf,
  pageSizeOf,
} from '../../state/filters.js'
import { currentLocation, followLink, hrefOf, patched, setParams } from '../../state/url.js'

export interface PagerProps {
  readonly page: number
  readonly pageSize: number
  readonly shown: number
  /** Of the selection; undefined while they are being made. */
  readonly totals: SummaryTotals | undefined
  readonly counting: Pick<Query<unknown>, 'loading' | 'slow' | 'cancelled' | 'cancel'>
  /** No page follows. */
  readonly last: boolean
  readonly live: boolean
}

/** From the address: a second click can come before the page that the first one asked for is drawn. */
function turnPage(step: 1 | -1, total: number | undefined): void {
  const { params } = currentLocation()
  const pages = total === undefined ? Infinity : Math.ceil(total / pageSizeOf(params))
  const next = Math.min(Math.max(1, pageOf(params) + step), Math.max(1, pages))
  setParams({ page: next === 1 ? null : String(next), live: null })
}

export function Pager(props: PagerProps) {
  const { page, pageSize, shown, totals, last } = props
  return (
    <nav class="pager" aria-label="Pages">
      <Position {...props} />
      {shown > 0 && totals !== undefined && <Sums totals={totals} />}
      <span class="space" />
      <label>
        <span class="visually-hidden">Sessions a page</span>
        <select
          class="field"
          value={pageSize}
          onChange={(event) => {
            const size = Number(event.currentTarget.value)
            setParams({ limit: size === DEFAULT_PAGE_SIZE ? null : String(size), page: null })
          }}
        >
          {PAGE_SIZES.map((size) => (
            <option key={size} value={size}>
              {size} a page
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="button"
        disabled={page === 1}
        onClick={() => turnPage(-1, totals?.sessions)}
      >
        Previous
      </button>
      <button
        type="button"
        class="button"
        disabled={last}
        onClick={() => turnPage(1, totals?.sessions)}
      >
        Next
      </button>
    </nav>
  )
}

function Position({ page, pageSize, shown, totals, counting, live }: PagerProps) {
  const total = totals?.sessions
  if (shown === 0) return <p>No sessions</p>
  const first = (page - 1) * pageSize + 1
  const end = first + shown - 1
  const rows = live ? `Newest ${formatCount(shown)}` : `${formatCount(first)}–${formatCount(end)}`
  if (total === undefined && counting.cancelled) return <p>{rows}, not counted</p>
  return (
    <p>
      {rows} of <strong>{total === undefined ? '…' : formatCount(Math.max(total, end))}</strong>{' '}
      sessions
      {total === undefined && counting.loading && counting.slow && (
        <button type="button" class="button quiet small" onClick={counting.cancel}>
          Stop counting
        </button>
      )}
    </p>
  )
}

/** Of the whole selection, and where its parts are: how much did who pull? */
function Sums({ totals }: { totals: SummaryTotals }) {
  const { params } = currentLocation()
  const overview = { ...filterPatch({}), sort: null, limit: null, live: null }
  return (
    <p class="sums figures">
      <span>
        <Bytes bytes={totals.bytesTx} /> sent
      </span>
      <span>
        <Bytes bytes={totals.bytesRx} /> received
      </span>
      <a href={hrefOf('/overview', patched(params, overview))} onClick={followLink}>
        By client and user
      </a>
    </p>
  )
}
