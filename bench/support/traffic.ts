/**
 * Seeded traffic for the benchmarks, as a classic pcap file of raw IP (link type 101), snaplen 96.
 *
 * skewed   a fixed set of long flows with a cubic skew (the busiest thousandth gets a tenth of the packets)
 * short    flows of about 13 packets from SYN to the last ACK, 20,000 of them open at a time
 * uniform  a fixed set of flows, all equally busy, so that caches cannot help
 * scan     every packet opens a flow: a SYN, or a datagram, without an answer
 *
 * 85 % TCP, 15 % UDP; 10 % of the flows are IPv6. Every packet belongs to a session, so a meter's
 * sums of packets and bytes must equal the returned totals.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { Random } from './random.js'

export type Shape = 'skewed' | 'short' | 'uniform' | 'scan'

export interface TrafficOptions {
  readonly shape: Shape
  readonly packets: number
  /** For skewed and uniform; short and scan make as many flows as the packets need. */
  readonly flows: number
  readonly seed: number
}

export interface TrafficTotals {
  readonly packets: number
  readonly ipBytes: number
  readonly flows: number
}

const SNAPLEN = 96
const RECORD_HEADER_BYTES = 16
const CHUNK_BYTES = 8 * 1024 * 1024
const START_SECONDS = 1_700_000_000
/**
 * Small, so that no open flow pauses for a timeout, and the last ACK comes within the linger time
 * of 5 s.
 */
const MICROSECONDS_A_PACKET = 10
const WINDOW_FLOWS = 20_000
const SHORT_TCP_PACKETS = 13

const FIN = 0x01
const SYN = 0x02
const PSH = 0x08
const ACK = 0x10

/** Packets of each flow; absent: random for each flow. */
const LENGTH_OF: Readonly<Partial<Record<Shape, number>>> = {
  skewed: Number.POSITIVE_INFINITY,
  uniform: Number.POSITIVE_INFINITY,
  scan: 1,
}

interface Flow {
  readonly id: number
  readonly ipv6: boolean
  readonly udp: boolean
  /** The flow's number of packets; infinite for a flow without an end. */
  readonly length: number
  sent: number
  /** TCP: the next sequence number of the initiator and of the responder. */
  readonly sequence: [number, number]
}

interface PacketShape {
  readonly fromInitiator: boolean
  readonly flags: number
  readonly payloadBytes: number
}

function newFlow(id: number, shape: Shape, random: Random): Flow {
  const udp = random.below(100) < 15
  const short = udp ? 2 + random.below(22) : SHORT_TCP_PACKETS
  const ipv6 = random.below(10) === 0
  return { id, ipv6, udp, length: LENGTH_OF[shape] ?? short, sent: 0, sequence: [id, id] }
}

/** The next packet of a flow: handshake, data both ways, and at a flow's end FIN, FIN-ACK, ACK. */
function nextPacket(flow: Flow, random: Random): PacketShape {
  const at = flow.sent++
  const payloadBytes = random.below(3) === 0 ? 0 : random.below(1340)
  if (flow.udp) return { fromInitiator: at % 2 === 0, flags: 0, payloadBytes }
  const left = flow.length - at
  if (at === 0) return { fromInitiator: true, flags: SYN, payloadBytes: 0 }
  if (at === 1) return { fromInitiator: false, flags: SYN | ACK, payloadBytes: 0 }
  if (left === 3) return { fromInitiator: true, flags: FIN | ACK, payloadBytes: 0 }
  if (left === 2) return { fromInitiator: false, flags: FIN | ACK, payloadBytes: 0 }
  if (at === 2 || left === 1) return { fromInitiator: true, flags: ACK, payloadBytes: 0 }
  return { fromInitiator: random.below(5) < 2, flags: PSH | ACK, payloadBytes }
}

class PcapWriter {
  readonly #file: number
  readonly #buffer = Buffer.alloc(CHUNK_BYTES + 2048)
  #at = 0
  #microseconds = 0
  packets = 0
  ipBytes = 0

  constructor(path: string) {
    this.#file = openSync(path, 'w')
    const header = [0xa1b2c3d4, 0x00040002, 0, 0, SNAPLEN, 101]
    for (const word of header) this.#at = this.#buffer.writeUInt32LE(word, this.#at)
  }

  write(flow: Flow, packet: PacketShape): void {
    const ipHeaderBytes = flow.ipv6 ? 40 : 20
    const l4HeaderBytes = flow.udp ? 8 : 20
    const ipBytes = ipHeaderBytes + l4HeaderBytes + packet.payloadBytes
    const captured = Math.min(ipBytes, SNAPLEN)
    const b = this.#buffer
    const start = this.#at
    b.writeUInt32LE(START_SECONDS + Math.floor(this.#microseconds / 1e6), start)
    b.writeUInt32LE(this.#microseconds % 1e6, start + 4)
    b.writeUInt32LE(captured, start + 8)
    b.writeUInt32LE(ipBytes, start + 12)
    const ip = start + RECORD_HEADER_BYTES
    b.fill(0, ip, ip + captured)
    if (flow.ipv6) this.#ipv6(ip, flow, packet, ipBytes)
    else this.#ipv4(ip, flow, packet, ipBytes)
    this.#transport(ip + ipHeaderBytes, flow, packet, ipBytes - ipHeaderBytes)
    this.#at = ip + captured
    this.#microseconds += MICROSECONDS_A_PACKET
    this.packets += 1
    this.ipBytes += ipBytes
    if (this.#at >= CHUNK_BYTES) this.#flush()
  }

  #ipv4(at: number, flow: Flow, packet: PacketShape, ipBytes: number): void {
    const b = this.#buffer
    b[at] = 0x45
    b.writeUInt16BE(ipBytes, at + 2)
    b[at + 8] = 64
    b[at + 9] = flow.udp ? 17 : 6
    const client = 0x0a000000 + (flow.id >>> 4)
    const server = 0xac100000 + (flow.id & 0xfff)
    b.writeUInt32BE(packet.fromInitiator ? client : server, at + 12)
    b.writeUInt32BE(packet.fromInitiator ? server : client, at + 16)
  }

  #ipv6(at: number, flow: Flow, packet: PacketShape, ipBytes: number): void {
    const b = this.#buffer
    b[at] = 0x60
    b.writeUInt16BE(ipBytes - 40, at + 4)
    b[at + 6] = flow.udp ? 17 : 6
    b[at + 7] = 64
    const [client, server] = packet.fromInitiator ? [at + 8, at + 24] : [at + 24, at + 8]
    b.writeUInt16BE(0xfd00, client)
    b.writeUInt32BE(flow.id >>> 4, client + 12)
    b.writeUInt16BE(0xfd01, server)
    b.writeUInt32BE(flow.id & 0xfff, server + 12)
  }

  #transport(at: number, flow: Flow, packet: PacketShape, l4Bytes: number): void {
    const b = this.#buffer
    // Unique together with the addresses, which lack the low four bits of the id.
    const clientPort = 20_000 + (flow.id & 0xf) * 2_000 + (flow.id % 1_999)
    const serverPort = flow.udp ? 53 : 443
    b.writeUInt16BE(packet.fromInitiator ? clientPort : serverPort, at)
    b.writeUInt16BE(packet.fromInitiator ? serverPort : clientPort, at + 2)
    if (flow.udp) {
      b.writeUInt16BE(l4Bytes, at + 4)
      return
    }
    const side = packet.fromInitiator ? 0 : 1
    b.writeUInt32BE(flow.sequence[side] >>> 0, at + 4)
    flow.sequence[side] += packet.payloadBytes + ((packet.flags & (SYN | FIN)) === 0 ? 0 : 1)
    b[at + 12] = 0x50
    b[at + 13] = packet.flags
  }

  #flush(): void {
    writeSync(this.#file, this.#buffer, 0, this.#at)
    this.#at = 0
  }

  close(): void {
    this.#flush()
    closeSync(this.#file)
  }
}

/** Chooses the flow of the next packet. */
function chooser(options: TrafficOptions, random: Random): { next(): Flow; count(): number } {
  const fixed = LENGTH_OF[options.shape] === Number.POSITIVE_INFINITY
  const slots = fixed ? options.flows : WINDOW_FLOWS
  let made = 0
  const make = () => newFlow(made++, options.shape, random)
  const open = Array.from({ length: slots }, make)
  const next = (): Flow => {
    const skew = options.shape === 'skewed' ? random.unit() ** 3 : random.unit()
    const at = Math.floor(skew * slots)
    const flow = open[at]!
    if (flow.sent < flow.length) return flow
    open[at] = make()
    return open[at]
  }
  return { next, count: () => made }
}

export function writeTraffic(path: string, options: TrafficOptions): TrafficTotals {
  const random = new Random(options.seed)
  const flows = chooser(options, random)
  const writer = new PcapWriter(path)
  while (writer.packets < options.packets) {
    const flow = flows.next()
    writer.write(flow, nextPacket(flow, random))
  }
  writer.close()
  return { packets: writer.packets, ipBytes: writer.ipBytes, flows: flows.count() }
}
