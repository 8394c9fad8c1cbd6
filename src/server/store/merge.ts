/**
 * The rule of append, the same for every engine: a session is known by (organisation, site, sessionId), and of two of
 * its records the better one stays. An ended one is better than an open one, and of the same kind the one that says
 * more.
 */
import type { StoredSession } from './session-log.js'

/** Of two reports, one that counts no packets (an access log) says more when it ends later. */
export function saysMore(next: StoredSession, before: StoredSession): boolean {
  const [more, fewer] = [packets(next), packets(before)]
  if (more !== fewer || more > 0) return more > fewer
  if (next.endTimeUs !== before.endTimeUs) return next.endTimeUs > before.endTimeUs
  return bytes(next) > bytes(before)
}

function packets({ packetsTx, packetsRx }: StoredSession): number {
  return (packetsTx ?? 0) + (packetsRx ?? 0)
}

function bytes({ bytesTx, bytesRx }: StoredSession): number {
  return (bytesTx ?? 0) + (bytesRx ?? 0)
}

/** The same connection or exchange, whichever side was said to have begun it. */
export function isSameTuple(a: StoredSession, b: StoredSession): boolean {
  if (a.protocol !== b.protocol) return false
  const [from, to] = [`${a.sourceIp} ${a.sourcePort}`, `${a.destIp} ${a.destPort}`]
  const [source, dest] = [`${b.sourceIp} ${b.sourcePort}`, `${b.destIp} ${b.destPort}`]
  return (from === source && to === dest) || (from === dest && to === source)
}
