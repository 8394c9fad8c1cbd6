/**
 * The rules of append, the same for every engine. (organisation, site, sessionId) identifies a session. The store keeps
 * its best record, independent of order and repetition: an ended record replaces an open one, a real end replaces a
 * session that was closed as interrupted, and of two records of the same kind the one with more packets stays.
 *
 * A run belongs to its first reporter: no other meter of the site can add to it. An open session accepts later reports
 * of that meter with the same five-tuple. An ended or interrupted session accepts them for FRESH_US (24 h) after it
 * arrived, for the final report after an early one, or a late batch. So another meter of the site can neither rewrite
 * stored sessions nor claim ids before their meter uses them.
 */
import { isOpen } from '../../session/session.js'
import type { StoredSession } from './session-log.js'

export const FRESH_US = 86400e6

type Amounts = Pick<StoredSession, 'packetsTx' | 'packetsRx' | 'bytesTx' | 'bytesRx' | 'endTimeUs'>
type Tuple = Pick<StoredSession, 'protocol' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'>

/** The stored session under an id, with the values that decide. */
export interface Kept {
  readonly record: Amounts & Tuple & Pick<StoredSession, 'meterId' | 'endReason'>
  /** It has ended, or was closed as interrupted. */
  readonly ended: boolean
  /** It arrived more than FRESH_US ago. */
  readonly stale: boolean
}

/** An arriving record is stored, says nothing new, or is rejected and counted. */
export type Verdict = 'take' | 'nothing' | 'conflict'

/** @param foreign the record's run belongs to another meter */
export function verdictOf(next: StoredSession, kept: Kept | undefined, foreign: boolean): Verdict {
  if (kept === undefined) return foreign ? 'conflict' : 'take'
  const more = saysMore(next, kept.record)
  const better = kept.ended ? !isOpen(next) && (isOpen(kept.record) || more) : !isOpen(next) || more
  const late = kept.ended && better && kept.stale
  const mine = !foreign && next.meterId === kept.record.meterId
  if (late || (!mine && more)) return 'conflict'
  if (!isSameTuple(next, kept.record)) {
    if (!isSameBut(next, kept.record, PSEUDONYM)) return 'conflict'
    // What has ended under a pseudonym gets no name again.
    if (kept.ended) return more ? 'conflict' : 'nothing'
  }
  return mine && better ? 'take' : 'nothing'
}

/** Whether a report has more packets. Without packets (access logs), a later end counts, then more bytes. */
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

/** Whether both are the same connection or exchange, in either direction. */
export function isSameTuple(a: Tuple, b: Tuple): boolean {
  return isSameBut(a, b, NONE)
}

/** The same, with any address in place of those of `kept` that match. */
function isSameBut(next: Tuple, kept: Tuple, any: RegExp): boolean {
  const isSameEnd = (one: End, its: End): boolean =>
    one.port === its.port && (one.ip === its.ip || any.test(its.ip))
  if (next.protocol !== kept.protocol) return false
  const from = { ip: next.sourceIp, port: next.sourcePort }
  const to = { ip: next.destIp, port: next.destPort }
  const source = { ip: kept.sourceIp, port: kept.sourcePort }
  const dest = { ip: kept.destIp, port: kept.destPort }
  return (
    (isSameEnd(from, source) && isSameEnd(to, dest)) ||
    (isSameEnd(from, dest) && isSameEnd(to, source))
  )
}

interface End {
  readonly ip: string
  readonly port: number | null
}

/** The ranges of pseudonyms: 240.0.0.0/5 and 100::/64 (pseudonyms.ts of each engine). */
const PSEUDONYM = /^(24[0-7]\.|100::)/
const NONE = /^$/
