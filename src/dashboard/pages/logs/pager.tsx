/** Which rows of how many, and the way to the others. */
import { formatCount } from '../../format/bytes.js'
import { DEFAULT_PAGE_SIZE, PAGE_SIZES } from '../../state/filters.js'
import { setParams } from '../../state/url.js'

export interface PagerProps {
  readonly page: number
  readonly pageSize: number
  readonly shown: number
  /** Undefined while it is being counted. */
  readonly total: number | undefined
  /** No page follows. */
  readonly last: boolean
}

export function Pager({ page, pageSize, shown, total, last }: PagerProps) {
  const first = (page - 1) * pageSize + 1
  const end = first + shown - 1
  const go = (next: number) => setParams({ page: next === 1 ? null : String(next) })
  return (
    <nav class="pager" aria-label="Pages">
      <p>
        {shown === 0 ? 'No sessions' : `${formatCount(first)}–${formatCount(end)} of `}
        {shown > 0 && (
          <strong>{total === undefined ? '…' : formatCount(Math.max(total, end))}</strong>
        )}
        {shown > 0 && ' sessions'}
      </p>
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
      <button type="button" class="button" disabled={page === 1} onClick={() => go(page - 1)}>
        Previous
      </button>
      <button type="button" class="button" disabled={last} onClick={() => go(page + 1)}>
        Next
      </button>
    </nav>
  )
}
