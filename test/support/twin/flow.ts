/** One flow of the twin: a session being counted, and what its record says. */
import type { DirectionBasis, EndReason, FlowRecord } from '../../../src/session/session.js'
import type { Clock, Clocks } from './clocks.js'
import type { Endpoint, Segment } from './ip.js'
import { Sequences } from './sequences.js'
import { ACK, FIN, RST, SYN, TcpState } from './tcp-state.js'

/** A FlowRecord with what only the binary record has (RecordFlags). */
export interface TwinRecord extends FlowRecord {
  readonly icmpError: boolean
}

/** All microseconds. */
export interface Timeouts {
  handshake: number
  established: number
  halfClosed: number
  udp: number
  linger: number
  /** 0: no interim records. */
  active: number
}

class Direction {
  packets = 0
  bytes = 0
  payload = 0
  flags = 0
  finSeen = false
  readonly sequences = new Sequences()
  /** Of the latest SYN without ACK. */
  synSequence: number | null = null
  /** The highest number is not acknowledged. */
  unanswered = false
}

export interface WaitingSyn {
  /** The latest, with the flags of all. */
  readonly latest: Segment
  readonly amount: { packets: number; bytes: number; payload: number }
  readonly times: { minUs: number; maxUs: number }
  readonly latestUs: number
}

export const EARLY_REPORT_US = 100_000
/** The latest time counted for a handshake; one more means "unseen" in the binary record. */
const RTT_US_MAX = 2 ** 32 - 2

/** A SYN that opens a session, or starts another one on a closed flow. */
export function isOpeningSyn(flags: number | null): boolean {
  return flags !== null && (flags & (SYN | ACK | RST | FIN)) === SYN
}

export function endpointText(endpoint: Endpoint): string {
  return `${endpoint.ip} ${endpoint.port}`
}

function acknowledgesAll({ flags, tcpAcknowledgement }: Segment, of: Direction): boolean {
  return ((flags ?? 0) & ACK) !== 0 && tcpAcknowledgement === of.sequences.next32
}

export class Flow {
  readonly tx = new Direction()
  readonly rx = new Direction()
  readonly tcp: TcpState | null
  readonly midstream: boolean
  firstUs = Number.POSITIVE_INFINITY
  lastUs = 0
  /** Of the latest packet; the times below are its engine time. */
  clock: Clock
  lastActivityUs: number
  closedAtUs: number | null = null
  nextInterimUs: number
  packetsAtReport = 0
  /** A record has said when it started. */
  startSaid = false
  earlyReported = false
  icmpError = false
  /** A SYN, with its retransmissions, whose answer says which session it belongs to. */
  waitingSyn: WaitingSyn | null = null
  #handshake = true
  #initiatorSynUs: number | null = null
  #synAckSeen = false
  #rttUs: number | null = null

  readonly sequence: number
  readonly epoch: number
  readonly protocol: 'tcp' | 'udp'
  readonly initiator: Endpoint
  readonly responder: Endpoint
  readonly basis: DirectionBasis
  readonly timeouts: Timeouts

  constructor(
    sequence: number,
    epoch: number,
    opener: Segment,
    orientation: { initiator: Endpoint; responder: Endpoint; basis: DirectionBasis },
    clocks: Clocks,
    timeouts: Timeouts,
  ) {
    this.sequence = sequence
    this.epoch = epoch
    this.protocol = opener.protocol
    this.initiator = orientation.initiator
    this.responder = orientation.responder
    this.basis = orientation.basis
    const nowUs = clocks.current.nowUs
    this.clock = clocks.current
    this.lastActivityUs = nowUs
    this.timeouts = timeouts
    this.nextInterimUs = timeouts.active > 0 ? nowUs + timeouts.active : Number.POSITIVE_INFINITY
    this.tcp = opener.protocol === 'tcp' ? new TcpState(this.basis === 'syn') : null
    this.midstream = this.tcp !== null && this.basis !== 'syn' && this.basis !== 'synAck'
  }

  /** To another clock's engine time. */
  moveTimes(byUs: number): void {
    this.nextInterimUs += byUs
    if (this.closedAtUs !== null) this.closedAtUs += byUs
  }

  /** Packets in both directions. */
  get packets(): number {
    return this.tx.packets + this.rx.packets
  }

  isFromInitiator(source: Endpoint): boolean {
    return endpointText(source) === endpointText(this.initiator)
  }

  /** First microsecond of engine time at which the flow is over if nothing more comes. */
  get endUs(): number {
    if (this.closedAtUs !== null) return this.closedAtUs + this.timeouts.linger + 1
    return this.lastActivityUs + this.idleTimeout + 1
  }

  /** A SYN that may open another connection: which session it belongs to, its answer says. */
  mustWaitForAnswer(segment: Segment): boolean {
    if (this.tcp === null || !isOpeningSyn(segment.flags) || segment.payload > 0) return false
    const direction = this.isFromInitiator(segment.source) ? this.tx : this.rx
    const another = segment.tcpSequence !== direction.synSequence
    const reset = ((this.tx.flags | this.rx.flags) & RST) !== 0
    if (this.closedAtUs !== null) return reset && !another
    if (!this.#handshake || this.tx.finSeen || this.rx.finSeen) return another
    const peer = direction === this.tx ? this.rx : this.tx
    const answered = (peer.flags & (SYN | ACK)) === (SYN | ACK)
    return another && answered && direction.synSequence !== null
  }

  get idleTimeout(): number {
    if (this.tcp === null) return this.timeouts.udp
    if (this.tx.finSeen || this.rx.finSeen) return this.timeouts.halfClosed
    return this.#handshake ? this.timeouts.handshake : this.timeouts.established
  }

  /** Why the flow ends if it ends at `nowUs`; null: nothing but force ends it. */
  naturalEnd(nowUs: number): 'endOfFlowDetected' | 'idleTimeout' | null {
    if (this.closedAtUs !== null) return 'endOfFlowDetected'
    return this.endUs <= nowUs ? 'idleTimeout' : null
  }

  /** Counts packets of one direction: one packet, or the fragments that waited for their head. */
  count(
    fromInitiator: boolean,
    amount: { packets: number; bytes: number; payload: number },
    times: { minUs: number; maxUs: number },
  ): void {
    const direction = fromInitiator ? this.tx : this.rx
    direction.packets += amount.packets
    direction.bytes += amount.bytes
    direction.payload += amount.payload
    if (!this.startSaid) this.firstUs = Math.min(this.firstUs, times.minUs)
    this.lastUs = Math.max(this.lastUs, times.maxUs)
  }

  /** Which of its numbers came again. Call before count() and follow(). */
  number(fromInitiator: boolean, segment: Segment): void {
    if (this.tcp === null) return
    const direction = fromInitiator ? this.tx : this.rx
    const { payload, flags } = direction
    const oneStream = endpointText(this.initiator) !== endpointText(this.responder)
    const peer = fromInitiator ? this.rx : this.tx
    if (acknowledgesAll(segment, peer)) peer.unanswered = false
    const before = direction.sequences.next
    direction.sequences.take(segment, { payload, flags, oneStream })
    if (direction.sequences.next !== before) direction.unanswered = true
  }

  /** TCP repeats what is not acknowledged, and acknowledges at once: true if it would have done so in a minute of silence. */
  goesOnAtOnce(segment: Segment, before: readonly Segment[]): boolean {
    const { flags, payload, tcpSequence } = segment
    if (this.tcp === null || flags === null || flags & RST || this.closedAtUs !== null) return false
    if (endpointText(this.initiator) === endpointText(this.responder)) return false
    const same = (each: Segment) => endpointText(each.source) === endpointText(segment.source)
    if (before.some(same)) return false
    const [self, peer] = this.isFromInitiator(segment.source)
      ? [this.tx, this.rx]
      : [this.rx, this.tx]
    if (before.length === 0 && peer.unanswered && acknowledgesAll(segment, peer)) return true
    const more = payload > 0 || (flags & FIN) !== 0
    return more && self.unanswered && peer.packets > 0 && tcpSequence === self.sequences.next32
  }

  /** What a TCP header (null: cut off) says beyond the lengths. Call after count(). */
  follow(fromInitiator: boolean, segment: Segment, packetUs: number): void {
    if (this.tcp === null) return
    const flags = segment.flags ?? 0
    const self = fromInitiator ? this.tx : this.rx
    self.flags |= flags
    if ((flags & (SYN | ACK | RST | FIN)) === (SYN | ACK)) {
      // It names the SYN that was not seen: that one may come late.
      const peer = fromInitiator ? this.rx : this.tx
      peer.synSequence ??= (segment.tcpAcknowledgement - 1) >>> 0
    }
    if (isOpeningSyn(flags)) self.synSequence = segment.tcpSequence
    this.#measureHandshake(fromInitiator, flags, packetUs)
    if ((flags & (SYN | RST)) === 0) this.#handshake = false
    if (flags & FIN) self.finSeen = true
    if (this.closedAtUs === null && (flags & RST || (this.tx.finSeen && this.rx.finSeen))) {
      this.closedAtUs = this.lastActivityUs
    }
    this.tcp.packet(fromInitiator, flags, segment.payload)
  }

  #measureHandshake(fromInitiator: boolean, flags: number, packetUs: number): void {
    if (flags & RST || (flags & SYN) === 0) return
    if (fromInitiator && (flags & ACK) === 0) this.#initiatorSynUs = packetUs
    if (!fromInitiator && flags & ACK && !this.#synAckSeen) {
      this.#synAckSeen = true
      if (this.#initiatorSynUs === null) return
      this.#rttUs = Math.min(Math.max(packetUs - this.#initiatorSynUs, 0), RTT_US_MAX)
    }
  }

  record(endReason: EndReason): TwinRecord {
    return {
      sequence: this.sequence,
      epoch: this.epoch,
      startTimeUs: this.firstUs,
      endTimeUs: this.lastUs,
      protocol: this.protocol,
      sourceIp: this.initiator.ip,
      sourcePort: this.initiator.port,
      destIp: this.responder.ip,
      destPort: this.responder.port,
      bytesTx: this.tx.bytes,
      bytesRx: this.rx.bytes,
      packetsTx: this.tx.packets,
      packetsRx: this.rx.packets,
      payloadTx: this.tx.payload,
      payloadRx: this.rx.payload,
      endReason,
      connState: this.#connState(),
      tcpFlagsTx: this.tx.flags,
      tcpFlagsRx: this.rx.flags,
      handshakeRttUs: this.#rttUs,
      directionBasis: this.basis,
      midstream: this.midstream,
      icmpError: this.icmpError,
      retransmitsTx: this.tx.sequences.segments,
      retransmitsRx: this.rx.sequences.segments,
      retransmittedBytesTx: this.tx.sequences.octets,
      retransmittedBytesRx: this.rx.sequences.octets,
    }
  }

  #connState(): FlowRecord['connState'] {
    const state =
      this.tcp?.word(this.tx.payload + this.rx.payload > 0) ??
      (this.tx.packets === 0 ? 'SHR' : this.rx.packets === 0 ? 'S0' : 'SF')
    return state === 'S0' && this.icmpError && this.rx.packets === 0 ? 'REJ' : state
  }
}
