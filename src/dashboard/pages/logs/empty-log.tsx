/** The log without rows: the server's reason in words, and buttons that can help. */

import type { Notice } from '../../api/types.js'
import { noticeText } from '../../parts/notice-text.js'
import { Message } from '../../parts/states.js'
import { FIRST_ROW, filtersOf, onlyFilters } from '../../state/filters.js'
import { rangeOf, rangeParams } from '../../state/range.js'
import { followLink, hrefOf, setParams } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'

export interface EmptyLogProps {
  readonly notice: Notice | null
  readonly params: URLSearchParams
  /** The number of the row that the address asks for. */
  readonly row: number
}

export function EmptyLog({ notice, params, row }: EmptyLogProps) {
  if (row > 1) {
    const first = (
      <button type="button" class="button primary" onClick={() => setParams(FIRST_ROW)}>
        {logs().firstRow}
      </button>
    )
    return (
      <Message title={logs().noRow(row)} actions={first}>
        <p>{logs().fewerRows}</p>
      </Message>
    )
  }
  return (
    <Message title={logs().empty} actions={<Actions code={notice?.code} params={params} />}>
      <p>{notice ? noticeText(notice) : logs().noneMatches}</p>
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
        <a class="button primary" href={hrefOf('/settings')} onClick={followLink}>
          {logs().createKey}
        </a>
      )}
      {code === 'retentionOff' && (
        <a class="button primary" href={hrefOf('/settings')} onClick={followLink}>
          {common().retention}
        </a>
      )}
      {filtered && (
        <button type="button" class="button primary" onClick={() => setParams(onlyFilters({}))}>
          {common().clearFilters}
        </button>
      )}
      {!widest && (code === undefined || code === 'filtered' || code === 'outsideRange') && (
        <button
          type="button"
          class="button"
          onClick={() =>
            setParams({ ...rangeParams({ kind: 'preset', preset: '30d' }), ...FIRST_ROW })
          }
        >
          {logs().show30Days}
        </button>
      )}
      {code !== 'filtered' && (
        <a class="button" href={hrefOf('/sites')} onClick={followLink}>
          {common().sitesReporting}
        </a>
      )}
    </>
  )
}
