/** Bytes over time, sent above the line and received below it, stacked by group. Dragging chooses a time range. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatBytes } from '../../format/bytes.js'
import { formatDay, formatMinute } from '../../format/time.js'
import { utcOffset } from '../../format/zone.js'
import { useStore } from '../../state/store.js'
import { isDark } from '../../state/theme.js'
import { resolveColours } from './colours.js'
import { type Layer, stack } from './stack.js'

export interface ChartLayer extends Layer {
  readonly name: string
  /** A custom property's name, without its dashes. */
  readonly colour: string
}

export interface TrafficChartProps {
  /** Start of each interval. */
  readonly times: readonly string[]
  /** Length of an interval; approximate for months. */
  readonly stepMs: number
  readonly layers: readonly ChartLayer[]
  /** The text for screen readers. */
  readonly summary: string
  /** The interval under the pointer; null when there is none. */
  readonly onHover: (index: number | null) => void
  readonly onSelect: (startMs: number, endMs: number) => void
}

const HEIGHT = 280
const SELECT_MIN_PX = 6

export function TrafficChart(props: TrafficChartProps) {
  const host = useRef<HTMLDivElement>(null)
  const dark = useStore(isDark)
  const handlers = useRef(props)
  handlers.current = props
  const { times, layers, stepMs } = props

  useEffect(() => {
    const element = host.current
    if (element === null) return
    const chart = new uPlot(options(element, props, handlers), data(props), element)
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    observer.observe(element)
    return () => {
      observer.disconnect()
      chart.destroy()
    }
  }, [times, layers, stepMs, dark])

  return <div class="chart" ref={host} role="img" aria-label={props.summary} />
}

const startOf = (time: string) => Date.parse(time) / 1000

/** A bar's time is the middle of its interval, so that the bar nearest to the pointer is the bar under it. */
function data({ times, layers, stepMs }: TrafficChartProps): uPlot.AlignedData {
  const { up, down } = stack(layers)
  const seconds = times.map((time) => startOf(time) + stepMs / 2000)
  return [seconds, ...up, ...down] as uPlot.AlignedData
}

function options(
  element: HTMLElement,
  { times, layers, stepMs }: TrafficChartProps,
  handlers: { readonly current: TrafficChartProps },
): uPlot.Options {
  const names = [...layers.map(({ colour }) => colour), 'line', 'line-strong', 'ink-3']
  const colours = resolveColours(element, names)
  const bars = uPlot.paths.bars!({ size: [0.86, 40] })
  const outermostFirst = [...layers].reverse()
  const series = [...outermostFirst, ...outermostFirst].map(({ colour }) => ({
    fill: colours[colour]!,
    width: 0,
    paths: bars,
    points: { show: false },
  }))
  const font = `12px ${getComputedStyle(element).fontFamily}`
  const axis = { stroke: colours['ink-3']!, font, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 20, 0, 0],
    // Ticks at whole steps of the zone's clock.
    tzDate: (second) =>
      new Date(
        (second + (utcOffset(second * 1000) + new Date(second * 1000).getTimezoneOffset()) * 60) *
          1000,
      ),
    legend: { show: false },
    series: [{}, ...series],
    scales: {
      // From the start of the first interval to the end of the last: uPlot would cut the outer bars in half.
      x: { range: () => [startOf(times[0]!), startOf(times.at(-1)!) + stepMs / 1000] },
      y: { range: (_, min, max) => zeroRange(min, max) },
    },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_, splits, _axis, _space, step) => timeLabels(splits, step),
      },
      {
        ...axis,
        size: 68,
        grid: { stroke: colours.line!, width: 1 },
        values: (_, splits) => splits.map((bytes) => axisBytes(bytes)),
      },
    ],
    hooks: {
      draw: [(chart) => drawZero(chart, colours['line-strong']!)],
      setCursor: [(chart) => handlers.current.onHover(chart.cursor.idx ?? null)],
      setSelect: [(chart) => select(chart, handlers.current)],
    },
  }
}

/** `1.5 MB`, without trailing zeros. */
function axisBytes(bytes: number): string {
  return formatBytes(Math.abs(bytes))
    .replace(/(\.\d*?)0+ /, '$1 ')
    .replace('. ', ' ')
}

const DAY_SECONDS = 86_400

/** Clock times, with the day below the first and below each first time of a day. Steps of a day or more: days only. */
function timeLabels(splits: readonly number[], stepSeconds: number): string[] {
  return splits.map((second, i) => {
    const ms = second * 1000
    if (stepSeconds >= DAY_SECONDS) return formatDay(ms)
    const newDay = i === 0 || formatDay(ms) !== formatDay(splits[i - 1]! * 1000)
    return newDay ? `${formatMinute(ms)}\n${formatDay(ms)}` : formatMinute(ms)
  })
}

function zeroRange(min: number, max: number): [number, number] {
  const room = 1.06
  return [Math.min(0, min ?? 0) * room, Math.max(1, max ?? 0) * room]
}

function drawZero(chart: uPlot, colour: string): void {
  const { ctx, bbox } = chart
  const y = Math.round(chart.valToPos(0, 'y', true)) + 0.5
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = 1
  ctx.beginPath()
  ctx.moveTo(bbox.left, y)
  ctx.lineTo(bbox.left + bbox.width, y)
  ctx.stroke()
  ctx.restore()
}

function select(chart: uPlot, { onSelect }: TrafficChartProps): void {
  const { left, width } = chart.select
  if (width < SELECT_MIN_PX) return
  const at = (px: number) => chart.posToVal(px, 'x') * 1000
  onSelect(at(left), at(left + width))
}
