/** A WireGuard interface and its peers, by design without private and preshared keys. */

export interface WireGuardPeer {
  /** Base64 of 32 bytes, as `wg` prints it. */
  readonly publicKey: string
  /** The peer's last known outer address, `ip:port` or `[ip]:port`; null if none is known. */
  readonly endpoint: string | null
  /** `ip/length`, IPv6 as RFC 5952. */
  readonly allowedIps: readonly string[]
  /** Unix seconds; null if there was no handshake. */
  readonly lastHandshakeSeconds: number | null
  /** Octets of WireGuard messages (UDP payload) from the peer and to it. They begin at 0 with a new interface or peer. */
  readonly rxBytes: number
  readonly txBytes: number
}

export interface WireGuardDevice {
  readonly interfaceName: string
  readonly kind: 'kernel' | 'userspace'
  /** Null for userspace devices: their socket tells only the private key, and the meter does not read it. */
  readonly publicKey: string | null
  readonly listenPort: number | null
  readonly peers: readonly WireGuardPeer[]
}

/** A device, and the time of its reading by the monotonic clock. */
export interface PeerSnapshot {
  readonly atMs: number
  readonly device: WireGuardDevice
}
