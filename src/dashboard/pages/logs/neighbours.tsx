/** What the client did before and after: its sessions next to this one, whatever they reached. */
import { isSumRow } from '../../../session/log-rule.js'
import { fetchLog } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import { DAY, formatDateTime } from '../../format/time.js'
import { destText } from '../../format/words.js'
import { OutcomeLabel } from '../../parts/outcome.js'
import { spanQuery } from '../../state/filters.js'
import { openPart } from '../../state/url.js'
import { session } from '../../texts/session.js'
import { clientOf } from './pair-strip.js'

/** On each side. */
const SHOWN = 3
/** On each side. Without a bound the server would look through the whole log for a client that came once. */
const WITHIN_MS = DAY

export function Neighbours({ orgId, row }: { orgId: string; row: LogRow }) {
  const key = isSumRow(row) ? null : `neighbours ${orgId} ${row.sessionId}`
  const answer = useQuery(key, (signal) => fetchNeighbours(orgId, row, signal))
  if (key === null || answer.error !== null) return null
  const rows = answer.of === key ? answer.data : undefined
  return (
    <section class="drawer-section neighbours">
      <h3>{session().beforeAndAfter}</h3>
      {rows === undefined ? (
        <span class="muted">…</span>
      ) : (
        <ol>
          {rows.map((one) => (
            <li key={one.sessionId}>
              <Neighbour row={one} here={one.sessionId === row.sessionId} />
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

/** Oldest first, this one among them. */
async function fetchNeighbours(
  orgId: string,
  row: LogRow,
  signal: AbortSignal,
): Promise<readonly LogRow[]> {
  const startMs = Date.parse(row.startTime)
  const ask = async (span: { startMs: number; endMs: number }, sort: string) => {
    const paging = { limit: SHOWN + 1, attributes: false, count: false }
    const query = { ...clientOf(row), ...spanQuery(span), ...paging, sort }
    const { log } = await fetchLog(orgId, query, signal)
    return log.filter(({ sessionId }) => sessionId !== row.sessionId).slice(0, SHOWN)
  }
  // Of the same millisecond counts as after.
  const [before, after] = await Promise.all([
    ask({ startMs: startMs - WITHIN_MS, endMs: startMs }, '-startTime'),
    ask({ startMs, endMs: startMs + WITHIN_MS }, 'startTime'),
  ])
  return [...before.toReversed(), row, ...after]
}

function Neighbour({ row, here }: { row: LogRow; here: boolean }) {
  const text = (
    <>
      <span class="figures muted">{formatDateTime(Date.parse(row.startTime))}</span>
      <strong>{row.resourceName ?? destText(row)}</strong>
      <OutcomeLabel row={row} />
    </>
  )
  if (here)
    return (
      <span class="neighbour" aria-current="true">
        {text}
      </span>
    )
  return (
    <button type="button" class="neighbour" onClick={() => openPart('session', row.sessionId)}>
      {text}
    </button>
  )
}
