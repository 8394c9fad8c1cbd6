/** Clients and resources that changed the most, clients on resources for the first time, and failures by resource. */

import type { ComponentChildren } from 'preact'
import { faultText } from '../../api/fault-text.js'
import type { ChangedGroup, Changes, NewPairs, Summary } from '../../api/types.js'
import type { Query } from '../../api/use-query.js'
import { formatBytes } from '../../format/bytes.js'
import { formatDateTime } from '../../format/time.js'
import { filtersOf } from '../../state/filters.js'
import { type Group, groupFilter, groupHref, groupName } from '../../state/groups.js'
import { currentLocation, followLink } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { overview } from '../../texts/overview.js'
import { logsHref } from './logs-href.js'
import { failedStates, type OddQueries } from './use-odd.js'

export function Odd({ odd }: { odd: OddQueries }) {
  return (
    <div class="halves odd">
      <Changed group="client" query={odd.clients} />
      <Changed group="resource" query={odd.resources} />
      <FirstTimes query={odd.newPairs} />
      <Failures query={odd.failures} />
    </div>
  )
}

interface CardProps {
  readonly title: string
  readonly hint: string
  readonly query: Query<unknown>
  readonly lines: number
  /** What it says without lines. */
  readonly empty: string
  readonly children: ComponentChildren
}

function Card({ title, hint, query, lines, empty, children }: CardProps) {
  const { data, error, loading, cancelled } = query
  const isEmpty = lines === 0 && !loading && !cancelled && error === null
  return (
    <section class={loading && data !== undefined ? 'card stale' : 'card'} aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        <span class="muted hint">{hint}</span>
      </div>
      <ul class="card-body entity-lines">
        {children}
        {error !== null && <li class="wrong">{faultText(error)}</li>}
        {isEmpty && <li class="muted">{empty}</li>}
      </ul>
    </section>
  )
}

function Changed({ group, query }: { group: Group; query: Query<Changes> }) {
  const { grown = [], fallen = [] } = query.data ?? {}
  return (
    <Card
      title={overview().changed[group]}
      hint={overview().changedHint}
      query={query}
      lines={grown.length + fallen.length}
      empty={overview().nothingChanged}
    >
      {[...grown, ...fallen].map((row) => (
        <li key={`${row.id}`}>
          <Name group={group} row={row} />
          <Link group={group} row={row} />
        </li>
      ))}
    </Card>
  )
}

function Name({ group, row }: { group: Group; row: { id: string | null; name: string | null } }) {
  const href = groupHref(group, row)
  const name = groupName(group, row)
  if (href === null) return <span class="grow">{name}</span>
  return (
    <a class="grow" href={href} title={name} onClick={followLink}>
      {name}
    </a>
  )
}

const bytesOf = ({ bytesTx, bytesRx }: { bytesTx: number; bytesRx: number }) => bytesTx + bytesRx

function Link({ group, row }: { group: Group; row: ChangedGroup }) {
  const [now, before] = [bytesOf(row.now), bytesOf(row.before)]
  const by = `${now > before ? '+' : '−'}${formatBytes(Math.abs(now - before))}`
  return (
    <a class="figures" href={logsHref(groupFilter(group, row)!)} onClick={followLink}>
      {by} <span class="muted">{overview().bytesBefore(formatBytes(before))}</span>
    </a>
  )
}

function FirstTimes({ query }: { query: Query<NewPairs> }) {
  const { total = 0, pairs = [], storedSince = null } = query.data ?? {}
  const since =
    storedSince === null ? '' : overview().storedSince(formatDateTime(Date.parse(storedSince)))
  const rest = total - pairs.length
  return (
    <Card
      title={overview().firstTime}
      hint={since}
      query={query}
      lines={total}
      empty={overview().nothingNew}
    >
      {pairs.map((pair) => {
        const client = { id: pair.id, name: pair.name }
        const resource = { id: pair.acrossId, name: pair.acrossName }
        const filters = { ...groupFilter('client', client), ...groupFilter('resource', resource) }
        return (
          <li key={`${pair.id} ${pair.acrossId}`}>
            <a class="grow" href={logsHref(filters)} onClick={followLink}>
              {groupName('client', client)} → {groupName('resource', resource)}
            </a>
            <span class="figures muted">{formatDateTime(Date.parse(pair.firstTime))}</span>
          </li>
        )
      })}
      {rest > 0 && <li class="muted">{overview().more(rest)}</li>}
    </Card>
  )
}

function Failures({ query }: { query: Query<Summary> }) {
  const connState = failedStates(filtersOf(currentLocation().params))
  return (
    <Card
      title={overview().failedByResource}
      hint=""
      query={query}
      lines={query.data?.groups.length ?? 0}
      empty={overview().noneFailed}
    >
      {(query.data?.groups ?? []).map((row) => {
        const filter = groupFilter('resource', row)
        const count = common().sessions(row.sessions)
        return (
          <li key={row.other ? 'other' : row.id}>
            {row.other ? (
              <span class="grow">{common().allOthers}</span>
            ) : (
              <Name group="resource" row={row} />
            )}
            {filter === null ? (
              <span class="wrong">{count}</span>
            ) : (
              <a class="wrong" href={logsHref({ ...filter, connState })} onClick={followLink}>
                {count}
              </a>
            )}
          </li>
        )
      })}
    </Card>
  )
}
