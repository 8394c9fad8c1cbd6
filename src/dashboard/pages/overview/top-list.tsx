/** The largest of a kind, with a bar each: sent and received as parts of one length. */
import type { Group } from '../../api/summary.js'
import type { SummaryGroupRow } from '../../api/types.js'
import { plural } from '../../format/bytes.js'
import { GROUP_LABELS, groupFilter, groupName } from '../../format/groups.js'
import { Bytes } from '../../parts/quantity.js'
import { followLink } from '../../state/url.js'
import { logsHref } from './logs-href.js'
import type { TopQuery } from './use-overview.js'

export function TopList({ group, query }: { group: Group; query: TopQuery }) {
  const { summary, error, loading } = query
  const rows = summary?.groups ?? []
  const largest = Math.max(1, ...rows.map((row) => row.bytesTx + row.bytesRx))
  return (
    <section class={loading && summary ? 'card stale' : 'card'}>
      <div class="card-head">
        <h2>Top {GROUP_LABELS[group].toLowerCase()}s</h2>
        <span class="space" />
        <ShareKey />
      </div>
      <ul class="card-body top-list">
        {rows.map((row) => (
          <li key={row.other ? 'other' : row.id}>
            <TopRow group={group} row={row} largest={largest} />
          </li>
        ))}
        {summary === undefined && loading && <TopSkeleton />}
        {error !== null && <li class="wrong">{error.message}</li>}
      </ul>
    </section>
  )
}

function TopSkeleton() {
  return (
    <li class="skeleton-rows" aria-hidden="true">
      {Array.from({ length: 4 }, (_, row) => (
        <span class="skeleton" key={row} />
      ))}
    </li>
  )
}

function TopRow({ group, row, largest }: { group: Group; row: SummaryGroupRow; largest: number }) {
  const name = groupName(group, row)
  const content = (
    <>
      <span class="top-line">
        <span class="top-name" title={name}>
          {name}
        </span>
        <span class="figures">
          <Bytes bytes={row.bytesTx + row.bytesRx} />
        </span>
      </span>
      <ShareBar sent={row.bytesTx} received={row.bytesRx} largest={largest} />
      <span class="visually-hidden">{plural(row.sessions, 'session')}</span>
    </>
  )
  const filter = groupFilter(group, row)
  if (filter === null) return <span class="top-row">{content}</span>
  return (
    <a class="top-row" href={logsHref(filter)} onClick={followLink}>
      {content}
    </a>
  )
}

/** What the two colours of a share bar mean. */
export function ShareKey() {
  return (
    <span class="share-key hint">
      <span class="swatch sent" /> sent <span class="swatch received" /> received
    </span>
  )
}

interface ShareBarProps {
  readonly sent: number
  readonly received: number
  readonly largest: number
}

/** An SVG: widths from data need no style attribute, which the page's policy would refuse. */
export function ShareBar({ sent, received, largest }: ShareBarProps) {
  const scale = 100 / largest
  return (
    <svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect class="share-ground" width="100" height="1" />
      <rect class="share-sent" width={sent * scale} height="1" />
      <rect class="share-received" x={sent * scale} width={received * scale} height="1" />
    </svg>
  )
}
