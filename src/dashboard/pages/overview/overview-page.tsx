/** What went through the tunnels: how much, when, by whom, to what, and what did not work. */
import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { fetchSummary, GROUPS, type Group } from '../../api/summary.js'
import type { Summary } from '../../api/types.js'
import { type Query, useQuery } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { GROUP_LABELS } from '../../format/groups.js'
import { RefreshIcon } from '../../parts/icons.js'
import { Bytes } from '../../parts/quantity.js'
import { RangePicker } from '../../parts/range-picker.js'
import { Segments } from '../../parts/segments.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { type Filters, spanQuery } from '../../state/filters.js'
import { PRESETS, rangeOf, rangeParams, spanOf } from '../../state/range.js'
import { followLink, setParams, useLocation } from '../../state/url.js'
import { intervalFor } from './interval.js'
import { logsHref } from './logs-href.js'
import { RecentList } from './recent-list.js'
import { TopList } from './top-list.js'
import { TrafficCard } from './traffic-card.js'

const TOP_SHOWN = 7

export function OverviewPage({ orgId }: { orgId: string }) {
  const { params } = useLocation()
  const [refreshedMs, setRefreshedMs] = useState(() => Date.now())
  const range = rangeOf(params)
  const rangeKey = JSON.stringify(range)
  const span = useMemo(() => spanOf(range, refreshedMs), [rangeKey, refreshedMs])
  const key = `${orgId} ${rangeKey} ${refreshedMs}`
  const filters = spanQuery(span)
  const interval = intervalFor(span)
  const by = GROUPS.find((group) => group === params.get('by')) ?? 'resource'
  // Only what is drawn over time is asked for over time: the rest is cheaper without.
  const useSummary = (groupBy: Group) => {
    const timed = groupBy === by && { interval: interval.name }
    return useQuery(JSON.stringify([key, groupBy, timed]), (signal) =>
      fetchSummary(orgId, { groupBy, top: TOP_SHOWN, filters, ...timed }, signal),
    )
  }
  const summaries: Record<Group, Query<Summary>> = {
    resource: useSummary('resource'),
    client: useSummary('client'),
    user: useSummary('user'),
  }
  const shown = summaries[by]
  return (
    <div class="page">
      <div class="page-head">
        <h1>Overview</h1>
        <span class="space" />
        <Segments
          name="Stack the chart by"
          options={(['resource', 'client'] as const).map((group) => ({
            value: group,
            label: `By ${GROUP_LABELS[group].toLowerCase()}`,
          }))}
          value={by === 'client' ? 'client' : 'resource'}
          onChange={(group) => setParams({ by: group === 'resource' ? null : group })}
        />
        <RangePicker />
        <button
          type="button"
          class="button icon"
          aria-label="Refresh"
          onClick={() => setRefreshedMs(Date.now())}
        >
          <RefreshIcon />
        </button>
      </div>
      <Progress query={shown} />
      {shown.data === undefined || shown.error !== null || shown.cancelled ? (
        <Failure query={shown} what="totals" />
      ) : shown.data.totals.sessions === 0 ? (
        <Nothing />
      ) : (
        <>
          <Figures totals={shown.data.totals} />
          <TrafficCard summary={shown.data} group={by} interval={interval} stale={shown.loading} />
          <div class="thirds">
            {GROUPS.map((group) => (
              <TopList key={group} group={group} summary={summaries[group].data} />
            ))}
          </div>
          <div class="halves">
            <RecentList
              orgId={orgId}
              title="Open now"
              empty="No session is open."
              filters={{ state: ['open'] }}
              span={span}
              refreshedMs={refreshedMs}
            />
            <RecentList
              orgId={orgId}
              title="Refused and unanswered"
              empty="Every attempt was answered."
              filters={{ connState: ['REJ', 'S0', 'RSTOS0'] }}
              span={span}
              refreshedMs={refreshedMs}
            />
          </div>
        </>
      )}
    </div>
  )
}

function Nothing() {
  const wider = () => setParams(rangeParams({ kind: 'preset', preset: '30d' }))
  return (
    <Message
      title="No sessions in this time range"
      actions={
        <>
          <button type="button" class="button primary" onClick={wider}>
            {PRESETS['30d'].label}
          </button>
          <a class="button" href="/sites" onClick={followLink}>
            Are the sites reporting?
          </a>
        </>
      }
    />
  )
}

function Figures({ totals }: { totals: Summary['totals'] }) {
  return (
    <ul class="figures-row">
      <Figure label="Sessions" filters={{}}>
        {formatCount(totals.sessions)}
      </Figure>
      <Figure label="Sent" filters={{}} sort="-bytes">
        <Bytes bytes={totals.bytesTx} />
      </Figure>
      <Figure label="Received" filters={{}} sort="-bytes">
        <Bytes bytes={totals.bytesRx} />
      </Figure>
      <Figure label="Open now" filters={{ state: ['open'] }} tone={totals.open > 0 ? 'open' : ''}>
        {formatCount(totals.open)}
      </Figure>
      <Figure
        label="Refused"
        filters={{ connState: ['REJ'] }}
        tone={totals.refused > 0 ? 'wrong' : ''}
      >
        {formatCount(totals.refused)}
      </Figure>
      <Figure
        label="No answer"
        filters={{ connState: ['S0'] }}
        tone={totals.unanswered > 0 ? 'wrong' : ''}
      >
        {formatCount(totals.unanswered)}
      </Figure>
    </ul>
  )
}

interface FigureProps {
  readonly label: string
  readonly filters: Filters
  readonly sort?: string
  readonly tone?: '' | 'open' | 'wrong'
  readonly children: ComponentChildren
}

function Figure({ label, filters, sort, tone = '', children }: FigureProps) {
  return (
    <li>
      <a class={`figure-tile ${tone}`} href={logsHref(filters, sort)} onClick={followLink}>
        <span class="figure-label">{label}</span>
        <span class="figure-value">{children}</span>
      </a>
    </li>
  )
}
