/**
 * Compares readings of a device and reports the changes of its peers. In: each reading, in order. Out: the changes since
 * the reading before. A change that is undone before the next reading is not seen.
 *
 * A peer is connected until its last handshake is `connectedForMs` old. A monotonic clock measures this age; the wall
 * clock decides only how old a handshake is when it is first seen.
 *
 * The first reading reports the connected peers (`already`). It also reports as disconnected the peers that were connected
 * in the run before and are not now; a peer that is absent is `gone`, too. Nothing else is reported of the time between
 * two runs. A peer that stays connected is reported again each day, as `already`.
 *
 * Bounds: `perMinute` changes for all peers, and `perPeer` for each. A change above a bound is counted in `deferred`. A
 * later minute reports the peer's state at that time, so only a change that was undone by then is never reported.
 */
import type { PeerEventName } from '../../session/peer-event.js'
import type { WireGuardPeer } from './device.js'

/** WireGuard uses a key no longer than this (whitepaper, section 6.1, Reject-After-Time). */
export const CONNECTED_FOR_MS = 180_000
export const CHANGES_A_MINUTE_MAX = 10_000
const PEER_CHANGES_A_MINUTE_MAX = 10
const MINUTE_MS = 60_000
/** A connected peer is reported again after this time, because the retention may delete its last event. */
const AGAIN_MS = 86_400_000
/** An event reported this long ago is durable, or was counted as lost. */
const SETTLED_MS = 60_000

export interface PeerChange {
  readonly event: PeerEventName
  readonly atUs: number
  readonly publicKey: string
  readonly endpoint: string | null
  readonly endpointBefore: string | null
  readonly allowedIps: readonly string[]
  readonly allowedIpsBefore: readonly string[] | null
  readonly handshakeUs: number | null
  readonly already: boolean
}

/** The peers that the run before knew as connected, and the last time at which it did. */
export interface ConnectedBefore {
  readonly atUs: number
  readonly publicKeys: readonly string[]
}

export interface PeerChangesOptions {
  readonly connectedForMs?: number
  readonly before?: ConnectedBefore | null
  readonly perMinute?: number
  readonly perPeer?: number
}

/** The time of one reading, by two clocks. */
interface Moment {
  readonly atUs: number
  /** By a monotonic clock. */
  readonly ms: number
}

interface Track {
  peer: WireGuardPeer
  ageMs: number
  connected: boolean
  /** When `connected` last changed. */
  sinceUs: number
  already: boolean
  /** The reported state. */
  toldConnected: boolean
  /** When `connected` was last reported, by Moment.ms. */
  connectedMs: number
  toldEndpoint: string | null
  toldAllowedIps: readonly string[]
  disconnectedMs: number
  minute: number
  inMinute: number
}

export class PeerChanges {
  readonly #connectedForMs: number
  readonly #before: ConnectedBefore | null
  readonly #perMinute: number
  readonly #perPeer: number
  readonly #tracks = new Map<string, Track>()
  /** When peers that were disconnected shortly before were reported as `gone`, by Moment.ms. */
  readonly #left = new Map<string, number>()
  #last: Moment | null = null
  #minute = 0
  #inMinute = 0
  #deferred = 0

  constructor(options: PeerChangesOptions = {}) {
    this.#connectedForMs = options.connectedForMs ?? CONNECTED_FOR_MS
    this.#before = options.before ?? null
    this.#perMinute = options.perMinute ?? CHANGES_A_MINUTE_MAX
    this.#perPeer = options.perPeer ?? PEER_CHANGES_A_MINUTE_MAX
  }

  /** How often a change was deferred. */
  get deferred(): number {
    return this.#deferred
  }

  read(peers: readonly WireGuardPeer[], now: Moment): PeerChange[] {
    const changes: PeerChange[] = []
    const isFirst = this.#last === null
    const present = new Map(peers.map((peer) => [peer.publicKey, peer]))
    if (isFirst) this.#recall(present, now)
    for (const [key, track] of this.#tracks)
      if (!present.has(key)) this.#absent(track, now, changes)
    for (const peer of present.values()) {
      const track = this.#tracks.get(peer.publicKey) ?? this.#come(peer, now, changes, isFirst)
      if (track === null) continue
      this.#see(track, peer, now)
      this.#tell(track, now, changes)
    }
    this.#last = now
    return changes
  }

  /** Call when the interface is absent: reports all peers as disconnected, but keeps them, as they come back with it. */
  interfaceGone(now: Moment): PeerChange[] {
    const changes: PeerChange[] = []
    for (const track of this.#tracks.values()) {
      this.#see(track, { ...track.peer, lastHandshakeSeconds: null }, now)
      this.#tell(track, now, changes)
    }
    if (this.#last !== null) this.#last = now
    return changes
  }

  /**
   * The peers to give the next run as `before`: peers reported as connected, and peers reported as disconnected or gone
   * less than SETTLED_MS ago, because that may not be durable yet. If the next run repeats it, it is the same event.
   */
  connected(nowMs: number): string[] {
    for (const [key, atMs] of this.#left) if (nowMs - atMs >= SETTLED_MS) this.#left.delete(key)
    const present = [...this.#tracks]
      .filter(([, t]) => t.toldConnected || nowMs - t.disconnectedMs < SETTLED_MS)
      .map(([key]) => key)
    return [...new Set([...present, ...this.#left.keys()])]
  }

  /** Adds the peers that the run before knew as connected and that are not connected now. */
  #recall(present: ReadonlyMap<string, WireGuardPeer>, now: Moment): void {
    if (this.#before === null) return
    const { atUs, publicKeys } = this.#before
    for (const publicKey of publicKeys) {
      const peer = present.get(publicKey) ?? absentPeer(publicKey)
      const track = newTrack(peer, now)
      if (present.has(publicKey)) {
        this.#see(track, peer, now)
        if (track.connected) continue
      }
      track.toldConnected = true
      const handshake = peer.lastHandshakeSeconds
      // Without the handshake, only one thing is known: the peer was connected at `atUs`.
      track.sinceUs =
        handshake === null
          ? Math.min(atUs, now.atUs)
          : Math.min(handshake * 1e6 + this.#connectedForMs * 1e3, now.atUs)
      this.#tracks.set(publicKey, track)
    }
  }

  #come(peer: WireGuardPeer, now: Moment, changes: PeerChange[], isFirst: boolean): Track | null {
    const track = newTrack(peer, now)
    track.already = isFirst
    if (!isFirst) {
      if (!this.#mayTell(track, now)) return null
      changes.push(changeOf('added', track, now.atUs))
    }
    this.#tracks.set(peer.publicKey, track)
    return track
  }

  #absent(track: Track, now: Moment, changes: PeerChange[]): void {
    if (track.connected) setConnected(track, false, now.atUs)
    this.#tellConnected(track, now, changes)
    if (track.toldConnected || !this.#mayTell(track, now)) return
    changes.push(changeOf('gone', track, now.atUs))
    const { publicKey } = track.peer
    this.#tracks.delete(publicKey)
    if (now.ms - track.disconnectedMs < SETTLED_MS) this.#left.set(publicKey, now.ms)
  }

  #see(track: Track, peer: WireGuardPeer, now: Moment): void {
    const passedMs = this.#last === null ? Number.POSITIVE_INFINITY : now.ms - this.#last.ms
    const handshake = peer.lastHandshakeSeconds
    const isSame = this.#last !== null && handshake === track.peer.lastHandshakeSeconds
    if (handshake === null) track.ageMs = Number.POSITIVE_INFINITY
    else if (isSame && Number.isFinite(track.ageMs)) track.ageMs += passedMs
    else track.ageMs = clamp(now.atUs / 1e3 - handshake * 1e3, 0, passedMs)
    track.peer = { ...peer, endpoint: peer.endpoint ?? track.peer.endpoint }
    const connected = track.ageMs < this.#connectedForMs
    if (connected !== track.connected)
      setConnected(
        track,
        connected,
        connected ? this.#begunUs(handshake!, now) : this.#endedUs(track, now),
      )
  }

  /** Time of the handshake (whole seconds), but not before the last reading, because that one did not have it. */
  #begunUs(handshakeSeconds: number, now: Moment): number {
    const lastUs = Math.floor((this.#last?.atUs ?? 0) / 1e6) * 1e6
    return clamp(handshakeSeconds * 1e6, Math.min(lastUs, now.atUs), now.atUs)
  }

  #endedUs(track: Track, now: Moment): number {
    const handshake = track.peer.lastHandshakeSeconds
    if (handshake === null) return now.atUs
    const lastUs = Math.floor((this.#last?.atUs ?? 0) / 1e6) * 1e6
    const ended = handshake * 1e6 + this.#connectedForMs * 1e3
    return clamp(ended, Math.min(lastUs, now.atUs), now.atUs)
  }

  #tell(track: Track, now: Moment, changes: PeerChange[]): void {
    this.#tellConnected(track, now, changes)
    this.#tellAgain(track, now, changes)
    const { endpoint, allowedIps } = track.peer
    if (track.toldEndpoint === null) track.toldEndpoint = endpoint
    if (endpoint !== track.toldEndpoint && this.#mayTell(track, now)) {
      changes.push(changeOf('endpointChanged', track, now.atUs))
      track.toldEndpoint = endpoint
    }
    if (!sameList(allowedIps, track.toldAllowedIps) && this.#mayTell(track, now)) {
      changes.push(changeOf('allowedIpsChanged', track, now.atUs))
      track.toldAllowedIps = allowedIps
    }
  }

  #tellConnected(track: Track, now: Moment, changes: PeerChange[]): void {
    if (track.connected === track.toldConnected || !this.#mayTell(track, now)) return
    changes.push(changeOf(track.connected ? 'connected' : 'disconnected', track, track.sinceUs))
    track.toldConnected = track.connected
    if (track.connected)
      Object.assign(track, { toldEndpoint: track.peer.endpoint, connectedMs: now.ms })
    else track.disconnectedMs = now.ms
    track.already = false
  }

  #tellAgain(track: Track, now: Moment, changes: PeerChange[]): void {
    const isDue = track.toldConnected && now.ms - track.connectedMs >= AGAIN_MS
    if (!isDue || !this.#mayTell(track, now)) return
    track.connectedMs = now.ms
    changes.push({ ...changeOf('connected', track, now.atUs), endpointBefore: null, already: true })
  }

  #mayTell(track: Track, { ms }: Moment): boolean {
    const minute = Math.floor(ms / MINUTE_MS)
    if (minute !== this.#minute) this.#inMinute = 0
    if (minute !== track.minute) track.inMinute = 0
    this.#minute = minute
    track.minute = minute
    if (this.#inMinute >= this.#perMinute || track.inMinute >= this.#perPeer) {
      this.#deferred++
      return false
    }
    this.#inMinute++
    track.inMinute++
    return true
  }
}

function newTrack(peer: WireGuardPeer, { ms }: Moment): Track {
  return {
    peer,
    ageMs: Number.POSITIVE_INFINITY,
    connected: false,
    sinceUs: 0,
    already: false,
    toldConnected: false,
    connectedMs: 0,
    toldEndpoint: peer.endpoint,
    toldAllowedIps: peer.allowedIps,
    disconnectedMs: Number.NEGATIVE_INFINITY,
    minute: Math.floor(ms / MINUTE_MS),
    inMinute: 0,
  }
}

function absentPeer(publicKey: string): WireGuardPeer {
  const nothing = { endpoint: null, allowedIps: [], lastHandshakeSeconds: null }
  return { publicKey, ...nothing, rxBytes: 0, txBytes: 0 }
}

function setConnected(track: Track, connected: boolean, sinceUs: number): void {
  // `already` means connected since the start, so a disconnected peer loses it.
  if (!connected) track.already = false
  track.connected = connected
  track.sinceUs = sinceUs
}

function changeOf(event: PeerEventName, track: Track, atUs: number): PeerChange {
  const { publicKey, endpoint, allowedIps, lastHandshakeSeconds } = track.peer
  const moved = event === 'endpointChanged' || event === 'connected'
  return {
    event,
    atUs,
    publicKey,
    endpoint,
    endpointBefore: moved && track.toldEndpoint !== endpoint ? track.toldEndpoint : null,
    allowedIps,
    allowedIpsBefore: event === 'allowedIpsChanged' ? track.toldAllowedIps : null,
    handshakeUs: lastHandshakeSeconds === null ? null : lastHandshakeSeconds * 1e6,
    already: event === 'connected' && track.already,
  }
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((one, i) => one === b[i]) || [...a].sort().join() === [...b].sort().join()
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}
