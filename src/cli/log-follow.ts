/**
 * `tunmeter log --follow`: polls the newest sessions every 2 s, prints a session when it appears and again when it has
 * ended. It remembers only the sessions of the last answer.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { type CommandContext, say } from '../base/context.js'
import { AppError } from '../base/errors.js'
import { type LogTarget, newestRows } from './log-page.js'
import type { LogRow } from './log-row.js'

const EVERY_MS = 2_000
/** A poll asks for the sessions of the last hour, and for older open ones that were printed; each up to a bound. */
const BACK_MS = 3600e3
const ROWS_MAX = 5_000
const OPEN_MAX = 500
/** The API takes at most this many ids in one request. */
const IDS_MAX = 100

/** Collects rows; flush() writes them. */
export interface RowPrinter {
  row(row: LogRow): void
  flush(): void
}

interface Following {
  readonly target: LogTarget
  readonly query: URLSearchParams
  readonly print: RowPrinter
  readonly context: CommandContext
  /** The sessions from before the first rows were loaded. --limit may have left some of them out. */
  readonly before: Seen
  /** The rows that are printed already. */
  readonly shown: readonly LogRow[]
}

/** By session id: whether the session was open when it was last seen. */
type Seen = ReadonlyMap<string, boolean>

/** Call it before the first rows are loaded: a session that arrives in between is among them, or it is new. */
export async function seenBefore(target: LogTarget, query: URLSearchParams): Promise<Seen> {
  return stateOf(await recent(target, query, new Map()))
}

/** Runs until a signal comes, or until the reader of standard output is gone. */
export async function followLog(following: Following): Promise<void> {
  const { target, query, print, context } = following
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
  context.stdout.once('error', () => ended.abort())
  let seen: Seen = new Map([...following.before, ...stateOf(following.shown)])
  let isAway = false
  let isMuch = false
  while (!ended.signal.aborted) {
    await wait(EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined)
    if (ended.signal.aborted) break
    try {
      const rows = await recent(target, query, seen)
      if (rows.length >= ROWS_MAX && !isMuch) {
        isMuch = true
        say(context, `more than ${ROWS_MAX} sessions an hour: only the newest are shown`)
      }
      for (const row of news(rows, seen)) print.row(row)
      print.flush()
      seen = stateOf(rows)
      if (isAway) say(context, 'the server answers again')
      isAway = false
    } catch (error) {
      if (!canPass(error)) throw error
      if (!isAway) say(context, `${error.message}; trying again`)
      isAway = true
    }
  }
}

function isOpen(row: LogRow): boolean {
  return row.duration === null
}

function stateOf(rows: readonly LogRow[]): Map<string, boolean> {
  return new Map(rows.map((row) => [row.sessionId, isOpen(row)]))
}

/** New sessions, and sessions that have ended since, oldest first. */
function news(rows: readonly LogRow[], seen: Seen): LogRow[] {
  const fresh = rows.filter((row) => {
    const wasOpen = seen.get(row.sessionId)
    return wasOpen === undefined || (wasOpen && !isOpen(row))
  })
  return fresh.sort((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime))
}

async function recent(target: LogTarget, filters: URLSearchParams, seen: Seen): Promise<LogRow[]> {
  const query = new URLSearchParams(filters)
  const from = Math.max(Date.now() - BACK_MS, Date.parse(query.get('timeStart') ?? '') || 0)
  query.set('timeStart', new Date(from).toISOString())
  query.set('count', 'false')
  query.set('completeness', 'false')
  const { rows } = await newestRows(target, query, ROWS_MAX)
  const found = new Set(rows.map((row) => row.sessionId))
  const open = [...seen].flatMap(([id, wasOpen]) => (wasOpen && !found.has(id) ? [id] : []))
  query.delete('timeStart')
  for (let at = 0; at < Math.min(open.length, OPEN_MAX); at += IDS_MAX) {
    query.set('sessionId', open.slice(at, at + IDS_MAX).join(','))
    rows.push(...(await newestRows(target, query, IDS_MAX)).rows)
  }
  return rows
}

/** True when the server is unreachable, starting or overloaded; false when it refuses the key or the filters. */
function canPass(error: unknown): error is AppError {
  if (!(error instanceof AppError)) return false
  if (error.code === 'SERVER_AWAY') return true
  const { status } = error.facts
  return error.code === 'SERVER_REFUSED' && typeof status === 'number' && status >= 500
}
