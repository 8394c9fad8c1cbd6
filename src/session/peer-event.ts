/**
 * Events of WireGuard peers. The meter derives them from its readings, batches carry them beside sessions, and the
 * server stores and shows them. docs/wireguard.md explains each event and the precision of its time.
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

/** The most events in one batch. Further ones wait for the next batch. */
export const BATCH_PEER_EVENTS_MAX = 1_000
/**
 * The most characters of a list such as `10.8.0.2/32 fd00::2/128`. A longer list ends with `+N`: N prefixes are left
 * out.
 */
export const ALLOWED_IPS_TEXT_MAX = 500

export interface PeerEvent {
  readonly event: PeerEventName
  /** The time of the event, as far as the meter knows it. */
  readonly timeUs: number
  readonly interface: string
  /** Null: the rules of the catalog leave out the key. */
  readonly publicKey: string | null
  /** From the catalog at that time, like `userId`. */
  readonly clientId: number | null
  readonly userId: string | null
  /** The outer address after the event. `endpointBefore`: the former one, if it changed. */
  readonly endpoint: string | null
  readonly endpointBefore: string | null
  /** For `added`, `gone` and `allowedIpsChanged`. */
  readonly allowedIps: string | null
  readonly allowedIpsBefore: string | null
  /** The time of the latest handshake. */
  readonly handshakeUs: number | null
  /** For `connected`: the peer was already connected when the meter started, so the begin is unknown. */
  readonly already: boolean
}

/** The first prefixes that fit, and the number of the others. */
export function allowedIpsText(prefixes: readonly string[]): string {
  const all = prefixes.join(' ')
  if (all.length <= ALLOWED_IPS_TEXT_MAX) return all
  const shown: string[] = []
  let length = 0
  for (const prefix of prefixes) {
    length += prefix.length + 1
    // Leave room for `+N`.
    if (length > ALLOWED_IPS_TEXT_MAX - 12) break
    shown.push(prefix)
  }
  return `${shown.join(' ')} +${prefixes.length - shown.length}`
}
