/** The state of a destination's delivery, in words. */
import { type Destination, fetchDestinations } from '../../api/destinations.js'
import { session } from '../../api/session.js'
import { useQuery, useRefresh } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { formatAgo, formatSpan } from '../../format/time.js'
import { Message } from '../../parts/states.js'
import { useStore } from '../../state/store.js'

const REFRESH_MS = 5000

export function useDestinations(orgId: string) {
  const query = useQuery(`destinations ${orgId}`, (signal) => fetchDestinations(orgId, signal))
  return useRefresh(query, REFRESH_MS)
}

const STATES = {
  ok: { tone: 'ok', label: 'Delivering' },
  retrying: { tone: 'warn', label: 'Retrying' },
  blocked: { tone: 'wrong', label: 'Blocked' },
  paused: { tone: '', label: 'Paused' },
} as const

export function StateBadge({ state }: Pick<Destination, 'state'>) {
  const { tone, label } = STATES[state]
  return <span class={`badge ${tone}`}>{label}</span>
}

/** `403 wrong token`: the answer as it was. */
export function failureText({ status, text }: NonNullable<Destination['lastFailure']>): string {
  return [status, text].filter((part) => part !== null && part !== '').join(' ')
}

export function pendingText(
  { pending, oldestPendingEndedAt: oldest }: Destination,
  now: number,
): string {
  if (pending === 0 || oldest === null) return formatCount(pending)
  const seconds = Math.max(0, now - Date.parse(oldest)) / 1e3
  return `${formatCount(pending)}, the oldest for ${formatSpan(seconds)}`
}

export function agoText(iso: string | null, now: number): string {
  return iso === null ? 'never' : formatAgo(Date.parse(iso), now)
}

/** Null: the signed-in key may see destinations. */
export function useRefusal(orgId: string) {
  const scope = useStore(session)?.scope
  if (scope === 'admin' || scope === 'root') return null
  return (
    <Message title="Destinations are for admins">
      <p>They show where sessions are sent. Sign in with an admin key of {orgId}.</p>
    </Message>
  )
}
