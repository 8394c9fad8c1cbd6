/** What is known to be lost: when, how much, and why. */
import type { Gap } from '../api/types.js'
import { formatBytes, plural } from '../format/bytes.js'
import { formatDateTime } from '../format/time.js'

const REASONS: Readonly<Record<string, string>> = {
  missing: 'batches that never arrived',
  spoolFull: 'the spool was full',
  recordQueueFull: 'the meter could not keep up',
  spoolDamaged: 'the spool was damaged',
  interfaceGone: 'the interface was gone',
  unmetered: 'the meter was not running',
}

export function reasonText(reason: string): string {
  return REASONS[reason] ?? reason
}

export function gapText(gap: Gap): string {
  const batches =
    gap.fromBatch === null
      ? ''
      : gap.fromBatch === gap.toBatch
        ? `, batch ${gap.fromBatch}`
        : `, batches ${gap.fromBatch} to ${gap.toBatch}`
  const lost =
    gap.sessions === null ? 'an unknown number of sessions' : plural(gap.sessions, 'session')
  const [from, to] = [formatDateTime(Date.parse(gap.from)), formatDateTime(Date.parse(gap.to))]
  const when = from === to ? from : `${from} to ${to}`
  if (gap.reason === 'unmetered') return `${when}: ${unmetered(gap)}`
  return `${when}: ${lost} lost, ${reasonText(gap.reason)}${batches}`
}

/** Nothing that is known was lost: nobody looked. */
function unmetered({ interface: name, bytes }: Gap): string {
  const passed = bytes === undefined ? '' : `; ${formatBytes(bytes)} passed`
  return `${reasonText('unmetered')}${name === undefined ? '' : ` on ${name}`}${passed}`
}

export function GapList({ gaps }: { gaps: readonly Gap[] }) {
  if (gaps.length === 0) return null
  return (
    <details class="gaps">
      <summary>{plural(gaps.length, 'gap')} in what was delivered</summary>
      <ul>
        {gaps.map((gap) => (
          <li key={`${gap.reason} ${gap.from} ${gap.fromBatch}`}>{gapText(gap)}</li>
        ))}
      </ul>
    </details>
  )
}
