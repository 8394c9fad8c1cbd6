/**
 * Compares each peer's transfer counters with the sessions metered for it.
 *
 * In: the sessions' records in order, readings of the device with their monotonic time, and the sum of other traffic.
 * Out: how many peers cannot be made to agree with their sessions, and by how many octets.
 *
 * The two sides cannot be read at one instant. A session reports every `settleMs`, so at any time the reported traffic is
 * at most the real traffic, and `settleMs` later all of it has been reported. So a transfer is compared twice:
 *
 *     too little: transfer now              <  reported at the last reading             -> negative
 *     too much:   transfer `settleMs` ago   >  reported now + traffic not tied to peers -> positive
 *
 * Three kinds of traffic are not tied to one peer: handshakes and keepalives (as many as their timers allow), other
 * traffic (all of it may be one peer's), and sessions between two peers, whose packets pass the interface twice. The
 * larger they are, the less the comparison can find. A peer that came, or came again, during metering has only the second
 * comparison, because late reports may be of its earlier life.
 */
import type { FlowRecord } from '../../session/session.js'
import type { WireGuardPeer } from './device.js'
import { controlBytesMax, dataMessageBytes, type Volume } from './reconcile.js'

/** The public keys of the peers that hold a session's two ends. */
export interface Ends {
  readonly source: string | null
  readonly dest: string | null
}

export interface PeerVerdict {
  /** Number of peers in the last reading. */
  readonly compared: number
  readonly unexplained: number
  /** Sum of the absolute differences of all peers, in octets. */
  readonly unexplainedBytes: number
  /** The part of them that passed and was not metered. */
  readonly unmeteredBytes: number
  /** The peer with the largest difference in one direction. Positive `bytes` are traffic that was not metered. */
  readonly worst: { readonly publicKey: string; readonly bytes: number } | null
}

type Direction = 'rx' | 'tx'
const DIRECTIONS: readonly Direction[] = ['rx', 'tx']

/** The counts of one direction of a peer. */
interface DirectionCounts {
  /** Cumulative traffic metered for this peer; `shared` is traffic that may be another peer's, or counted before. */
  packets: number
  bytes: number
  sharedPackets: number
  sharedBytes: number
  /** Bounds of the transfer counter when metering began, and this direction's own counts then. */
  baseLow: number
  baseHigh: number
  packetsBase: number
  bytesBase: number
  /** The transfer and this direction's own counts at the last reading. */
  transfer: number
  packetsThen: number
  bytesThen: number
  /** A transfer that is compared when all of its traffic has been reported. */
  waiting: { readonly atMs: number; readonly transfer: number } | null
  unexplained: number
}

interface Track {
  readonly counts: Record<Direction, DirectionCounts>
  sinceMs: number
  /** A reading has had this peer. */
  known: boolean
  /** The peer was there when metering began, so no report is of an earlier life. */
  fromStart: boolean
}

interface Reported {
  packetsTx: number
  packetsRx: number
  bytesTx: number
  bytesRx: number
  /** When it was reported, by performance.now(). */
  atMs: number
}

/** A report may come this much later than the end of its session's linger. */
const LATE_MS = 25_000
/** Open sessions whose last report is remembered, at most. With one more, the comparison begins anew. */
const OPEN_MAX = 131_072
/**
 * A kernel device cuts super-packets itself, into segments of at least this many octets (the default maximum segment size
 * of RFC 9293). So does a userspace device whose TUN has segmentation offload (wireguard-go since 2023).
 */
const SEGMENT_MIN = 536

export interface PeerReconcilerOptions {
  /** Every open session reports within this time. 0: it reports only at its end, so only `finish` finds too much. */
  readonly settleMs: number
  /** A closed session reports once more within this time. */
  readonly lingerMs?: number
  readonly openMax?: number
}

export class PeerReconciler {
  readonly #settleMs: number
  readonly #openMax: number
  readonly #closedMs: number
  readonly #tracks = new Map<string, Track>()
  readonly #open = new Map<number, Reported>()
  /** Closed sessions, in the order of their last report. */
  readonly #closed = new Map<number, Reported>()
  #read = false
  #newest = -1
  /** Sessions up to this sequence may have been counted before the comparison began anew. */
  #unknownUpTo = -1

  constructor({ settleMs, lingerMs = 5000, openMax = OPEN_MAX }: PeerReconcilerOptions) {
    this.#settleMs = settleMs
    this.#closedMs = lingerMs + LATE_MS
    this.#openMax = openMax
  }

  /** Call with every record of every session, in order. */
  count(record: FlowRecord, { source, dest }: Ends): void {
    if (source === null && dest === null) return
    const isUnknown = this.#isUnknown(record.sequence)
    const increment = this.#increment(record)
    const shared = isUnknown || (source !== null && dest !== null)
    if (source !== null) {
      add(this.#track(source).counts.rx, increment.packetsTx, increment.bytesTx, shared)
      add(this.#track(source).counts.tx, increment.packetsRx, increment.bytesRx, shared)
    }
    if (dest !== null) {
      add(this.#track(dest).counts.tx, increment.packetsTx, increment.bytesTx, shared)
      add(this.#track(dest).counts.rx, increment.packetsRx, increment.bytesRx, shared)
    }
  }

  /**
   * Call with each reading of the device. `metering` is false until capture begins: the last reading before and the first
   * one after are the bounds of the counters at that time.
   */
  read(
    peers: readonly WireGuardPeer[],
    atMs: number,
    { metering, other }: { metering: boolean; other: Volume },
  ): void {
    const present = new Set(peers.map((peer) => peer.publicKey))
    for (const key of this.#tracks.keys()) if (!present.has(key)) this.#tracks.delete(key)
    for (const peer of peers) {
      const track = this.#track(peer.publicKey)
      const transfers: Record<Direction, number> = { rx: peer.rxBytes, tx: peer.txBytes }
      if (!track.known) this.#begin(track, transfers, atMs, metering)
      else if (
        DIRECTIONS.some((direction) => transfers[direction] < track.counts[direction].transfer)
      )
        restart(track, atMs)
      for (const direction of DIRECTIONS) {
        const counts = track.counts[direction]
        const transfer = transfers[direction]
        if (metering) this.#compare(track, counts, transfer, atMs, other)
        counts.transfer = transfer
        counts.packetsThen = counts.packets
        counts.bytesThen = counts.bytes
      }
    }
    this.#read ||= metering
  }

  /** Call when all sessions have ended and been counted: compares them with the last reading. */
  finish(atMs: number, other: Volume): PeerVerdict {
    for (const track of this.#tracks.values())
      for (const counts of Object.values(track.counts)) {
        const waiting = { atMs, transfer: counts.transfer }
        if (track.known) settle(track, counts, waiting, other)
      }
    return this.verdict()
  }

  verdict(): PeerVerdict {
    let [compared, unexplained, unexplainedBytes, unmeteredBytes] = [0, 0, 0, 0]
    let worst: PeerVerdict['worst'] = null
    for (const [publicKey, { counts, known }] of this.#tracks) {
      if (!known) continue
      compared++
      const bytes = DIRECTIONS.map((direction) => counts[direction].unexplained).filter(
        (n) => n !== 0,
      )
      if (bytes.length === 0) continue
      unexplained++
      for (const one of bytes) {
        unexplainedBytes += Math.abs(one)
        unmeteredBytes += Math.max(0, one)
        if (worst === null || Math.abs(one) > Math.abs(worst.bytes))
          worst = { publicKey, bytes: one }
      }
    }
    return { compared, unexplained, unexplainedBytes, unmeteredBytes, worst }
  }

  #begin(
    track: Track,
    transfers: Record<Direction, number>,
    atMs: number,
    metering: boolean,
  ): void {
    track.known = true
    track.sinceMs = atMs
    track.fromStart = !this.#read && this.#unknownUpTo < 0
    for (const direction of DIRECTIONS) {
      const counts = track.counts[direction]
      // Before metering, the counter is exact. If the first reading comes after metering began, the counter then was
      // between 0 and the transfer. A peer that comes later began at 0.
      counts.baseLow = metering ? 0 : transfers[direction]
      counts.baseHigh = metering && this.#read ? 0 : transfers[direction]
    }
  }

  #compare(
    track: Track,
    counts: DirectionCounts,
    transfer: number,
    atMs: number,
    other: Volume,
  ): void {
    // Metering began between the last reading and this one, so this transfer is the upper bound.
    if (!this.#read) counts.baseHigh = Math.max(counts.baseHigh, transfer)
    const needed = dataMessageBytes({ packets: counts.packetsThen, bytes: counts.bytesThen }).low
    const missing = track.fromStart ? Math.min(0, transfer - counts.baseLow - needed) : 0
    counts.unexplained = missing < 0 ? missing : Math.max(0, counts.unexplained)
    if (this.#settleMs === 0) return
    if (counts.waiting !== null && atMs >= counts.waiting.atMs + this.#settleMs) {
      if (missing === 0) settle(track, counts, counts.waiting, other)
      counts.waiting = null
    }
    counts.waiting ??= { atMs, transfer }
  }

  /** The difference between this record and the session's last one. */
  #increment(record: FlowRecord): Reported {
    const { sequence, packetsTx, packetsRx, bytesTx, bytesRx } = record
    this.#newest = Math.max(this.#newest, sequence)
    const before = this.#open.get(sequence) ?? this.#closed.get(sequence)
    this.#open.delete(sequence)
    this.#closed.delete(sequence)
    const atMs = performance.now()
    const reported = { packetsTx, packetsRx, bytesTx, bytesRx, atMs }
    if (record.endReason === 'activeTimeout') this.#remember(sequence, reported)
    else if (record.protocol === 'tcp') this.#rememberClosed(sequence, reported)
    return {
      packetsTx: packetsTx - (before?.packetsTx ?? 0),
      packetsRx: packetsRx - (before?.packetsRx ?? 0),
      bytesTx: bytesTx - (before?.bytesTx ?? 0),
      bytesRx: bytesRx - (before?.bytesRx ?? 0),
      atMs,
    }
  }

  #remember(sequence: number, reported: Reported): void {
    if (this.#open.size >= this.#openMax) this.#beginAnew()
    this.#open.set(sequence, reported)
  }

  /** Forgets all sessions. Their next report repeats traffic that was counted, so #isUnknown() marks it as shared. */
  #beginAnew(): void {
    this.#unknownUpTo = this.#newest
    this.#read = false
    this.#open.clear()
    this.#closed.clear()
    this.#tracks.clear()
  }

  /** True if an unknown part of the session's next report was already counted. */
  #isUnknown(sequence: number): boolean {
    if (sequence > this.#unknownUpTo) return false
    return !this.#open.has(sequence) && !this.#closed.has(sequence)
  }

  /** Remembers a closed session, because late packets bring one more report of it. */
  #rememberClosed(sequence: number, reported: Reported): void {
    for (const [oldest, { atMs }] of this.#closed) {
      const isPast = atMs < reported.atMs - this.#closedMs || this.#closed.size >= this.#openMax
      if (!isPast) break
      this.#closed.delete(oldest)
    }
    this.#closed.set(sequence, reported)
  }

  #track(publicKey: string): Track {
    let track = this.#tracks.get(publicKey)
    if (track === undefined) {
      track = {
        counts: { rx: newCounts(), tx: newCounts() },
        sinceMs: 0,
        known: false,
        fromStart: false,
      }
      this.#tracks.set(publicKey, track)
    }
    return track
  }
}

/** Sets `unexplained` to the octets of the transfer that the metered and shared traffic cannot explain even at most. */
function settle(
  { sinceMs }: Track,
  counts: DirectionCounts,
  { atMs, transfer }: NonNullable<DirectionCounts['waiting']>,
  other: Volume,
): void {
  const packets = counts.packets + counts.sharedPackets - counts.packetsBase + other.packets
  const bytes = counts.bytes + counts.sharedBytes - counts.bytesBase + other.bytes
  const messages = packets + Math.ceil(bytes / SEGMENT_MIN)
  const seconds = Math.max(0, (atMs - sinceMs) / 1000)
  const most = dataMessageBytes({ packets, bytes }, { messages }).high + controlBytesMax(seconds)
  const surplus = transfer - counts.baseHigh - most
  if (surplus > 0) counts.unexplained = surplus
  else if (counts.unexplained > 0) counts.unexplained = 0
}

/** Call when the counters fell back, because the peer or the interface was made anew. */
function restart(track: Track, atMs: number): void {
  track.sinceMs = atMs
  track.fromStart = false
  for (const counts of Object.values(track.counts)) {
    Object.assign(counts, { baseLow: 0, baseHigh: 0, waiting: null, unexplained: 0 })
    // Traffic reported since the last reading may be from before or after the restart, so count it as after.
    counts.packetsBase = counts.packetsThen
    counts.bytesBase = counts.bytesThen
  }
}

function add(counts: DirectionCounts, packets: number, bytes: number, shared: boolean): void {
  if (shared) {
    counts.sharedPackets += packets
    counts.sharedBytes += bytes
  } else {
    counts.packets += packets
    counts.bytes += bytes
  }
}

function newCounts(): DirectionCounts {
  return {
    packets: 0,
    bytes: 0,
    sharedPackets: 0,
    sharedBytes: 0,
    baseLow: 0,
    baseHigh: 0,
    packetsBase: 0,
    bytesBase: 0,
    transfer: 0,
    packetsThen: 0,
    bytesThen: 0,
    waiting: null,
    unexplained: 0,
  }
}
