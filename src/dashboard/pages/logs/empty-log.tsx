/** The log without rows: the server's reason in words, and buttons that can help. */
import type { Notice } from '../../api/types.js'
import { noticeText } from '../../parts/notice-text.js'
import { Message } from '../../parts/states.js'
import { FIRST_PAGE, filtersOf, onlyFilters } from '../../state/filters.js'
import { rangeOf, rangeParams } from '../../state/range.js'
import { followLink, setParams } from '../../state/url.js'

export interface EmptyLogProps {
  readonly notice: Notice | null
  readonly params: URLSearchParams
  readonly page: number
}

export function EmptyLog({ notice, params, page }: EmptyLogProps) {
  if (page > 1) {
    const first = (
      <button type="button" class="button primary" onClick={() => setParams(FIRST_PAGE)}>
        First page
      </button>
    )
    return (
      <Message title={`There is no page ${page}`} actions={first}>
        <p>The selection has fewer pages.</p>
      </Message>
    )
  }
  return (
    <Message title="No sessions here" actions={<Actions code={notice?.code} params={params} />}>
      <p>{notice ? noticeText(notice) : 'No session matches this time range and these filters.'}</p>
    </Message>
  )
}

/** The button that helps against this cause comes first. */
function Actions({ code, params }: { code: Notice['code'] | undefined; params: URLSearchParams }) {
  const filtered = Object.keys(filtersOf(params)).length > 0
  const range = rangeOf(params)
  const widest = range.kind === 'preset' && range.preset === '30d'
  return (
    <>
      {code === 'noKey' && (
        <a class="button primary" href="/settings" onClick={followLink}>
          Create a key
        </a>
      )}
      {code === 'retentionOff' && (
        <a class="button primary" href="/settings" onClick={followLink}>
          Retention
        </a>
      )}
      {filtered && (
        <button type="button" class="button primary" onClick={() => setParams(onlyFilters({}))}>
          Clear filters
        </button>
      )}
      {!widest && (code === undefined || code === 'filtered' || code === 'outsideRange') && (
        <button
          type="button"
          class="button"
          onClick={() =>
            setParams({ ...rangeParams({ kind: 'preset', preset: '30d' }), ...FIRST_PAGE })
          }
        >
          Show the last 30 days
        </button>
      )}
      {code !== 'filtered' && (
        <a class="button" href="/sites" onClick={followLink}>
          Are the sites reporting?
        </a>
      )}
    </>
  )
}
