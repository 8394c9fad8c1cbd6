/** Sessions over time by outcome: bars of equal width, at most as many as requested. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { OUTCOME_STATES } from '../../../../session/outcome-groups.js'
import { type BarRow, barsOf, histogramOf } from '../../bars.js'
import type { Histogram, HistogramRequest } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { HOUR_US, rolledUpTo } from '../write/rollup.js'
import { Sql } from './sql-parts.js'
import { sumSources } from './where.js'

const inTexts = (texts: readonly string[]) => texts.map((text) => `'${text}'`).join(', ')

export async function histogram(
  connection: DuckDBConnection,
  orgId: string,
  { filter, bars, offsetUs }: HistogramRequest,
  nowUs: number,
): Promise<Histogram> {
  const { originUs, widthUs, count } = barsOf(filter, bars, offsetUs)
  const rolled = await rolledUpTo(connection)
  const sql = new Sql()
  const isOfHours = widthUs % HOUR_US === 0 && originUs % HOUR_US === 0
  const scope = { group: isOfHours ? ('connState' as const) : undefined, rolled }
  const parts = sumSources(sql, orgId, filter, nowUs, scope).map(
    (s) => `SELECT (t.start_us - ${int(originUs)}) // ${int(widthUs)} AS bar,
       CASE WHEN ${s.open} THEN 'open'
         WHEN t.conn_state IN (${inTexts(OUTCOME_STATES.failed)}) THEN 'failed'
         WHEN t.conn_state IN (${inTexts(OUTCOME_STATES.reset)}) THEN 'reset'
         ELSE 'closed' END AS outcome, ${s.sums}
     FROM ${s.from} WHERE ${s.where} GROUP BY 1, 2`,
  )
  const rows = await rowsOf(
    connection,
    `SELECT bar::DOUBLE AS bar, outcome, sum(sessions)::DOUBLE AS sessions,
       sum(bytes_tx + bytes_rx)::DOUBLE AS bytes
     FROM (${parts.join(' UNION ALL ')}) GROUP BY 1, 2 HAVING sum(sessions) > 0`,
    sql.values,
  )
  return histogramOf({ originUs, widthUs, count }, rows as unknown as readonly BarRow[])
}
