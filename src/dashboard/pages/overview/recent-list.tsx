/** The newest sessions of one kind, with a link to all of them. */

import { faultText } from '../../api/fault-text.js'
import { fetchLog } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import { formatAgo } from '../../format/time.js'
import { destText, sourceText } from '../../format/words.js'
import { Duration } from '../../parts/duration.js'
import { OutcomeLabel } from '../../parts/outcome.js'
import { useNow } from '../../parts/use-now.js'
import { type Filters, spanQuery } from '../../state/filters.js'
import type { Span } from '../../state/range.js'
import { currentLocation, followLink, hrefOf, patched } from '../../state/url.js'
import { overview } from '../../texts/overview.js'
import { logsHref } from './logs-href.js'

const SHOWN = 6

export interface RecentListProps {
  readonly orgId: string
  readonly title: string
  readonly empty: string
  /** The page's filters; `filters` narrow them further. */
  readonly within: Filters
  readonly filters: Filters
  readonly span: Span
  readonly refreshedMs: number
}

export function RecentList(props: RecentListProps) {
  const { orgId, title, empty, within, filters, span, refreshedMs } = props
  const paging = { limit: SHOWN, attributes: false, count: false }
  const query = { ...spanQuery(span), ...within, ...filters, ...paging }
  const answer = useQuery(
    JSON.stringify([orgId, query, refreshedMs]),
    (signal) => fetchLog(orgId, query, signal),
    'recent',
  )
  const rows = answer.data?.log ?? []
  return (
    <section class="card">
      <div class="card-head">
        <h2>{title}</h2>
        <span class="space" />
        {rows.length > 0 && (
          <a class="hint" href={logsHref(filters)} onClick={followLink}>
            {overview().seeAll}
          </a>
        )}
      </div>
      <ul class="card-body recent">
        {rows.map((row) => (
          <li key={row.sessionId}>
            <RecentRow row={row} href={sessionHref(filters, row)} />
          </li>
        ))}
        {answer.data !== undefined && rows.length === 0 && <li class="muted">{empty}</li>}
        {answer.error !== null && <li class="wrong">{faultText(answer.error)}</li>}
      </ul>
    </section>
  )
}

function sessionHref(filters: Filters, row: LogRow): string {
  const { params } = currentLocation()
  return hrefOf('/', patched(params, { ...filters, by: null, session: row.sessionId }))
}

function RecentRow({ row, href }: { row: LogRow; href: string }) {
  const now = useNow()
  const startMs = Date.parse(row.startTime)
  return (
    <a class="recent-row" href={href} onClick={followLink}>
      <span class="recent-who">
        <strong>{row.resourceName ?? destText(row)}</strong>
        <span class="muted"> {overview().from(row.clientName ?? sourceText(row))}</span>
      </span>
      <span class="recent-when">
        <OutcomeLabel row={row} />
        <span class="muted figures">
          {row.duration === null ? (
            <Duration seconds={null} startedMs={startMs} />
          ) : (
            formatAgo(startMs, now)
          )}
        </span>
      </span>
    </a>
  )
}
