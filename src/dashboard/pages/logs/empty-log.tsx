/** No rows: the server knows why; here is what to do about it. */
import { Message } from '../../parts/states.js'
import { filtersOf, onlyFilters } from '../../state/filters.js'
import { rangeOf, rangeParams } from '../../state/range.js'
import { followLink, setParams } from '../../state/url.js'

export interface EmptyLogProps {
  readonly notice: string | undefined
  readonly params: URLSearchParams
  readonly page: number
}

export function EmptyLog({ notice, params, page }: EmptyLogProps) {
  if (page > 1) {
    const first = (
      <button type="button" class="button primary" onClick={() => setParams({ page: null })}>
        First page
      </button>
    )
    return (
      <Message title={`There is no page ${page}`} actions={first}>
        <p>The selection has fewer sessions than that.</p>
      </Message>
    )
  }
  const filtered = Object.keys(filtersOf(params)).length > 0
  const range = rangeOf(params)
  const widest = range.kind === 'preset' && range.preset === '30d'
  return (
    <Message
      title="No sessions here"
      actions={
        <>
          {filtered && (
            <button type="button" class="button primary" onClick={() => setParams(onlyFilters({}))}>
              Clear filters
            </button>
          )}
          {!widest && (
            <button
              type="button"
              class="button"
              onClick={() =>
                setParams({ ...rangeParams({ kind: 'preset', preset: '30d' }), page: null })
              }
            >
              Look at the last 30 days
            </button>
          )}
          <a class="button" href="/sites" onClick={followLink}>
            Are the sites reporting?
          </a>
          <a class="button" href="/settings" onClick={followLink}>
            Retention
          </a>
        </>
      }
    >
      <p>{notice ?? 'No session matches this time range and these filters.'}</p>
    </Message>
  )
}
