/** A site in the time range: each meter's metered time, its holes, and its packets compared with the kernel's count. */

import type { Completeness, MeterCompleteness, SiteCompleteness } from '../../api/types.js'
import { formatDay, formatMinute } from '../../format/time.js'
import { holeText, kindOf } from '../../parts/completeness-text.js'
import { forms } from '../../texts/language.js'
import { sites } from '../../texts/sites.js'

/** A replaced meter stays in the list as silent, so the list can be long. */
const METERS_SHOWN_MAX = 10
const HOLES_SHOWN_MAX = 50

export interface CoverageProps {
  readonly site: SiteCompleteness
  readonly of: Pick<Completeness, 'from' | 'to'>
}

export function Coverage({ site, of }: CoverageProps) {
  const worstFirst = [...site.meters].sort((a, b) => a.coveredShare - b.coveredShare)
  const rest = worstFirst.length - METERS_SHOWN_MAX
  return (
    <div class="card-body coverage">
      {worstFirst.slice(0, METERS_SHOWN_MAX).map((meter) => (
        <MeterCoverage key={meter.meterId} meter={meter} of={of} />
      ))}
      {rest > 0 && <p class="muted hint">{sites().moreMeters(rest)}</p>}
    </div>
  )
}

function MeterCoverage({ meter, of }: { meter: MeterCompleteness; of: CoverageProps['of'] }) {
  const { interface: name, coveredShare, reconciled, holes } = meter
  const share = shareText(coveredShare)
  return (
    <div class="coverage-meter">
      <p class="coverage-head">
        <strong>{name ?? sites().noMeter}</strong>
        <span>{sites().metered(share)}</span>
        {reconciled !== null && (
          <span class={reconciled.packets === reconciled.ofPackets ? '' : 'wrong'}>
            {sites().reconciled(reconciled.packets, reconciled.ofPackets)}
          </span>
        )}
      </p>
      <Strip meter={meter} of={of} label={sites().strip(share, holes.length)} />
      {holes.length > 0 && (
        <details class="gaps">
          <summary>{sites().holes(holes.length)}</summary>
          <ul>
            {holes.slice(0, HOLES_SHOWN_MAX).map((hole) => (
              <li key={`${hole.cause} ${hole.from} ${hole.to}`}>{holeText(hole)}</li>
            ))}
            {holes.length > HOLES_SHOWN_MAX && (
              <li>{sites().moreHoles(holes.length - HOLES_SHOWN_MAX)}</li>
            )}
          </ul>
        </details>
      )}
    </div>
  )
}

/** Rounded down, so that less than all is never 100 %. */
function shareText(share: number): string {
  return share === 1 ? sites().all : `${forms().decimal(Math.floor(share * 1000) / 10, 1)} %`
}

interface StripProps extends Pick<CoverageProps, 'of'> {
  readonly meter: MeterCompleteness
  readonly label: string
}

/** An SVG, because its widths come from data (see ShareBar). */
function Strip({ meter, of, label }: StripProps) {
  const [fromMs, toMs] = [Date.parse(of.from), Date.parse(of.to)]
  const place = (iso: string) => ((Date.parse(iso) - fromMs) / Math.max(1, toMs - fromMs)) * 100
  const rect = (kind: string, from: string, to: string) => (
    <rect
      key={`${kind} ${from} ${to}`}
      class={`strip-${kind}`}
      x={`${place(from)}%`}
      width={`${Math.max(0.2, place(to) - place(from))}%`}
      height="100%"
    />
  )
  return (
    <div class="strip">
      <svg role="img" aria-label={label}>
        {rect('metered', of.from, meter.until)}
        {meter.holes.map((hole) => rect(kindOf(hole), hole.from, hole.to))}
      </svg>
      <p class="hint muted" aria-hidden="true">
        <span>{timeText(fromMs)}</span>
        <span>{timeText(toMs)}</span>
      </p>
    </div>
  )
}

const timeText = (ms: number) => `${formatDay(ms)}, ${formatMinute(ms)}`
