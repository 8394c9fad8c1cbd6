/**
 * The engine without a source and without a thread: takes packets from JavaScript and returns records, synchronously.
 * For tests, the slow twin and micro benchmarks; a meter uses `FlowMeter`.
 *
 * Packing of `feed`: little endian, one packet after the other, each at a multiple of 8 bytes:
 *
 *   byte  0               8                12           16          18          20     24
 *         | timestamp_ns  | captured bytes | wire bytes | link type | interface | zero | captured bytes of data ... | zero padding |
 *         | i64           | u32            | u32        | u16       | u16       | u32  |
 *
 * `timestamp_ns` is nanoseconds since the Unix epoch, or NO_TIMESTAMP (-2^63) for a packet without a time.
 */
import { loadAddon, type NativePacketEngine } from './addon.js'
import { type EngineCounters, readCounters } from './counters.js'
import { type EngineOptions, nativeEngineOptions, packPrefixes } from './engine-options.js'
import { RecordBatch } from './record-decode.js'

export const PACKET_HEADER_BYTES = 24
/** A packet without a time of its own (pcapng simple packet block). */
export const NO_TIMESTAMP = -(2n ** 63n)

/** The link types that the engine can decode (LINKTYPE_*, https://www.tcpdump.org/linktypes.html). */
export const LINK_TYPES = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  rawDlt12: 12,
  raw: 101,
  ciscoHdlc: 104,
  loop: 108,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  nflog: 239,
  linuxSll2: 276,
} as const

export interface PacketInput {
  readonly timestampNs: bigint
  /** The captured bytes, from the link header on; the snaplen may have cut the end. */
  readonly data: Uint8Array
  /** Length on the wire, link header included. Default: `data.length`. */
  readonly wireBytes?: number
  /** LINKTYPE_*. Default: raw IP (101). */
  readonly linkType?: number
  /** Interface of a pcapng section; each may have a clock of its own. Default: 0. */
  readonly interface?: number
}

/** Collects packets in the packing of `feed`. `take()` returns the bytes and empties the packer. */
export class PacketPacker {
  #buffer: Buffer
  #length = 0
  #count = 0

  constructor(initialBytes = 64 * 1024) {
    this.#buffer = Buffer.alloc(initialBytes)
  }

  get count(): number {
    return this.#count
  }

  add(packet: PacketInput): this {
    const { data } = packet
    const at = this.#length
    const end = at + PACKET_HEADER_BYTES + ((data.length + 7) & ~7)
    if (end > this.#buffer.length) this.#grow(end)
    const buffer = this.#buffer
    buffer.writeBigInt64LE(packet.timestampNs, at)
    buffer.writeUInt32LE(data.length, at + 8)
    buffer.writeUInt32LE(packet.wireBytes ?? data.length, at + 12)
    buffer.writeUInt16LE(packet.linkType ?? LINK_TYPES.raw, at + 16)
    buffer.writeUInt16LE(packet.interface ?? 0, at + 18)
    buffer.fill(0, at + 20, at + PACKET_HEADER_BYTES)
    buffer.set(data, at + PACKET_HEADER_BYTES)
    buffer.fill(0, at + PACKET_HEADER_BYTES + data.length, end)
    this.#length = end
    this.#count += 1
    return this
  }

  take(): Uint8Array {
    const bytes = Uint8Array.prototype.slice.call(this.#buffer, 0, this.#length)
    this.#length = 0
    this.#count = 0
    return bytes
  }

  #grow(needed: number): void {
    const larger = Buffer.alloc(Math.max(needed, this.#buffer.length * 2))
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
  }
}

export class PacketEngine {
  readonly #native: NativePacketEngine

  constructor(options: Partial<EngineOptions> = {}) {
    this.#native = new (loadAddon().PacketEngine)(nativeEngineOptions(options))
  }

  /** Meters packed packets, in order. If the packing is broken, meters none and throws a RangeError. */
  feed(packets: Uint8Array): void {
    this.#native.feed(packets)
  }

  /** Moves engine time on as a packet of this time would. A live source needs it when no packets come. */
  advance(timestampNs: bigint): void {
    this.#native.advance(timestampNs)
  }

  /** The inside prefixes (`10.8.0.0/24`, `fd00::1`): they are the initiators of sessions that open without a SYN. */
  setInside(prefixes: readonly string[]): void {
    this.#native.setInside(packPrefixes(prefixes))
  }

  /** Begins an epoch for sessions that open from now on. */
  beginEpoch(epoch: number): void {
    this.#native.beginEpoch(epoch)
  }

  /** No session of an older epoch is open. */
  oldestEpoch(): number {
    return this.#native.oldestEpoch()
  }

  /** Ends the input and reports every session. The engine can be fed again; its sequence numbers go on. */
  finish(): void {
    this.#native.finish()
  }

  /** The records since the last call, in the order in which the engine made them. */
  records(): RecordBatch {
    return new RecordBatch(this.#native.records())
  }

  counters(): EngineCounters {
    return readCounters(this.#native.counters())
  }

  /** Walks all structures and returns what is wrong with them, or null. Slow: for tests. */
  check(): string | null {
    return this.#native.check()
  }

  /** Bytes of memory that the flow table, index, timers and fragments hold now. */
  memoryBytes(): number {
    return this.#native.memoryBytes()
  }
}
