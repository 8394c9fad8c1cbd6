/**
 * The rows of the log, batch by batch. The batch that holds the address's row loads first; scrolling adds the one before
 * and the one after. Rows that are shown stay until the first batch of another selection arrives.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type KeptKind, keepAnswer, keptAnswer } from '../../api/kept-answers.js'
import type { LogAnswer, LogRow } from '../../api/types.js'
import { type Query, useQuery } from '../../api/use-query.js'
import { BATCH_ROWS, ROW_MAX } from '../../state/filters.js'
import type { QueryParams } from '../../state/url.js'

/** 10,000 rows. More lets go of those at the other end; they load again when one scrolls back. */
const BATCHES_MAX = 100

/** Where a batch begins. Beyond ROW_MAX only a cursor leads to it. */
interface Start {
  readonly first: number
  readonly cursor: string | null
}

interface Batch extends Start {
  readonly rows: readonly LogRow[]
  /** The cursor of the next batch; null: no row follows. */
  readonly next: string | null
}

interface Run {
  readonly key: string
  readonly batches: readonly Batch[]
}

export type Direction = 'before' | 'after'

export interface Rows {
  readonly query: Query<LogAnswer>
  /** A key of the selection and the batch that was loaded first. */
  readonly key: string
  /** Whether `rows` belong to the key, and not to the selection before. */
  readonly settled: boolean
  /** Undefined before the first answer. */
  readonly rows: readonly LogRow[] | undefined
  /** The number of the first of them, from 1. */
  readonly first: number
  readonly failed: Direction | null
  /** Whether rows may still come after these. */
  readonly goesOn: boolean
  /** Loads the batch before or after, if there is one. */
  more(direction: Direction): void
  /** The address's parameters for the place of this row. */
  placeOf(row: number): { readonly row: string | null; readonly after: string | null }
}

export interface RowsOptions {
  /** A key of everything but the row. */
  readonly of: string
  readonly row: number
  /** The cursor of the row's batch, in an address beyond ROW_MAX. */
  readonly cursor: string | null
  readonly load: (paging: QueryParams, signal: AbortSignal) => Promise<LogAnswer>
  readonly kind: KeptKind | undefined
}

function startOf(row: number, cursor: string | null): Start {
  const first = row - ((row - 1) % BATCH_ROWS)
  return { first, cursor: first > ROW_MAX ? cursor : null }
}

function pagingOf({ first, cursor }: Start): QueryParams {
  return { limit: BATCH_ROWS, ...(cursor === null ? { offset: first - 1 } : { cursor }) }
}

const keyOf = (of: string, { first }: Start) => JSON.stringify([of, first])

function batchOf(start: Start, answer: LogAnswer, known: readonly Batch[]): Batch {
  // A session that was reported late moves the others on, and a batch by number can then repeat some of them.
  const ids = new Set(known.flatMap(({ rows }) => rows.map(({ sessionId }) => sessionId)))
  const rows = answer.log.filter(({ sessionId }) => !ids.has(sessionId))
  return { ...start, rows, next: answer.pagination.nextCursor }
}

function nextStart({ batches }: Run, direction: Direction): Start | null {
  const [top, bottom] = [batches[0]!, batches.at(-1)!]
  if (direction === 'after')
    return bottom.next === null ? null : { first: bottom.first + BATCH_ROWS, cursor: bottom.next }
  const first = top.first - BATCH_ROWS
  return first < 1 || first > ROW_MAX ? null : { first, cursor: null }
}

function extended(batches: readonly Batch[], more: Batch, direction: Direction): readonly Batch[] {
  if (direction === 'before') return [more, ...batches].slice(0, BATCHES_MAX)
  return [...batches, more].slice(-BATCHES_MAX)
}

export function useRows({ of, row, cursor, load, kind }: RowsOptions): Rows {
  const [run, setRun] = useState<Run>({ key: '', batches: [] })
  const begun = useRef<{ of: string; start: Start } | null>(null)
  const { first } = startOf(row, cursor)
  const isLoaded = (start: Start, batch: number) =>
    (run.key === keyOf(of, start) ? run.batches : [start]).some((one) => one.first === batch)
  if (begun.current?.of !== of || !isLoaded(begun.current.start, first))
    begun.current = { of, start: startOf(row, cursor) }
  const { start } = begun.current
  const key = keyOf(of, start)
  const query = useQuery<LogAnswer>(key, (signal) => load(pagingOf(start), signal), kind)
  const settled = query.of === key
  const last = useRef(run)
  const shown = useMemo((): Run => {
    if (!settled || query.data === undefined) return last.current
    return run.key === key ? run : { key, batches: [batchOf(start, query.data, [])] }
  }, [settled, query.data, run, key])
  last.current = shown
  const rows = useMemo(() => shown.batches.flatMap((batch) => batch.rows), [shown])
  const { more, failed } = useMore({ of, shown, settled, load, kind, setRun })
  return {
    query,
    key,
    settled,
    rows: query.data === undefined ? undefined : rows,
    first: shown.batches[0]?.first ?? 1,
    failed,
    goesOn: failed === null && shown.batches.at(-1)?.next != null,
    more,
    placeOf: (at) => ({
      row: at === 1 ? null : String(at),
      after:
        shown.batches.findLast((batch) => batch.first <= at && batch.first > ROW_MAX)?.cursor ??
        null,
    }),
  }
}

interface MoreOptions extends Pick<RowsOptions, 'of' | 'load' | 'kind'> {
  readonly shown: Run
  readonly settled: boolean
  readonly setRun: (run: Run) => void
}

const nothingAsked = (key: string) => ({
  key,
  now: new Set<Direction>(),
  abort: new AbortController(),
})

/** One request at a time in each direction. */
function useMore({ of, shown, settled, load, kind, setRun }: MoreOptions) {
  const [failed, setFailed] = useState<Direction | null>(null)
  const latest = useRef({ shown, load })
  latest.current = { shown, load }
  const { key } = shown
  const asking = useRef(nothingAsked(key))
  if (asking.current.key !== key) {
    asking.current.abort.abort()
    asking.current = nothingAsked(key)
  }
  useEffect(() => () => asking.current.abort.abort(), [])
  const more = useCallback(
    async (direction: Direction) => {
      const asked = asking.current
      const start = settled ? nextStart(latest.current.shown, direction) : null
      if (start === null || asked.now.has(direction)) return
      const { signal } = asked.abort
      asked.now.add(direction)
      setFailed(null)
      try {
        const batchKey = keyOf(of, start)
        const kept = kind && (keptAnswer(kind, batchKey) as LogAnswer | undefined)
        const answer = kept ?? (await latest.current.load(pagingOf(start), signal))
        if (signal.aborted) return
        asked.now.delete(direction)
        if (kind !== undefined) keepAnswer(kind, batchKey, answer)
        const { batches } = latest.current.shown
        setRun({ key, batches: extended(batches, batchOf(start, answer, batches), direction) })
      } catch {
        // The frame says that the server is away; the list offers to try again.
        asked.now.delete(direction)
        if (!signal.aborted) setFailed(direction)
      }
    },
    [of, key, settled, kind],
  )
  return { more, failed }
}
