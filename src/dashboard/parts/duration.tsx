import { useRef } from 'preact/hooks'
import { serverReachable } from '../api/client.js'
import { formatDuration, formatTicking } from '../format/time.js'
import { useStore } from '../state/store.js'
import { useNow } from './use-now.js'

/** Of an ended session the exact span; of an open one the time since its start, ticking. */
export function Duration({ seconds, startedMs }: { seconds: number | null; startedMs: number }) {
  if (seconds === null) return <Ticking startedMs={startedMs} />
  return <span title={`${seconds.toFixed(3)} s`}>{formatDuration(seconds)}</span>
}

/** Nobody knows whether it is still open while the server is away: then it stands. */
function Ticking({ startedMs }: { startedMs: number }) {
  const nowMs = useNow()
  const reachable = useStore(serverReachable)
  const knownMs = useRef(nowMs)
  if (reachable) knownMs.current = nowMs
  const seconds = (knownMs.current - startedMs) / 1000
  return <span class={reachable ? 'ticking' : 'muted'}>{formatTicking(seconds)}</span>
}
