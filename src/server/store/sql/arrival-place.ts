/** Comparison with a place in the order of arrival, which several engines run. */
import type { ArrivalPlace } from '../session-log.js'
import { int } from './sql.js'

/** SQL of the columns that a place within a commit consists of. */
interface Within {
  readonly run: string
  readonly seq: string
}
const SESSION: Within = { run: 't.run', seq: 't.seq' }

export function placeSql(
  sql: { bind(text: string): string },
  place: ArrivalPlace,
  sign: '>' | '<=',
  { run: id, seq }: Within = SESSION,
): string {
  const { arrival, siteId, run, sequence } = place
  const bound = sql.bind(run)
  const strict = sign[0] as '>' | '<'
  return `t.arrival ${strict}= ${int(arrival)} AND (t.arrival ${strict} ${int(arrival)}
    OR t.site_id ${strict} ${int(siteId)} OR (t.site_id = ${int(siteId)}
      AND (${id} ${strict} ${bound} OR (${id} = ${bound} AND ${seq} ${sign} ${int(sequence)}))))`
}
