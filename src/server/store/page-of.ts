/** A page from its rows, and one more if there is one. */
import type { Sort, SortKey } from './filter.js'
import type { LogRow, Page } from './session-log.js'

export function sortValue(row: LogRow, key: SortKey): number {
  if (key === 'startTime') return row.startTimeUs
  if (key === 'duration') return row.endTimeUs - row.startTimeUs
  if (key === 'bytesTx') return row.bytesTx ?? 0
  if (key === 'bytesRx') return row.bytesRx ?? 0
  return Math.min((row.bytesTx ?? 0) + (row.bytesRx ?? 0), Number.MAX_SAFE_INTEGER)
}

export function pageOf(rows: readonly LogRow[], sort: Sort, limit: number): Page {
  const more = rows.length > limit
  const kept = more ? rows.slice(0, limit) : rows
  const last = kept.at(-1)
  const next =
    more && last !== undefined
      ? { value: sortValue(last, sort.key), sessionId: last.sessionId }
      : null
  return { rows: kept, next }
}
