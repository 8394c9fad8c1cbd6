/** The state of a destination's delivery, in words. */

import { type Destination, fetchDestinations } from '../../api/destinations.js'
import { session } from '../../api/session.js'
import { useQuery, useRefresh } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { formatAgo, formatSpan } from '../../format/time.js'
import { Message } from '../../parts/states.js'
import { useStore } from '../../state/store.js'
import { common } from '../../texts/common.js'
import { destinations as texts } from '../../texts/destinations.js'

const REFRESH_MS = 5000

export function useDestinations(orgId: string) {
  const query = useQuery(`destinations ${orgId}`, (signal) => fetchDestinations(orgId, signal))
  return useRefresh(query, REFRESH_MS)
}

const TONES = { ok: 'ok', retrying: 'warn', blocked: 'wrong', paused: '' } as const

export function StateBadge({ state }: Pick<Destination, 'state'>) {
  return <span class={`badge ${TONES[state]}`}>{texts().states[state]}</span>
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
  return texts().oldest(pending, formatSpan(seconds))
}

export function agoText(iso: string | null, now: number): string {
  return iso === null ? common().never : formatAgo(Date.parse(iso), now)
}

/** Null: the signed-in key may see destinations. */
export function useRefusal(orgId: string) {
  const scope = useStore(session)?.scope
  if (scope === 'admin' || scope === 'root') return null
  return (
    <Message title={texts().forAdmins}>
      <p>{texts().forAdminsWhy(orgId)}</p>
    </Message>
  )
}
