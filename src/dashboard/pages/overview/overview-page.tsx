/** The overview under the log's filters: bytes over time, top resources, clients and users, open and failed sessions. */
import type { ComponentChildren } from 'preact'
import type { Summary } from '../../api/types.js'
import { formatCount } from '../../format/bytes.js'
import { useNames } from '../../parts/filters/names.js'
import { QueryBar } from '../../parts/filters/query-bar.js'
import { Bytes } from '../../parts/quantity.js'
import { RangePicker } from '../../parts/range-picker.js'
import { RefreshButton } from '../../parts/refresh-button.js'
import { Segments } from '../../parts/segments.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { type Filters, onlyFilters } from '../../state/filters.js'
import { GROUP_LABELS, GROUPS } from '../../state/groups.js'
import { PRESETS, rangeParams } from '../../state/range.js'
import { followLink, setParams } from '../../state/url.js'
import { logsHref } from './logs-href.js'
import { MatrixCard } from './matrix-card.js'
import { RecentList } from './recent-list.js'
import { TopList } from './top-list.js'
import { TrafficCard } from './traffic-card.js'
import { useOverview } from './use-overview.js'

export function OverviewPage({ orgId }: { orgId: string }) {
  const view = useOverview(orgId)
  const { chart, span, filters, refreshedMs } = view
  const names = useNames(orgId, view.filters, view.attributes.values)
  return (
    <div class="page overview">
      <div class="page-head">
        <h1>Overview</h1>
        <span class="space" />
        <RefreshButton title="Refresh" onClick={view.refresh} />
        <Segments
          name="Stack the chart by"
          options={GROUPS.map((group) => ({
            value: group,
            label: `By ${GROUP_LABELS[group].toLowerCase()}`,
          }))}
          value={view.by}
          onChange={(group) => setParams({ by: group === 'resource' ? null : group })}
        />
      </div>
      <div class="toolbar">
        <RangePicker />
        <QueryBar attributes={view.attributes} names={names} />
      </div>
      <Progress query={view.all} />
      {chart.data === undefined || chart.error !== null || chart.cancelled ? (
        <Failure query={view.all} what="totals" />
      ) : chart.data.summary.totals.sessions === 0 ? (
        <Nothing filtered={Object.keys(filters).length > 0} />
      ) : (
        <>
          <Figures totals={chart.data.summary.totals} />
          <TrafficCard {...chart.data} stale={chart.loading} />
          <div class="thirds">
            {GROUPS.map((group) => (
              <TopList key={group} group={group} query={view.top[group]} />
            ))}
          </div>
          <MatrixCard query={view.matrix} />
          <div class="halves">
            <RecentList
              orgId={orgId}
              title="Open now"
              empty="No session is open."
              within={filters}
              filters={{ state: ['open'] }}
              span={span}
              refreshedMs={refreshedMs}
            />
            <RecentList
              orgId={orgId}
              title="Refused and unanswered"
              empty="Every attempt was answered."
              within={filters}
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

function Nothing({ filtered }: { filtered: boolean }) {
  const wider = () => setParams(rangeParams({ kind: 'preset', preset: '30d' }))
  return (
    <Message
      title={filtered ? 'No sessions under these filters' : 'No sessions in this time range'}
      actions={
        <>
          {filtered && (
            <button type="button" class="button primary" onClick={() => setParams(onlyFilters({}))}>
              Clear filters
            </button>
          )}
          <button type="button" class={filtered ? 'button' : 'button primary'} onClick={wider}>
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
