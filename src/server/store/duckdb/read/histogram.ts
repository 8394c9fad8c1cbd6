/** Sessions over time by outcome: bars of equal width, at most as many as requested. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { OUTCOME_GROUPS, OUTCOME_STATES } from '../../../../session/outcome-groups.js'
import type { Histogram, HistogramRequest, LogFilter } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { HOUR_US, rolledUpTo } from '../write/rollup.js'
import { Sql } from './sql-parts.js'
import { sumSources } from './where.js'

const SECOND_US = 1e6
const MINUTE_US = 60e6
const DAY_US = 24 * HOUR_US
/** Common units of time. */
const WIDTHS_US = [
  ...[1, 5, 15, 30].map((n) => n * SECOND_US),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE_US),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR_US),
  ...[1, 2, 7, 14, 28].map((n) => n * DAY_US),
]

interface Bars {
  /** Start of the first bar. */
  readonly originUs: number
  readonly widthUs: number
  readonly count: number
}

/** Bars begin at whole multiples of their width in a time zone that is `offsetUs` ahead of UTC. */
export function barsOf(
  { fromUs, toUs }: Pick<LogFilter, 'fromUs' | 'toUs'>,
  most: number,
  offsetUs: number,
): Bars {
  const barsAt = (widthUs: number): Bars => {
    const originUs = Math.floor((fromUs + offsetUs) / widthUs) * widthUs - offsetUs
    return { originUs, widthUs, count: Math.max(1, Math.ceil((toUs - originUs) / widthUs)) }
  }
  const widest = WIDTHS_US.at(-1)!
  for (const width of WIDTHS_US) {
    const bars = barsAt(width)
    if (bars.count <= most) return bars
  }
  for (let widthUs = widest; ; widthUs *= 2) {
    const bars = barsAt(widthUs)
    // At least two bars, because a range may contain a whole multiple of every width.
    if (bars.count <= Math.max(2, most)) return bars
  }
}

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
  const empty = () => ({ sessions: Array(count).fill(0), bytes: Array(count).fill(0) })
  const outcomes = Object.fromEntries(
    OUTCOME_GROUPS.map((name) => [name, empty()]),
  ) as Histogram['outcomes'] & Record<string, { sessions: number[]; bytes: number[] }>
  for (const { bar, outcome, sessions, bytes } of rows) {
    const one = outcomes[outcome as string]!
    one.sessions[bar as number] = sessions as number
    one.bytes[bar as number] = bytes as number
  }
  return { originUs, widthUs, count, outcomes }
}
