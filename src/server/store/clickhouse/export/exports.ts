/**
 * Reads all rows under a filter, in order, with memory that does not grow with the answer.
 *
 * By time: a count by minute cuts the range into slices. By another key, or if one minute has too many rows: the rows are
 * first sorted into a table of the export's own, which is read in slices. Each slice is one query that is answered as a
 * whole or not at all, so a failure never ends as a shorter file.
 *
 * A session whose report arrives during the export is in it once, in either state. Names are those at its beginning.
 */
import { randomUUID } from 'node:crypto'
import type { Sort } from '../../filter.js'
import type { LogRow } from '../../session-log.js'
import { int } from '../../sql/sql.js'
import type { Client } from '../client.js'
import { orderBy } from '../read/pages.js'
import { ROW_COLUMNS, rowsOf, selectRows } from '../read/rows.js'
import { FROM, type Scope } from '../read/scope.js'

export const SLICE_ROWS = 20_000
/** A minute with more than FULL × sliceRows rows is sorted into a table. */
const FULL = 4
const MINUTE_US = 60e6
/** Tables of exports whose server was killed are removed after this time. */
const ABANDONED_HOURS = 24
export const EXPORT_TABLE = 'export_'

export interface Asked {
  readonly client: Client
  readonly scope: Scope
  readonly sort: Sort
  readonly sliceRows: number
  readonly signal?: AbortSignal | undefined
}

export async function* exportRows(asked: Asked): AsyncGenerator<readonly LogRow[]> {
  if (asked.sort.key !== 'startTime') {
    yield* byOrder(asked, '')
    return
  }
  for (const slice of await slicesOf(asked)) {
    const within = ` AND t.start_us >= ${int(slice.fromUs)} AND t.start_us < ${int(slice.toUs)}`
    if (slice.rows > asked.sliceRows * FULL) {
      yield* byOrder(asked, within)
      continue
    }
    const { client, scope, sort, signal } = asked
    const sql = `${selectRows(scope)} FROM ${FROM} WHERE ${scope.where()}${within} ${orderBy(sort)}`
    const rows = rowsOf(await client.columns(scope.orgId, sql, signal), scope.names)
    if (rows.length > 0) yield rows
  }
}

interface Slice {
  readonly fromUs: number
  readonly toUs: number
  readonly rows: number
}

/** Whole minutes, with about `sliceRows` rows together, in the order of the export. */
async function slicesOf({ client, scope, sort, sliceRows, signal }: Asked): Promise<Slice[]> {
  const counts = await client.rows(
    scope.orgId,
    `SELECT intDiv(t.start_us, ${MINUTE_US}) AS minute, count() FROM ${FROM} WHERE ${scope.where()}
     GROUP BY minute ORDER BY minute`,
    signal,
  )
  const slices: Slice[] = []
  for (const [minute, rows] of counts as [number, number][]) {
    const [fromUs, toUs] = [minute * MINUTE_US, (minute + 1) * MINUTE_US]
    const last = slices.at(-1)
    if (last !== undefined && last.rows + rows <= sliceRows)
      slices[slices.length - 1] = { ...last, toUs, rows: last.rows + rows }
    else slices.push({ fromUs, toUs, rows })
  }
  return sort.descending ? slices.reverse() : slices
}

/** Sorts the rows into a table, and reads it. @param within further conditions */
async function* byOrder(asked: Asked, within: string): AsyncGenerator<readonly LogRow[]> {
  const { client, scope, sort, sliceRows, signal } = asked
  const table = `${EXPORT_TABLE}${randomUUID().replaceAll('-', '')}`
  const sorted = `${selectRows(scope)} FROM ${FROM} WHERE ${scope.where()}${within} ${orderBy(sort)}`
  try {
    await client.run(
      `CREATE TABLE ${table} ENGINE = MergeTree ORDER BY place AS
       SELECT *, rowNumberInAllBlocks() AS place FROM (${sorted})`,
      {},
      signal,
    )
    for (let at = 0; ; at += sliceRows) {
      const sql = `SELECT ${ROW_COLUMNS} FROM ${table} WHERE place >= ${int(at)} AND place < ${int(at + sliceRows)} ORDER BY place`
      const rows = rowsOf(await client.columns(scope.orgId, sql, signal), scope.names)
      if (rows.length > 0) yield rows
      if (rows.length < sliceRows) return
    }
  } finally {
    await client.run(`DROP TABLE IF EXISTS ${table} SYNC`).catch(() => undefined)
  }
}

export async function removeAbandoned(client: Client): Promise<void> {
  const tables = await client.rows(
    '',
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, '${EXPORT_TABLE}')
     AND metadata_modification_time < now() - INTERVAL ${ABANDONED_HOURS} HOUR`,
  )
  for (const [name] of tables) await client.run(`DROP TABLE IF EXISTS ${name as string} SYNC`)
}
