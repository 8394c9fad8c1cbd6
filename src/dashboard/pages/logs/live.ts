/**
 * Live mode: polls the first page and puts new sessions on top, unless somebody is reading.
 *
 * Signs of reading are the pointer or the focus on a row, open details, or a scrolled list. Then rows keep their place,
 * open sessions update in place, and a button counts the new sessions and brings them.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, isAbort } from '../../api/client.js'
import type { LogRow } from '../../api/types.js'

/** From an answer to the next poll. */
const POLL_MS = 1200
const POLL_FAILED_MS = 5000

export interface Live {
  readonly rows: readonly LogRow[]
  /** The number of sessions that arrived while somebody was reading and are not shown yet. */
  readonly held: number
  readonly fresh: ReadonlySet<string>
  release(): void
}

export interface LiveOptions {
  readonly enabled: boolean
  /** A key of the selection. A change drops late answers to the old one. */
  readonly selection: string
  /** The rows that the page loaded; live mode starts from them. */
  readonly loaded: readonly LogRow[] | undefined
  readonly poll: (signal: AbortSignal) => Promise<readonly LogRow[]>
  readonly isReading: () => boolean
}

const NONE: ReadonlySet<string> = new Set()

function idsOf(rows: readonly LogRow[]): Set<string> {
  return new Set(rows.map((row) => row.sessionId))
}

export function useLive(options: LiveOptions): Live {
  const { enabled, selection, loaded, poll, isReading } = options
  const [shown, setShown] = useState<readonly LogRow[]>(loaded ?? [])
  const [waiting, setWaiting] = useState<readonly LogRow[] | null>(null)
  const [fresh, setFresh] = useState(NONE)
  const latest = useRef({ shown, poll, isReading })
  latest.current = { shown, poll, isReading }

  useEffect(() => {
    setShown(loaded ?? [])
    setWaiting(null)
    setFresh(NONE)
  }, [loaded])

  const show = useCallback((rows: readonly LogRow[]) => {
    const known = idsOf(latest.current.shown)
    setFresh(new Set(rows.map((row) => row.sessionId).filter((id) => !known.has(id))))
    setShown(rows)
    setWaiting(null)
  }, [])

  const take = useCallback(
    (rows: readonly LogRow[]) => {
      const known = idsOf(latest.current.shown)
      const arrived = rows.some((row) => !known.has(row.sessionId))
      if (!arrived || !latest.current.isReading()) return show(rows)
      const updates = new Map(rows.map((row) => [row.sessionId, row]))
      setShown(latest.current.shown.map((row) => updates.get(row.sessionId) ?? row))
      setWaiting(rows)
    },
    [show],
  )

  const ready = loaded !== undefined
  useEffect(() => {
    if (!enabled || !ready) return
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout>
    const round = async () => {
      let pauseMs = POLL_MS
      try {
        if (!document.hidden) take(await latest.current.poll(abort.signal))
      } catch (error) {
        if (isAbort(error)) return
        // The shell shows an unreachable server, and the page's own load shows a refused query.
        if (!(error instanceof ApiError)) throw error
        pauseMs = POLL_FAILED_MS
      }
      if (!abort.signal.aborted) timer = setTimeout(round, pauseMs)
    }
    timer = setTimeout(round, POLL_MS)
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [enabled, ready, selection, take])

  const known = idsOf(shown)
  const held = waiting?.filter((row) => !known.has(row.sessionId)).length ?? 0
  const release = useCallback(() => {
    if (waiting !== null) show(waiting)
  }, [waiting, show])
  // Loaded rows must not wait for the effect that live mode starts from.
  return { rows: enabled ? shown : (loaded ?? []), held, fresh, release }
}
