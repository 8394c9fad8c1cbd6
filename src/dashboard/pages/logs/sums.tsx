import type { SummaryTotals } from '../../api/types.js'
import { formatCount } from '../../format/bytes.js'
import { Bytes } from '../../parts/quantity.js'
import { filterPatch } from '../../state/filters.js'
import { currentLocation, followLink, hrefOf, patched } from '../../state/url.js'

/** Totals of the whole selection, and a link to the overview of its clients and users. */
export function Sums({ totals }: { totals: SummaryTotals }) {
  const { params } = currentLocation()
  const overview = { ...filterPatch({}), sort: null, limit: null, live: null, bars: null }
  return (
    <p class="sums figures">
      <span>
        <strong>{formatCount(totals.sessions)}</strong>{' '}
        {totals.sessions === 1 ? 'session' : 'sessions'}
      </span>
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
