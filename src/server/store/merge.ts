/**
 * The rule of append, the same for every engine. (organisation, site, sessionId) identifies a session. The store keeps the
 * best of its records, in whatever order and however often they come: an ended one beats an open one, a real end beats one
 * that was closed as interrupted, and of two of the same kind the one that says more wins.
 *
 * A run belongs to its first reporter: no other meter of the site adds to it. An open session takes later reports of that
 * meter with the same five-tuple; an ended or interrupted one takes them for FRESH_US after it came (the final report after
 * an early one, a late batch). So the holder of an ingest key can neither rewrite stored sessions nor claim ids before the
 * meter uses them.
 */
import { isOpen } from '../../session/session.js'
import type { StoredSession } from './session-log.js'

export const FRESH_US = 86400e6

type Amounts = Pick<StoredSession, 'packetsTx' | 'packetsRx' | 'bytesTx' | 'bytesRx' | 'endTimeUs'>
type Tuple = Pick<StoredSession, 'protocol' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'>

/** What is stored under an id, as far as it decides. */
export interface Kept {
  readonly record: Amounts & Tuple & Pick<StoredSession, 'meterId' | 'endReason'>
  /** Among the ended ones, as it ended or was closed as interrupted. */
  readonly ended: boolean
  /** It came more than FRESH_US ago. */
  readonly stale: boolean
}

/** What a record does that comes: it is taken, says nothing new, or may not be said and is counted. */
export type Verdict = 'take' | 'nothing' | 'conflict'

/** @param foreign its run is another meter's */
export function verdictOf(next: StoredSession, kept: Kept | undefined, foreign: boolean): Verdict {
  if (kept === undefined) return foreign ? 'conflict' : 'take'
  const more = saysMore(next, kept.record)
  const better = kept.ended ? !isOpen(next) && (isOpen(kept.record) || more) : !isOpen(next) || more
  const late = kept.ended && better && kept.stale
  const mine = !foreign && next.meterId === kept.record.meterId
  if (!isSameTuple(next, kept.record) || late || (!mine && more)) return 'conflict'
  return mine && better ? 'take' : 'nothing'
}

/** Of two reports, one that counts no packets (an access log) says more when it ends later. */
export function saysMore(next: Amounts, before: Amounts): boolean {
  const [more, fewer] = [packets(next), packets(before)]
  if (more !== fewer || more > 0) return more > fewer
  if (next.endTimeUs !== before.endTimeUs) return next.endTimeUs > before.endTimeUs
  return bytes(next) > bytes(before)
}

function packets({ packetsTx, packetsRx }: Amounts): number {
  return (packetsTx ?? 0) + (packetsRx ?? 0)
}

function bytes({ bytesTx, bytesRx }: Amounts): number {
  return (bytesTx ?? 0) + (bytesRx ?? 0)
}

/** The same connection or exchange, whichever side was said to have begun it. */
export function isSameTuple(a: Tuple, b: Tuple): boolean {
  if (a.protocol !== b.protocol) return false
  const [from, to] = [`${a.sourceIp} ${a.sourcePort}`, `${a.destIp} ${a.destPort}`]
  const [source, dest] = [`${b.sourceIp} ${b.sourcePort}`, `${b.destIp} ${b.destPort}`]
  return (from === source && to === dest) || (from === dest && to === source)
}
