/** The largest of a kind, with a bar each: sent and received as parts of one length. */

import type { SummaryGroupRow } from '../../api/types.js'
import { plural } from '../../format/bytes.js'
import { Bytes } from '../../parts/quantity.js'
import { ShareBar, ShareKey } from '../../parts/share-bar.js'
import type { Group } from '../../state/groups.js'
import { GROUP_LABELS, groupFilter, groupName } from '../../state/groups.js'
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
