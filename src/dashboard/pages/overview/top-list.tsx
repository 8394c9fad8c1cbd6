/**
 * The largest resources, clients or users, each with a bar of sent and received bytes. The name leads to its page, the
 * bytes to its sessions.
 */

import { faultText } from '../../api/fault-text.js'
import type { SummaryGroupRow } from '../../api/types.js'
import { Bytes } from '../../parts/quantity.js'
import { ShareBar, ShareKey } from '../../parts/share-bar.js'
import type { Group } from '../../state/groups.js'
import { groupFilter, groupHref, groupName } from '../../state/groups.js'
import { followLink } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { overview } from '../../texts/overview.js'
import { logsHref } from './logs-href.js'
import type { TopQuery } from './use-overview.js'

export function TopList({ group, query }: { group: Group; query: TopQuery }) {
  const { summary, error, loading } = query
  const rows = summary?.groups ?? []
  const largest = Math.max(1, ...rows.map((row) => row.bytesTx + row.bytesRx))
  return (
    <section class={loading && summary ? 'card stale' : 'card'}>
      <div class="card-head">
        <h2>{overview().top[group]}</h2>
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
        {error !== null && <li class="wrong">{faultText(error)}</li>}
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
  const page = groupHref(group, row)
  const filter = groupFilter(group, row)
  const sessions = common().sessions(row.sessions)
  const bytes = <Bytes bytes={row.bytesTx + row.bytesRx} />
  return (
    <div class="top-row">
      <span class="top-line">
        {page === null ? (
          <span class="top-name">{name}</span>
        ) : (
          <a class="top-name" title={name} href={page} onClick={followLink}>
            {name}
          </a>
        )}
        {filter === null ? (
          <span class="figures">{bytes}</span>
        ) : (
          <a class="figures" title={sessions} href={logsHref(filter)} onClick={followLink}>
            {bytes} <span class="visually-hidden">{overview().inSessions(sessions)}</span>
          </a>
        )}
      </span>
      <ShareBar sent={row.bytesTx} received={row.bytesRx} largest={largest} />
    </div>
  )
}
