/** The last day of one number, with its latest and its highest value in words. */
import { sites } from '../../texts/sites.js'

export interface SparklineProps {
  readonly label: string
  readonly points: readonly { readonly at: string; readonly value: number }[]
  readonly format: (value: number) => string
}

const WIDTH = 240
const HEIGHT = 36
const PAD = 2

export function Sparkline({ label, points, format }: SparklineProps) {
  const last = points.at(-1)
  if (last === undefined) return null
  const highest = Math.max(...points.map(({ value }) => value))
  return (
    <figure class="spark">
      <figcaption>
        {label}
        <span class="figures">
          {format(last.value)} <span class="muted">{sites().highest(format(highest))}</span>
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <polyline points={pathOf(points, highest)} />
      </svg>
    </figure>
  )
}

function pathOf(points: SparklineProps['points'], highest: number): string {
  const times = points.map(({ at }) => Date.parse(at))
  const first = times[0]!
  const spanMs = Math.max(1, times[times.length - 1]! - first)
  const room = HEIGHT - 2 * PAD
  const coordinates = points.map(({ value }, i) => {
    const x = ((times[i]! - first) / spanMs) * WIDTH
    const y = HEIGHT - PAD - (value / Math.max(1, highest)) * room
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  // One point alone is drawn as a level line.
  return points.length === 1
    ? `${coordinates[0]} ${WIDTH},${coordinates[0]!.split(',')[1]}`
    : coordinates.join(' ')
}
