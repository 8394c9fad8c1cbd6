/**
 * Loads an answer for a page. The old answer stays while a new one loads. A request counts as slow after 1.5 s and can be
 * cancelled. When the server is unreachable, the request repeats after 1 to 15 s. Answers of a kept kind are shown again
 * from memory (kept-answers.ts).
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { messageOf } from '../../base/errors.js'
import { ApiError, isAbort, serverReachable } from './client.js'
import { type KeptKind, keepAnswer, keptAnswer } from './kept-answers.js'

const SLOW_AFTER_MS = 1500
const RETRY_FIRST_MS = 1000
const RETRY_MAX_MS = 15_000

interface State<T> {
  /** The latest answer; of an earlier key while `loading`. */
  readonly data: T | undefined
  /** The key that `data` answers. */
  readonly of: string | null
  readonly error: ApiError | null
  readonly loading: boolean
  readonly slow: boolean
  readonly cancelled: boolean
  /** Time of the next automatic attempt, in milliseconds since 1970; null when none is planned. */
  readonly retryAtMs: number | null
}

export interface Query<T> extends State<T> {
  cancel(): void
  reload(): void
  /** Replaces the answer by a newer one, such as the server's answer to an edit. */
  update(change: (data: T) => T): void
}

const IDLE = { error: null, loading: false, slow: false, cancelled: false, retryAtMs: null }

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError(-1, messageOf(error))
}

/**
 * @param key everything that the answer depends on; a change loads again, null loads nothing.
 * @param load its signal aborts when the answer is no longer needed.
 * @param kind absent: only the last answer is kept. Queries of one kind with equal keys have equal answers.
 */
export function useQuery<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  kind?: KeptKind,
): Query<T> {
  const [state, setState] = useState<State<T>>({
    data: undefined,
    of: null,
    ...IDLE,
    loading: key !== null,
  })
  const [round, setRound] = useState(0)
  const loader = useRef(load)
  loader.current = load
  const controller = useRef<AbortController | null>(null)
  const answered = useRef<{ key: string; round: number; data: T } | null>(null)
  const asked = useRef({ key: null as string | null, round: 0 })
  const kept = kind === undefined || key === null ? undefined : (keptAnswer(kind, key) as T)

  useEffect(() => {
    if (key === null) {
      setState((old) => ({ data: old.data, of: old.of, ...IDLE }))
      return
    }
    const last = answered.current
    const again = asked.current.round !== round
    asked.current = { key, round }
    // The reader went back or cancelled, and the answer is still here.
    const here = last?.key === key && last.round === round ? last.data : again ? undefined : kept
    if (here !== undefined) {
      setState({ data: here, of: key, ...IDLE })
      return
    }
    const abort = new AbortController()
    controller.current = abort
    let timer: ReturnType<typeof setTimeout> | undefined
    let unsubscribe = () => {}
    const attempt = async (retryMs: number) => {
      if (abort.signal.aborted) return
      clearTimeout(timer)
      unsubscribe()
      setState((old) => ({ ...old, loading: true, slow: false, cancelled: false, retryAtMs: null }))
      timer = setTimeout(() => setState((old) => ({ ...old, slow: true })), SLOW_AFTER_MS)
      try {
        const data = await loader.current(abort.signal)
        if (!abort.signal.aborted) {
          answered.current = { key, round, data }
          if (kind !== undefined) keepAnswer(kind, key, data)
          setState({ data, of: key, ...IDLE })
        }
      } catch (cause) {
        if (isAbort(cause) || abort.signal.aborted) return
        const error = asApiError(cause)
        const retryAtMs = error.temporary ? Date.now() + retryMs : null
        setState((old) => ({ data: old.data, of: old.of, ...IDLE, error, retryAtMs }))
        clearTimeout(timer)
        const nextMs = Math.min(retryMs * 2, RETRY_MAX_MS)
        if (!error.temporary) return
        timer = setTimeout(() => attempt(nextMs), retryMs)
        // Another request may reach the server earlier.
        unsubscribe = serverReachable.subscribe(() => {
          if (serverReachable.get()) attempt(nextMs)
        })
        return
      }
      clearTimeout(timer)
    }
    attempt(RETRY_FIRST_MS)
    return () => {
      clearTimeout(timer)
      unsubscribe()
      abort.abort()
    }
  }, [key, round])

  const cancel = useCallback(() => {
    controller.current?.abort()
    setState((old) => ({ data: old.data, of: old.of, ...IDLE, cancelled: true }))
  }, [])
  const reload = useCallback(() => setRound((n) => n + 1), [])
  const update = useCallback((change: (data: T) => T) => {
    setState((old) => (old.data === undefined ? old : { ...old, data: change(old.data) }))
  }, [])
  // Effects run after the paint, and a kept answer must not wait for them.
  const shown =
    kept !== undefined && asked.current.key !== key ? { data: kept, of: key, ...IDLE } : state
  return { ...shown, cancel, reload, update }
}

/**
 * Loads again `everyMs` after each answer. The returned query is `loading` only until its first answer, because a
 * refresh in the background needs no moving line.
 */
export function useRefresh<T>(query: Query<T>, everyMs: number): Query<T> {
  const { data, loading, reload } = query
  useEffect(() => {
    if (loading) return
    const timer = setTimeout(reload, everyMs)
    return () => clearTimeout(timer)
  }, [loading, reload, everyMs])
  return { ...query, loading: loading && data === undefined }
}

/** The main query, with a Cancel and a "Try again" that act on all queries of the page. */
export function cancelTogether<T>(main: Query<T>, others: readonly Query<unknown>[]): Query<T> {
  const all = [main, ...others]
  return {
    ...main,
    cancel: () => {
      for (const one of all) one.cancel()
    },
    reload: () => {
      for (const one of all) one.reload()
    },
  }
}
