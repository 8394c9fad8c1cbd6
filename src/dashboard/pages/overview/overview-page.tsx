/**
 * The overview under the log's filters: whether anything is missing or odd, bytes over time, top resources, clients and
 * users, who used what, open and failed sessions.
 */

import { useNames } from '../../parts/filters/names.js'
import { QueryBar } from '../../parts/filters/query-bar.js'
import { RangePicker } from '../../parts/range-picker.js'
import { RefreshButton } from '../../parts/refresh-button.js'
import { Segments } from '../../parts/segments.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { onlyFilters } from '../../state/filters.js'
import { GROUPS } from '../../state/groups.js'
import { rangeParams } from '../../state/range.js'
import { followLink, hrefOf, setParams } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { overview } from '../../texts/overview.js'
import { CompletenessLine } from './completeness-line.js'
import { Figures } from './figures.js'
import { MatrixCard } from './matrix-card.js'
import { Odd } from './odd.js'
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
        <h1>{overview().title}</h1>
        <span class="space" />
        <RefreshButton title={common().refresh} onClick={view.refresh} />
        <Segments
          name={overview().stackBy}
          options={GROUPS.map((group) => ({
            value: group,
            label: common().by[group],
          }))}
          value={view.by}
          onChange={(group) => setParams({ by: group === 'resource' ? null : group })}
        />
      </div>
      <div class="toolbar">
        <RangePicker />
        <QueryBar attributes={view.attributes} names={names} />
      </div>
      <CompletenessLine odd={view.odd} />
      <Progress query={view.all} />
      {chart.data === undefined || chart.error !== null || chart.cancelled ? (
        <Failure query={view.all} what="totals" />
      ) : chart.data.summary.totals.sessions === 0 ? (
        <Nothing filtered={Object.keys(filters).length > 0} />
      ) : (
        <>
          <Figures totals={chart.data.summary.totals} before={view.odd.before.data} />
          <TrafficCard {...chart.data} stale={chart.loading} />
          <Odd odd={view.odd} />
          <div class="thirds">
            {GROUPS.map((group) => (
              <TopList key={group} group={group} query={view.top[group]} />
            ))}
          </div>
          <MatrixCard query={view.matrix} />
          <div class="halves">
            <RecentList
              orgId={orgId}
              title={overview().openNow}
              empty={overview().noneOpen}
              within={filters}
              filters={{ state: ['open'] }}
              span={span}
              refreshedMs={refreshedMs}
            />
            <RecentList
              orgId={orgId}
              title={overview().refusedAndUnanswered}
              empty={overview().allAnswered}
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
      title={filtered ? overview().nothingFiltered : overview().nothingHere}
      actions={
        <>
          {filtered && (
            <button type="button" class="button primary" onClick={() => setParams(onlyFilters({}))}>
              {common().clearFilters}
            </button>
          )}
          <button type="button" class={filtered ? 'button' : 'button primary'} onClick={wider}>
            {common().presets['30d']}
          </button>
          <a class="button" href={hrefOf('/sites')} onClick={followLink}>
            {common().sitesReporting}
          </a>
        </>
      }
    />
  )
}
