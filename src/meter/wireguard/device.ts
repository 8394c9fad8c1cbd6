/** A WireGuard interface and its peers. Private and preshared keys are left out by design. */

export interface WireGuardPeer {
  /** Base64 of 32 bytes, as `wg` prints it. */
  readonly publicKey: string
  /** The peer's outer address as last heard of, `ip:port` or `[ip]:port`; null before the first handshake. */
  readonly endpoint: string | null
  /** `ip/length`, IPv6 as RFC 5952. */
  readonly allowedIps: readonly string[]
  /** Unix seconds; null when there was none. */
  readonly lastHandshakeSeconds: number | null
  /** Octets of WireGuard messages (UDP payload): received from the peer, sent to it. Reset with the interface. */
  readonly rxBytes: number
  readonly txBytes: number
}

export interface WireGuardDevice {
  readonly interfaceName: string
  readonly kind: 'kernel' | 'userspace'
  /** Null for userspace devices: their socket only tells the private key, which is not kept to derive it. */
  readonly publicKey: string | null
  readonly listenPort: number | null
  readonly peers: readonly WireGuardPeer[]
}

/** A device and when it was read, by the monotonic clock. */
export interface PeerSnapshot {
  readonly atMs: number
  readonly device: WireGuardDevice
}
