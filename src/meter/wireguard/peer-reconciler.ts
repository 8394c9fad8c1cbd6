/**
 * Each peer's transfer counters against the sessions that were metered for it.
 *
 * In: the sessions' records as they come, readings of the device and when (monotonic), other traffic's sum. Out: for how
 * many peers, and by how many octets, the two sides cannot be made to agree.
 *
 * Neither side is known at one instant. Sessions report every so often (`settleMs`), so what was reported is at most what
 * had passed; and what had passed at a reading has been reported `settleMs` later. So a transfer is compared twice:
 *
 *     too little: transfer now              <  what was reported at the reading before     -> negative
 *     too much:   transfer `settleMs` ago   >  what is reported now + what is not by peer  -> positive
 *
 * What is not counted by peer: handshakes and keepalives (as many as their timers allow), other traffic (any of it may
 * be any peer's), and sessions between two peers, whose packets pass the interface twice. The comparison is as blunt as
 * that sum is large. Of a peer that came, or came again, while metering only the second comparison is made: late reports
 * may be of its life before.
 */
import type { FlowRecord } from '../../session/session.js'
import type { WireGuardPeer } from './device.js'
import { controlBytesMax, dataMessageBytes, type Volume } from './reconcile.js'

/** The peers, by public key, that hold a session's two ends. */
export interface Ends {
  readonly source: string | null
  readonly dest: string | null
}

export interface PeerVerdict {
  /** Peers for which both sides are known. */
  readonly compared: number
  readonly unexplained: number
  /** Of all of them, each without its sign. */
  readonly unexplainedBytes: number
  /** The peer with most of it, and its octets: positive when it sent or got what was not metered. */
  readonly worst: { readonly publicKey: string; readonly bytes: number } | null
}

type Direction = 'rx' | 'tx'
const DIRECTIONS: readonly Direction[] = ['rx', 'tx']

/** One direction of a peer. */
interface DirectionCounts {
  /** Metered for this peer alone, and what may be another's as well. Cumulative. */
  packets: number
  bytes: number
  sharedPackets: number
  sharedBytes: number
  /** The transfer counter when metering began, bracketed, and this direction's own counts then. */
  baseLow: number
  baseHigh: number
  packetsBase: number
  bytesBase: number
  /** At the last reading. */
  transfer: number
  packetsThen: number
  bytesThen: number
  /** Transfer that waits until all that belongs to it has been reported. */
  waiting: { readonly atMs: number; readonly transfer: number } | null
  unexplained: number
}

interface Track {
  readonly counts: Record<Direction, DirectionCounts>
  sinceMs: number
  /** It has been in a reading. */
  known: boolean
  /** It was there when metering began: every report is of this life. */
  fromStart: boolean
}

interface Reported {
  packetsTx: number
  packetsRx: number
  bytesTx: number
  bytesRx: number
  /** When that was. */
  atMs: number
}

/** Longer than a closed session lingers. */
const LATE_MS = 30_000
/** Open sessions whose reports so far are remembered; with more of them the comparison begins anew. */
const OPEN_MAX = 131_072
/**
 * A kernel device, and a userspace one whose TUN has segmentation offload (wireguard-go since 2023), gets super-packets
 * and cuts them itself: into segments of at least this many octets (RFC 9293's default of the maximum segment size).
 */
const SEGMENT_MIN = 536

export interface PeerReconcilerOptions {
  /** Within this every open session has been reported; 0: only when it ends, so only `finish` compares. */
  readonly settleMs: number
  readonly openMax?: number
}

export class PeerReconciler {
  readonly #settleMs: number
  readonly #openMax: number
  readonly #tracks = new Map<string, Track>()
  readonly #open = new Map<number, Reported>()
  /** In order of their end. */
  readonly #closed = new Map<number, Reported>()
  #read = false
  #newest = -1
  /** Sessions up to this one may have been counted before the comparison began anew. */
  #unknownUpTo = -1

  constructor({ settleMs, openMax = OPEN_MAX }: PeerReconcilerOptions) {
    this.#settleMs = settleMs
    this.#openMax = openMax
  }

  /** Every record of every session, in order. */
  count(record: FlowRecord, { source, dest }: Ends): void {
    if (source === null && dest === null) return
    const isUnknown = this.#isUnknown(record.sequence)
    const more = this.#increment(record)
    const shared = isUnknown || (source !== null && dest !== null)
    if (source !== null) {
      add(this.#track(source).counts.rx, more.packetsTx, more.bytesTx, shared)
      add(this.#track(source).counts.tx, more.packetsRx, more.bytesRx, shared)
    }
    if (dest !== null) {
      add(this.#track(dest).counts.tx, more.packetsTx, more.bytesTx, shared)
      add(this.#track(dest).counts.rx, more.packetsRx, more.bytesRx, shared)
    }
  }

  /**
   * A reading of the device. `metering` is false until the interface is read: the last reading before and the first one
   * after bracket where the counters began.
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

  /** All sessions have ended and been counted: what was read last is compared with all of it. */
  finish(atMs: number, other: Volume): PeerVerdict {
    for (const track of this.#tracks.values())
      for (const counts of Object.values(track.counts)) {
        const waiting = { atMs, transfer: counts.transfer }
        if (track.known) settle(track, counts, waiting, other)
      }
    return this.verdict()
  }

  verdict(): PeerVerdict {
    let [compared, unexplained, unexplainedBytes] = [0, 0, 0]
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
        if (worst === null || Math.abs(one) > Math.abs(worst.bytes))
          worst = { publicKey, bytes: one }
      }
    }
    return { compared, unexplained, unexplainedBytes, worst }
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
      // A peer that came while others were known began at 0; of a device that is read for the first time nothing is
      // known, and before metering it is what it is.
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
    // The first reading after metering began: it began somewhere between the two.
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

  /** What the record reports beyond the session's last one. */
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

  /** What is forgotten of sessions would count twice: the next report of each counts as one that may be of before. */
  #beginAnew(): void {
    this.#unknownUpTo = this.#newest
    this.#read = false
    this.#open.clear()
    this.#closed.clear()
    this.#tracks.clear()
  }

  /** How much of its report was there before is not known. */
  #isUnknown(sequence: number): boolean {
    if (sequence > this.#unknownUpTo) return false
    return !this.#open.has(sequence) && !this.#closed.has(sequence)
  }

  /** A closed session is reported once more when packets of it come late. */
  #rememberClosed(sequence: number, reported: Reported): void {
    for (const [oldest, { atMs }] of this.#closed) {
      const isPast = atMs < reported.atMs - LATE_MS || this.#closed.size >= this.#openMax
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

/** More than all that can have passed: what was not metered. */
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

/** The counters fell back: the peer, or the interface, was made anew. */
function restart(track: Track, atMs: number): void {
  track.sinceMs = atMs
  track.fromStart = false
  for (const counts of Object.values(track.counts)) {
    Object.assign(counts, { baseLow: 0, baseHigh: 0, waiting: null, unexplained: 0 })
    // What was reported since the last reading may be of either life.
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
