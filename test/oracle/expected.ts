/**
 * Sessions that the rules of docs/accuracy.md make of the truth's packets.
 *
 * Written apart from the twin and much smaller: it knows no capture format, no headers and no timers, only one row a
 * packet that tshark and the corpus' own decoder agreed on.
 */
import type { Conversation, TruthPacket } from './truth.js'

const [FIN, SYN, RST, ACK] = [1, 2, 4, 16]
const SECOND = 1_000_000
const IDLE = {
  handshake: 30 * SECOND,
  established: 7440 * SECOND,
  halfClosed: 240 * SECOND,
  udp: 60 * SECOND,
}
const LINGER = 5 * SECOND
const CLOCK_STEP = 60 * SECOND

export interface ExpectedSession {
  readonly conversation: number
  readonly pkts: { ab: number; ba: number }
  readonly bytes: { ab: number; ba: number }
  firstUs: number
  lastUs: number
}

export interface Stray {
  readonly conversation: number
  readonly dir: 'ab' | 'ba'
  readonly bytes: number
  readonly payload: number
  readonly fragment: boolean
}

export interface Expected {
  readonly sessions: ExpectedSession[]
  /** Packets of a conversation that belong to no session. */
  readonly strays: Stray[]
}

interface Open {
  readonly session: ExpectedSession
  readonly fins: Set<string>
  readonly syn: { ab: number | null; ba: number | null }
  handshake: boolean
  closedAt: number | null
  activeAt: number
}

export function expectSessions(
  conversations: readonly Conversation[],
  packets: readonly TruthPacket[],
): Expected {
  const expected: Expected = { sessions: [], strays: [] }
  const open = new Map<number, Open>()
  let [us, now, offset, lastOffset] = [0, Number.NEGATIVE_INFINITY, 0, 0]
  for (const [i, packet] of packets.entries()) {
    us = packet.us ?? us
    // A clock that was set, or that comes back to where it was before that.
    const step = Math.abs(us + offset - now) > CLOCK_STEP
    if (step && Math.abs(us + lastOffset - now) <= CLOCK_STEP) {
      ;[offset, lastOffset] = [lastOffset, offset]
    } else if (us + offset < now - CLOCK_STEP) {
      ;[offset, lastOffset] = [now - us, offset]
    }
    // A stamp far ahead is wrong if the next packet is at the old time.
    const next = packets[i + 1]?.us ?? us
    const wrong = us + offset > now + CLOCK_STEP && Math.abs(next + offset - now) <= CLOCK_STEP
    if (!wrong) now = Math.max(now, us + offset)
    const tcp = conversations[packet.conversation]!.proto === 'tcp'
    let current = open.get(packet.conversation)
    if (current !== undefined && isOver(current, packet, tcp, now)) current = undefined
    if (current === undefined && (packet.laterFragment || (tcp && isStray(packet)))) {
      const { conversation, dir, ipBytes: bytes, laterFragment: fragment } = packet
      expected.strays.push({ conversation, dir, bytes, payload: packet.payload ?? 0, fragment })
      open.delete(packet.conversation)
      continue
    }
    if (current === undefined) {
      current = start(packet.conversation)
      expected.sessions.push(current.session)
      open.set(packet.conversation, current)
    }
    count(current, packet, tcp, us, now)
  }
  return expected
}

function isOpeningSyn(flags: number): boolean {
  return (flags & (SYN | ACK | RST | FIN)) === SYN
}

function isStray({ flags, payload }: TruthPacket): boolean {
  if (flags === null) return false
  if (flags & (RST | FIN)) return true
  return (flags & SYN) === 0 && payload === 0
}

function isOver(open: Open, packet: TruthPacket, tcp: boolean, now: number): boolean {
  if (open.closedAt !== null) {
    if (now - open.closedAt > LINGER) return true
    const { flags, dir, tcpSequence } = packet
    return flags !== null && isOpeningSyn(flags) && open.syn[dir] !== tcpSequence
  }
  const idle = !tcp
    ? IDLE.udp
    : open.fins.size > 0
      ? IDLE.halfClosed
      : open.handshake
        ? IDLE.handshake
        : IDLE.established
  return now - open.activeAt > idle
}

function start(conversation: number): Open {
  const session = {
    conversation,
    pkts: { ab: 0, ba: 0 },
    bytes: { ab: 0, ba: 0 },
    firstUs: Number.POSITIVE_INFINITY,
    lastUs: 0,
  }
  const syn = { ab: null, ba: null }
  return { session, fins: new Set(), syn, handshake: true, closedAt: null, activeAt: 0 }
}

function count(open: Open, packet: TruthPacket, tcp: boolean, us: number, now: number): void {
  const { session } = open
  session.pkts[packet.dir]++
  session.bytes[packet.dir] += packet.ipBytes
  session.firstUs = Math.min(session.firstUs, us)
  session.lastUs = Math.max(session.lastUs, us)
  open.activeAt = now
  if (!tcp || packet.laterFragment) return
  const flags = packet.flags ?? 0
  if (isOpeningSyn(flags)) open.syn[packet.dir] = packet.tcpSequence
  if ((flags & (SYN | RST)) === 0) open.handshake = false
  if (flags & FIN) open.fins.add(packet.dir)
  if (open.closedAt === null && (flags & RST || open.fins.size === 2)) open.closedAt = now
}
