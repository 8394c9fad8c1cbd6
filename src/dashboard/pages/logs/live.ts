/**
 * Live mode: the first page is asked for again and again, and what is new is put on top - unless somebody is reading.
 *
 * Reading is: the pointer or the focus on a row, an open drawer, or a scrolled list. Then rows stay where they are, open
 * ones are updated in place, and what is new is counted in a button that brings it. So nothing moves under the eye.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, isAbort } from '../../api/client.js'
import type { LogRow } from '../../api/types.js'

/** With the answer's own time it stays below the promised 2 s. */
const POLL_MS = 1200
const POLL_FAILED_MS = 5000

export interface Live {
  readonly rows: readonly LogRow[]
  /** Arrived while somebody was reading; not shown yet. */
  readonly held: number
  readonly fresh: ReadonlySet<string>
  release(): void
}

export interface LiveOptions {
  readonly enabled: boolean
  /** What is asked for: of another selection no late answer may be shown. */
  readonly selection: string
  /** What the page loaded; live mode starts from it. */
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
        // The shell says that the server is away; a refusal of the query itself is shown by the page's own load.
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
  return { rows: shown, held, fresh, release }
}
