/**
 * Payload is stored as the bytes that its headers have beyond the usual ones: small numbers take few bits, and mostly 0.
 */
import type { StoredSession } from './session-log.js'

type HeaderFacts = Pick<StoredSession, 'protocol' | 'sourceIp'>

/** Headers of nearly all data packets: IPv4 without options, and UDP or TCP with timestamps; 20 bytes more for IPv6. */
export function usualHeaders({ protocol, sourceIp }: HeaderFacts, packets: number | null): number {
  return (packets ?? 0) * ((protocol === 'udp' ? 28 : 52) + (sourceIp.includes(':') ? 20 : 0))
}

export function excessHeaders(
  session: HeaderFacts,
  bytes: number | null,
  payload: number | null,
  packets: number | null,
): number | null {
  if (bytes === null || payload === null) return null
  return bytes - payload - usualHeaders(session, packets)
}

/** The payload, from the value of excessHeaders(). */
export function payloadOf(
  session: HeaderFacts,
  bytes: number | null,
  excess: number | null,
  packets: number | null,
): number | null {
  if (bytes === null || excess === null) return null
  // The sum first: it is a number of bytes, and no larger one comes between.
  return bytes - (excess + usualHeaders(session, packets))
}
