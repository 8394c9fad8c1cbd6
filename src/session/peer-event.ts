/**
 * What happened to a WireGuard peer, as the meter saw it in its readings: made by the meter, carried by batches beside
 * sessions, stored and shown by the server. What each event says, and how exact its time is: docs/wireguard.md.
 */

export const PEER_EVENT_NAMES = [
  'connected',
  'disconnected',
  'endpointChanged',
  'allowedIpsChanged',
  'added',
  'gone',
] as const
export type PeerEventName = (typeof PEER_EVENT_NAMES)[number]

/** A batch carries no more; others wait for the next. */
export const BATCH_PEER_EVENTS_MAX = 1_000
/** Of allowed IPs as text, `10.8.0.2/32 fd00::2/128`; longer lists end with `+N`: so many are left out. */
export const ALLOWED_IPS_TEXT_MAX = 500

export interface PeerEvent {
  readonly event: PeerEventName
  /** When it happened, as far as it is known. */
  readonly timeUs: number
  readonly interface: string
  /** Null: the catalog's rules leave it out. */
  readonly publicKey: string | null
  /** By the catalog that held then. */
  readonly clientId: number | null
  readonly userId: string | null
  /** The outer address after it, and before it where it changed. */
  readonly endpoint: string | null
  readonly endpointBefore: string | null
  /** Of `added`, `gone` and `allowedIpsChanged`. */
  readonly allowedIps: string | null
  readonly allowedIpsBefore: string | null
  /** The latest handshake. */
  readonly handshakeUs: number | null
  /** Of `connected`: it was when the meter began to read; since when is not known. */
  readonly already: boolean
}

/** The first of them that fit, and how many others there are. */
export function allowedIpsText(prefixes: readonly string[]): string {
  const all = prefixes.join(' ')
  if (all.length <= ALLOWED_IPS_TEXT_MAX) return all
  const shown: string[] = []
  let length = 0
  for (const prefix of prefixes) {
    length += prefix.length + 1
    // Room for the number.
    if (length > ALLOWED_IPS_TEXT_MAX - 12) break
    shown.push(prefix)
  }
  return `${shown.join(' ')} +${prefixes.length - shown.length}`
}
