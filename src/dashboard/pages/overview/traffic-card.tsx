/** The chart and its legend. The legend has the bytes of the interval under the pointer, or of the whole range. */

import { useCallback, useMemo, useState } from 'preact/hooks'
import type { Summary } from '../../api/types.js'
import { formatBytes } from '../../format/bytes.js'
import { DAY, formatDateTime } from '../../format/time.js'
import { seriesColour } from '../../parts/chart/colours.js'
import { type ChartLayer, TrafficChart } from '../../parts/chart/traffic-chart.js'
import { Bytes } from '../../parts/quantity.js'
import type { Group } from '../../state/groups.js'
import { groupFilter, groupName } from '../../state/groups.js'
import { rangeParams } from '../../state/range.js'
import { followLink, setParams } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { overview } from '../../texts/overview.js'
import { mergeBars } from './interval.js'
import { logsHref } from './logs-href.js'
import type { Chart } from './use-overview.js'

const MONTH_MS = 30 * DAY

export interface TrafficCardProps extends Chart {
  readonly stale: boolean
}

export function TrafficCard({ summary, group, interval, stale }: TrafficCardProps) {
  const [hovered, setHovered] = useState<number | null>(null)
  const { times, series } = useMemo(() => mergeBars(summary, interval), [summary, interval])
  const layers = useMemo(() => layersOf(summary, series, group), [summary, series, group])
  const select = useCallback(
    (startMs: number, endMs: number) =>
      setParams(
        rangeParams({ kind: 'custom', startMs: Math.floor(startMs), endMs: Math.ceil(endMs) }),
      ),
    [],
  )
  const { totals } = summary
  const text = overview().trafficSummary(
    formatBytes(totals.bytesTx),
    formatBytes(totals.bytesRx),
    totals.sessions,
  )
  const at = hovered === null ? undefined : times[hovered]
  return (
    <section class={stale ? 'card traffic stale' : 'card traffic'} aria-label={overview().traffic}>
      <div class="card-head">
        <h2>{overview().traffic}</h2>
        <span class="muted hint">{overview().trafficHint(overview().bars[interval.bar])}</span>
        <span class="space" />
        <span class="muted hint figures">
          {at === undefined
            ? overview().wholeRange
            : overview().fromTime(formatDateTime(Date.parse(at)))}
        </span>
      </div>
      <div class="card-body">
        {times.length > 0 ? (
          <TrafficChart
            times={times}
            stepMs={interval.barMs || MONTH_MS}
            layers={layers}
            summary={text}
            onHover={setHovered}
            onSelect={select}
          />
        ) : (
          <div class="chart" />
        )}
        <Legend summary={summary} series={series} group={group} hovered={hovered} />
      </div>
    </section>
  )
}

function layersOf(summary: Summary, series: Summary['series'], group: Group): ChartLayer[] {
  return series.map((one, index) => {
    const row = summary.groups[index]!
    return {
      name: groupName(group, row),
      colour: seriesColour(index, row.other),
      bytesTx: one.bytesTx,
      bytesRx: one.bytesRx,
    }
  })
}

interface LegendProps {
  readonly summary: Summary
  /** The series as drawn, after mergeBars. */
  readonly series: Summary['series']
  readonly group: Group
  readonly hovered: number | null
}

function Legend({ summary, series, group, hovered }: LegendProps) {
  return (
    <ul class="legend">
      {summary.groups.map((row, index) => {
        const sent = hovered === null ? row.bytesTx : (series[index]?.bytesTx[hovered] ?? 0)
        const received = hovered === null ? row.bytesRx : (series[index]?.bytesRx[hovered] ?? 0)
        const name = groupName(group, row)
        const filter = groupFilter(group, row)
        const label = (
          <>
            <span class={`swatch ${seriesColour(index, row.other)}`} />
            <span class="legend-name">{name}</span>
            <span class="legend-numbers figures">
              <span aria-hidden="true">↑</span>
              <span class="visually-hidden">{common().sent}</span> <Bytes bytes={sent} />{' '}
              <span aria-hidden="true">↓</span>
              <span class="visually-hidden">{common().received}</span> <Bytes bytes={received} />
            </span>
          </>
        )
        return (
          <li key={row.other ? 'other' : row.id}>
            {filter === null ? (
              <span class="legend-item">{label}</span>
            ) : (
              <a class="legend-item" href={logsHref(filter)} onClick={followLink}>
                {label}
              </a>
            )}
          </li>
        )
      })}
    </ul>
  )
}
