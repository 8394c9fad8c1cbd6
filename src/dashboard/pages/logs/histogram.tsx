/** The bars above the rows: selected sessions over time by outcome, hatched where data is missing. Dragging zooms. */

import { useId, useMemo, useState } from 'preact/hooks'
import { completeness } from '../../api/completeness.js'
import type { Histogram as Bars, SummaryTotals } from '../../api/types.js'
import { formatBytes, formatCount } from '../../format/bytes.js'
import { formatDay, formatMinute } from '../../format/time.js'
import { Segments } from '../../parts/segments.js'
import type { Span } from '../../state/range.js'
import { useStore } from '../../state/store.js'
import { setParams } from '../../state/url.js'
import { moveBy, zoomTo } from '../../state/zoom.js'
import { logs } from '../../texts/logs.js'
import { session } from '../../texts/session.js'
import {
  ghostOf,
  hatchesOf,
  type Measure,
  OUTCOMES,
  piecesOf,
  spanOfBar,
  spanOfBars,
  ticksOf,
  totalOf,
  weekBefore,
  widthText,
} from './bars.js'
import { Sums } from './sums.js'

const HEIGHT = 64
/** The share of its place that a bar fills. */
const BAR_WIDTH = 0.86
/** A shorter drag is a click. */
const DRAG_MIN_PX = 4

export interface HistogramProps {
  /** Undefined before the first answer; of an earlier selection while `stale`. */
  readonly data: Bars | undefined
  readonly stale: boolean
  /** The bars of the week before; null: not asked for. */
  readonly earlier: Bars | undefined | null
  readonly measure: Measure
  readonly span: Span
  readonly siteIds: readonly string[] | undefined
  readonly totals: SummaryTotals | undefined
}

export function Histogram(props: HistogramProps) {
  const { data, stale, earlier, measure, totals } = props
  const ghost = data && earlier ? weekBefore(earlier, data, measure) : null
  return (
    <section class="histogram" aria-label={logs().overTime} aria-busy={stale}>
      <div class="histogram-head">
        {totals !== undefined && totals.sessions > 0 && <Sums totals={totals} />}
        {data !== undefined && <Legend data={data} measure={measure} />}
        <span class="space" />
        {data !== undefined && (
          <span class="muted">{logs().perBar(widthText(data.barSeconds))}</span>
        )}
        <button
          type="button"
          class={earlier === null ? 'button small' : 'button small active'}
          aria-pressed={earlier !== null}
          title={logs().weekBeforeTitle}
          onClick={() => setParams({ ghost: earlier === null ? '1' : null })}
        >
          {logs().weekBefore}
        </button>
        <Segments
          name={logs().barsShow}
          options={[
            { value: 'sessions', label: logs().sessions },
            { value: 'bytes', label: logs().bytes },
          ]}
          value={measure}
          onChange={(value) => setParams({ bars: value === 'bytes' ? value : null })}
        />
      </div>
      {data === undefined ? (
        <div class="histogram-plot" />
      ) : (
        <Plot {...props} data={data} ghost={ghost} />
      )}
      {data !== undefined && <BarTable data={data} ghost={ghost} measure={measure} />}
    </section>
  )
}

function Legend({ data, measure }: { data: Bars; measure: Measure }) {
  return (
    <ul class="outcomes" aria-label={logs().byOutcome}>
      {[...OUTCOMES].reverse().map((outcome) => (
        <li key={outcome}>
          <svg class="swatch" aria-hidden="true">
            <rect class={`bar-${outcome}`} width="100%" height="100%" />
          </svg>
          {session().groups[outcome]}{' '}
          <span class="figures">{amount(measure, totalOf(data, outcome, measure))}</span>
        </li>
      ))}
    </ul>
  )
}

type Ghost = readonly number[] | null

type PlotProps = Omit<HistogramProps, 'data'> & { readonly data: Bars; readonly ghost: Ghost }

/** A drag under way: its first and its latest bar. */
interface Drag {
  readonly startPx: number
  readonly from: number
  readonly to: number
  readonly far: boolean
}

function Plot({ data, ghost, measure, span, siteIds }: PlotProps) {
  const hint = useId()
  const [drag, setDrag] = useState<Drag | null>(null)
  const barAt = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const share = (event.clientX - box.left) / box.width
    return Math.min(data.bars - 1, Math.max(0, Math.floor(share * data.bars)))
  }
  const zoom = (from: number, to: number) =>
    zoomTo({
      startMs: Math.max(span.startMs, spanOfBar(data, Math.min(from, to)).startMs),
      endMs: Math.min(span.endMs, spanOfBar(data, Math.max(from, to)).endMs),
    })
  return (
    // biome-ignore lint/a11y/useSemanticElements: it holds marks, not form fields.
    <div
      class="histogram-plot"
      role="group"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys move the time range.
      tabIndex={0}
      aria-label={logs().timeRange}
      aria-describedby={hint}
      onKeyDown={(event) => onPlotKey(event, data, span)}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        const bar = barAt(event)
        setDrag({ startPx: event.clientX, from: bar, to: bar, far: false })
      }}
      onPointerMove={(event) => {
        if (drag === null) return
        const far = drag.far || Math.abs(event.clientX - drag.startPx) >= DRAG_MIN_PX
        setDrag({ ...drag, to: barAt(event), far })
      }}
      onPointerUp={() => {
        if (drag?.far) zoom(drag.from, drag.to)
        setDrag(null)
      }}
      onPointerCancel={() => setDrag(null)}
    >
      <p class="visually-hidden" id={hint}>
        {logs().barKeys}
      </p>
      <svg aria-hidden="true">
        <DrawnBars data={data} ghost={ghost} measure={measure} />
        <DrawnHatches data={data} siteIds={siteIds} />
        {drag?.far && (
          <rect
            class="drag"
            x={`${(Math.min(drag.from, drag.to) / data.bars) * 100}%`}
            width={`${((Math.abs(drag.to - drag.from) + 1) / data.bars) * 100}%`}
            height={HEIGHT}
          />
        )}
      </svg>
      <Ticks data={data} />
    </div>
  )
}

/** No text of the SVG, because nothing can tell the contrast of text upon a picture. */
function Ticks({ data }: { data: Bars }) {
  const span = spanOfBars(data)
  return (
    <div class="ticks" aria-hidden="true">
      {ticksOf(span).map(({ ms, text }) => {
        const x = ((ms - span.startMs) / (span.endMs - span.startMs)) * 100
        const anchor = x < 4 ? 'start' : x > 96 ? 'end' : 'middle'
        return (
          <span key={ms} class={anchor} style={{ left: `${x}%` }}>
            {text}
          </span>
        )
      })}
    </div>
  )
}

function onPlotKey(event: KeyboardEvent, data: Bars, span: Span): void {
  const lengthMs = span.endMs - span.startMs
  const stepMs = event.shiftKey ? lengthMs : data.barSeconds * 1000
  const around = (factor: number) => ({
    startMs: span.startMs + (lengthMs * (1 - factor)) / 2,
    endMs: Math.min(span.endMs - (lengthMs * (1 - factor)) / 2, Date.now()),
  })
  const acts: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => moveBy(-stepMs),
    ArrowRight: () => moveBy(stepMs),
    ArrowUp: () => zoomTo(around(0.5)),
    ArrowDown: () => zoomTo(around(2)),
  }
  const act = acts[event.key]
  if (act === undefined) return
  event.preventDefault()
  act()
}

interface DrawnProps {
  readonly data: Bars
  readonly ghost: Ghost
  readonly measure: Measure
}

function DrawnBars({ data, ghost, measure }: DrawnProps) {
  return useMemo(() => {
    const room = 100 / data.bars
    return (
      <g>
        {ghostOf(data, measure, ghost ?? []).map((height, bar) => (
          <rect
            key={`ghost ${bar}`}
            class="bar-ghost"
            x={`${bar * room}%`}
            width={`${room}%`}
            y={(1 - height) * HEIGHT}
            height={height * HEIGHT}
          />
        ))}
        {piecesOf(data, measure, ghost ?? []).map(({ outcome, bar, from, height }) => (
          <rect
            key={`${bar} ${outcome}`}
            class={`bar-${outcome}`}
            x={`${(bar + (1 - BAR_WIDTH) / 2) * room}%`}
            width={`${room * BAR_WIDTH}%`}
            y={(1 - from - height) * HEIGHT}
            height={height * HEIGHT}
          />
        ))}
        {Array.from({ length: data.bars }, (_, bar) => (
          <rect class="bar-room" key={bar} x={`${bar * room}%`} width={`${room}%`} height={HEIGHT}>
            <title>
              {barText(data, bar)}
              {ghost && `. ${logs().weekBefore}: ${amount(measure, ghost[bar]!)}`}
            </title>
          </rect>
        ))}
      </g>
    )
  }, [data, ghost?.join(), measure])
}

function amount(measure: Measure, value: number): string {
  return measure === 'bytes' ? formatBytes(value) : formatCount(value)
}

function DrawnHatches({ data, siteIds }: { data: Bars; siteIds: readonly string[] | undefined }) {
  const answer = useStore(completeness)
  const span = spanOfBars(data)
  const share = (ms: number) => ((ms - span.startMs) / (span.endMs - span.startMs)) * 100
  return (
    <g class="holes">
      {hatchesOf(answer, siteIds, span).map(({ kind, startMs, endMs }) => (
        <rect
          key={`${kind} ${startMs} ${endMs}`}
          class={`strip-${kind}`}
          x={`${share(startMs)}%`}
          width={`${Math.max(0.15, share(endMs) - share(startMs))}%`}
          height={HEIGHT}
        />
      ))}
    </g>
  )
}

function timeText(data: Bars, bar: number): string {
  const { startMs, endMs } = spanOfBar(data, bar)
  return `${formatDay(startMs)}, ${formatMinute(startMs)} – ${formatMinute(endMs)}`
}

function barText(data: Bars, bar: number): string {
  const { outcomes } = data
  const sum = (measure: Measure) => OUTCOMES.reduce((n, one) => n + outcomes[one][measure][bar]!, 0)
  const parts = [...OUTCOMES]
    .reverse()
    .filter((one) => outcomes[one].sessions[bar]! > 0)
    .map((one) => `${formatCount(outcomes[one].sessions[bar]!)} ${session().groupsWithin[one]}`)
  const [sessions, bytes] = [sum('sessions'), formatBytes(sum('bytes'))]
  return logs().bar(timeText(data, bar), sessions, parts.join(', '), bytes)
}

/** The bars that are not empty, as a table for screen readers. */
function BarTable({ data, ghost, measure }: DrawnProps) {
  return useMemo(() => {
    const { outcomes } = data
    const bars = Array.from({ length: data.bars }, (_, bar) => bar).filter((bar) =>
      OUTCOMES.some((one) => outcomes[one].sessions[bar]! > 0),
    )
    if (bars.length === 0) return null
    return (
      <div class="visually-hidden">
        <table>
          <caption>{logs().byOutcomeTable}</caption>
          <thead>
            <tr>
              <th scope="col">{logs().time}</th>
              {OUTCOMES.map((one) => (
                <th scope="col" key={one}>
                  {session().groups[one]}
                </th>
              ))}
              <th scope="col">{logs().bytes}</th>
              {ghost && <th scope="col">{logs().weekBefore}</th>}
            </tr>
          </thead>
          <tbody>
            {bars.map((bar) => (
              <tr key={bar}>
                <th scope="row">{timeText(data, bar)}</th>
                {OUTCOMES.map((one) => (
                  <td key={one}>{formatCount(outcomes[one].sessions[bar]!)}</td>
                ))}
                <td>
                  {formatBytes(OUTCOMES.reduce((sum, one) => sum + outcomes[one].bytes[bar]!, 0))}
                </td>
                {ghost && <td>{amount(measure, ghost[bar]!)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )
  }, [data, ghost?.join(), measure])
}
