/**
 * The octets of WireGuard's messages: what an idle tunnel may have counted, from the protocol alone.
 * Source: WireGuard whitepaper, sections 5.4 and 6.
 */
const KEEPALIVE = 32
const INITIATION = 148
const RESPONSE = 92
const COOKIE = 64

/** Padding of one packet: to a multiple of 16, never beyond the MTU. */
export function paddingOf(packetBytes: number, mtu: number): number {
  const padded = Math.ceil(packetBytes / 16) * 16
  return Math.max(0, Math.min(padded, Math.max(mtu, packetBytes)) - packetBytes)
}

export interface ControlMessages {
  readonly keepalives: number
  readonly initiations: number
  readonly responses: number
  readonly cookies: number
}

/**
 * The fewest handshake messages that, with keepalives, make up exactly these octets: what is left of a peer's
 * counter when its data messages are taken off. Null when no combination does, or when it would take more than
 * `handshakesMax` of them: something else is in there.
 */
export function explainControl(bytes: number, handshakesMax = 64): ControlMessages | null {
  for (let handshakes = 0; handshakes <= handshakesMax; handshakes++)
    for (let cookies = 0; cookies <= Math.min(handshakes, 1); cookies++)
      for (let responses = 0; responses <= handshakes - cookies; responses++) {
        const initiations = handshakes - cookies - responses
        const rest = bytes - INITIATION * initiations - RESPONSE * responses - COOKIE * cookies
        if (rest >= 0 && rest % KEEPALIVE === 0)
          return { keepalives: rest / KEEPALIVE, initiations, responses, cookies }
      }
  return null
}
