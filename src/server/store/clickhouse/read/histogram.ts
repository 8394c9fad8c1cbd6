/** Sessions over time by outcome: bars of equal width, at most as many as requested. */
import { OUTCOME_STATES } from '../../../../session/outcome-groups.js'
import { barsOf, histogramOf } from '../../bars.js'
import { int } from '../../sql/sql.js'
import type { Histogram, HistogramRequest } from '../../sums.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import { FROM, type Scope } from './scope.js'

const isIn = (states: readonly string[]) =>
  `coalesce(t.conn_state IN (${states.map(literal).join(', ')}), false)`

export async function histogram(
  client: Client,
  scope: Scope,
  { bars, offsetUs }: HistogramRequest,
  signal?: AbortSignal,
): Promise<Histogram> {
  const shape = barsOf(scope.filter, bars, offsetUs)
  const rows = await client.rows(
    scope.orgId,
    `SELECT intDiv(t.start_us - ${int(shape.originUs)}, ${int(shape.widthUs)}) AS bar,
       multiIf(${scope.open}, 'open', ${isIn(OUTCOME_STATES.failed)}, 'failed', ${isIn(OUTCOME_STATES.reset)}, 'reset',
         'closed') AS outcome,
       count(), toString(sum(toInt128(coalesce(t.bytes_tx, 0)) + toInt128(coalesce(t.bytes_rx, 0))))
     FROM ${FROM} WHERE ${scope.where()} GROUP BY bar, outcome`,
    signal,
  )
  const counted = rows.map(([bar, outcome, sessions, bytes]) => ({
    bar: bar as number,
    outcome: outcome as string,
    sessions: sessions as number,
    bytes: Number(bytes),
  }))
  return histogramOf(shape, counted)
}
