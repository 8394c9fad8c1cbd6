import type { SummaryTotals } from '../../api/types.js'
import { formatCount } from '../../format/bytes.js'
import { Bytes } from '../../parts/quantity.js'
import { filterPatch } from '../../state/filters.js'
import { currentLocation, followLink, hrefOf, patched } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'

/** Totals of the whole selection, and a link to the overview of its clients and users. */
export function Sums({ totals }: { totals: SummaryTotals }) {
  const { params } = currentLocation()
  const overview = { ...filterPatch({}), sort: null, limit: null, live: null, bars: null }
  return (
    <p class="sums figures">
      <span>
        <strong>{formatCount(totals.sessions)}</strong> {logs().sessionsWord(totals.sessions)}
      </span>
      <span>
        <Bytes bytes={totals.bytesTx} /> {common().sent}
      </span>
      <span>
        <Bytes bytes={totals.bytesRx} /> {common().received}
      </span>
      <a href={hrefOf('/overview', patched(params, overview))} onClick={followLink}>
        {logs().byClientAndUser}
      </a>
    </p>
  )
}
