import { useRef } from 'preact/hooks'
import { serverReachable } from '../api/client.js'
import { formatDuration, formatTicking } from '../format/time.js'
import { useStore } from '../state/store.js'
import { forms } from '../texts/language.js'
import { useNow } from './use-now.js'

/** The duration of an ended session, or the time since the start of an open one, updated every second. */
export function Duration({ seconds, startedMs }: { seconds: number | null; startedMs: number }) {
  if (seconds === null) return <Ticking startedMs={startedMs} />
  return <span title={`${forms().decimal(seconds, 3)} s`}>{formatDuration(seconds)}</span>
}

/** Stands still while the server is unreachable, because the session may have ended. */
function Ticking({ startedMs }: { startedMs: number }) {
  const nowMs = useNow()
  const reachable = useStore(serverReachable)
  const knownMs = useRef(nowMs)
  if (reachable) knownMs.current = nowMs
  const seconds = (knownMs.current - startedMs) / 1000
  return <span class={reachable ? 'ticking' : 'muted'}>{formatTicking(seconds)}</span>
}
