import { formatDuration, formatTicking } from '../format/time.js'
import { useNow } from './use-now.js'

/** Of an ended session the exact span; of an open one the time since its start, ticking. */
export function Duration({ seconds, startedMs }: { seconds: number | null; startedMs: number }) {
  if (seconds === null) return <Ticking startedMs={startedMs} />
  return <span title={`${seconds.toFixed(3)} s`}>{formatDuration(seconds)}</span>
}

function Ticking({ startedMs }: { startedMs: number }) {
  return <span class="ticking">{formatTicking((useNow() - startedMs) / 1000)}</span>
}
