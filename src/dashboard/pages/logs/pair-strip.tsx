/** The sessions of this client with this resource, half an hour before and after. */
import { isSumRow } from '../../../session/log-rule.js'
import { OUTCOME_STATES, type OutcomeGroup } from '../../../session/outcome-groups.js'
import { fetchLog } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import { formatMinute, MINUTE } from '../../format/time.js'
import { spanQuery } from '../../state/filters.js'
import { followLink, hrefOf, type ParamPatch } from '../../state/url.js'
import { session } from '../../texts/session.js'
import { cellOf } from './cells.js'

const AROUND_MS = 30 * MINUTE
/** More would be one bar. The sentence says the whole number. */
const DRAWN_MAX = 200
/** Of a thousand: a short session is still seen. */
const WIDTH_MIN = 6

export function PairStrip({ orgId, row }: { orgId: string; row: LogRow }) {
  const startMs = Date.parse(row.startTime)
  const span = { startMs: startMs - AROUND_MS, endMs: startMs + AROUND_MS }
  const query = { ...spanQuery(span), ...pairOf(row) }
  const key = isSumRow(row) ? null : `pair ${orgId} ${row.sessionId}`
  const answer = useQuery(key, (signal) =>
    fetchLog(orgId, { ...query, limit: DRAWN_MAX, attributes: false }, signal),
  )
  if (key === null || answer.error !== null) return null
  // Its room is there from the beginning, so that nothing below it moves.
  const data = answer.of === key ? answer.data : undefined
  const rows = data?.log ?? []
  const failed = rows.filter((one) => groupOf(one) === 'failed').length
  return (
    <section class="drawer-section pair-strip">
      <h3>{session().around}</h3>
      <svg viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
        {rows.map((one) => (
          <Bar
            key={one.sessionId}
            row={one}
            fromMs={span.startMs}
            here={one.sessionId === row.sessionId}
          />
        ))}
      </svg>
      <p class="pair-ends" aria-hidden="true">
        <span>{formatMinute(span.startMs)}</span>
        <span>{formatMinute(span.endMs)}</span>
      </p>
      {data === undefined ? (
        <span class="muted">…</span>
      ) : (
        <a href={hrefOf('/', query as ParamPatch)} onClick={followLink}>
          {session().aroundCount(data.pagination.total ?? rows.length, failed)}
        </a>
      )}
    </section>
  )
}

function Bar({ row, fromMs, here }: { row: LogRow; fromMs: number; here: boolean }) {
  const thousandths = (ms: number) => (ms / (2 * AROUND_MS)) * 1000
  const x = Math.max(0, thousandths(Date.parse(row.startTime) - fromMs))
  const length = thousandths(Date.parse(row.endTime) - Date.parse(row.startTime))
  const width = Math.min(1000 - x, Math.max(WIDTH_MIN, length))
  const [y, height] = here ? [0, 20] : [6, 8]
  return <rect class={`bar-${groupOf(row)}`} x={x} width={width} y={y} height={height} />
}

/** By its id where the catalog has it, else by its address. */
export function clientOf(row: LogRow): Record<string, string[]> {
  if (row.clientId !== null) return { clientId: [String(row.clientId)] }
  const { choice, text } = cellOf('source', row)
  return { sourceAddr: [choice.filter?.value ?? text] }
}

function pairOf(row: LogRow): Record<string, string[]> {
  const resource =
    row.siteResourceId === null
      ? { destAddr: [row.destAddr] }
      : { siteResourceId: [String(row.siteResourceId)] }
  return { ...clientOf(row), ...resource }
}

function groupOf({ duration, connState }: LogRow): OutcomeGroup {
  if (duration === null) return 'open'
  const holds = (states: readonly string[]) => connState !== null && states.includes(connState)
  if (holds(OUTCOME_STATES.failed)) return 'failed'
  return holds(OUTCOME_STATES.reset) ? 'reset' : 'closed'
}
