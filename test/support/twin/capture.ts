/**
 * The twin's reader of classic pcap and pcapng: whole file in memory, one packet after the other.
 *
 * Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. What cannot be read any more ends the list; the packets
 * before it stay, as libpcap and tshark do.
 */
import { gunzipSync } from 'node:zlib'

export interface Packet {
  /** Nanoseconds since the Unix epoch; null: the packet has no time of its own (pcapng simple packet block). */
  readonly ns: bigint | null
  /** LINKTYPE_* number. */
  readonly linkType: number
  /** Length on the wire, link header included. */
  readonly wireBytes: number
  /** What was captured of it. */
  readonly data: Uint8Array
  /** Of a pcapng section; 0 when absent. */
  readonly interface?: number
}

export interface Capture {
  readonly packets: Packet[]
  /** Why reading stopped before the end of the file, and at which byte; null after a clean end. */
  readonly damage: { readonly message: string; readonly byteOffset: number } | null
}

/** libpcap's MAXIMUM_SNAPLEN: a record that claims more is damage, not a packet. */
const CAPTURED_BYTES_MAX = 262_144

class Damage {
  readonly message: string
  readonly byteOffset: number
  constructor(message: string, byteOffset: number) {
    this.message = message
    this.byteOffset = byteOffset
  }
}

export function readCapture(file: Uint8Array): Capture {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? new Uint8Array(gunzipSync(file)) : file
  const packets: Packet[] = []
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (view.byteLength < 4) throw new Damage('not a capture file', 0)
    if (view.getUint32(0) === 0x0a0d0d0a) readPcapng(view, packets)
    else readPcap(view, packets)
    return { packets, damage: null }
  } catch (damage) {
    if (damage instanceof Damage) return { packets, damage }
    throw damage
  }
}

function slice(view: DataView, at: number, length: number): Uint8Array {
  if (at + length > view.byteLength) throw new Damage('the file ends inside a record', at)
  return new Uint8Array(view.buffer, view.byteOffset + at, length)
}

function readPcap(view: DataView, packets: Packet[]): void {
  const magics = new Map([
    [0xa1b2c3d4, { unit: 1000n, header: 16 }],
    [0xa1b23c4d, { unit: 1n, header: 16 }],
    [0xa1b2cd34, { unit: 1000n, header: 24 }], // Kuznetzov's: interface, protocol and packet type follow
  ])
  const little = magics.has(view.getUint32(0, true))
  const magic = magics.get(view.getUint32(0, little))
  if (magic === undefined || view.byteLength < 24) throw new Damage('not a capture file', 0)
  if (view.getUint16(4, little) !== 2) throw new Damage('unknown pcap version', 4)
  // Before 2.3 the two lengths are the other way round; in 2.3 some writers had it so.
  const minor = view.getUint16(6, little)
  // The upper bits hold the length of the frame check sequence.
  const linkType = view.getUint32(20, little) & 0x03ffffff
  let at = 24
  while (at < view.byteLength) {
    slice(view, at, magic.header)
    const lengths = [view.getUint32(at + 8, little), view.getUint32(at + 12, little)] as const
    const turned = minor < 3 || (minor === 3 && lengths[0] > lengths[1])
    const [captured, wireBytes] = turned ? [lengths[1], lengths[0]] : lengths
    if (captured > CAPTURED_BYTES_MAX) throw new Damage('captured length out of range', at)
    // A sub-second out of range says nothing: it must not move the clock by minutes.
    const subSecond = BigInt(view.getUint32(at + 4, little)) * magic.unit
    const ns =
      BigInt(view.getUint32(at, little)) * 1_000_000_000n +
      (subSecond < 999_999_999n ? subSecond : 999_999_999n)
    const data = slice(view, at + magic.header, captured)
    packets.push({ ns, linkType, wireBytes, data })
    at += magic.header + captured
  }
}

interface Interface {
  linkType: number
  snaplen: number
  unitsPerSecond: bigint
  offsetSeconds: bigint
}

function readPcapng(view: DataView, packets: Packet[]): void {
  let little = true
  let interfaces: Interface[] = []
  let at = 0
  while (at < view.byteLength) {
    slice(view, at, 12)
    if (view.getUint32(at) === 0x0a0d0d0a) {
      little = view.getUint32(at + 8, true) === 0x1a2b3c4d
      if (view.getUint32(at + 8, little) !== 0x1a2b3c4d)
        throw new Damage('bad byte-order magic', at)
      interfaces = []
    }
    const type = view.getUint32(at, little)
    const length = view.getUint32(at + 4, little)
    if (length < 12 || length % 4 !== 0) throw new Damage('bad block length', at)
    slice(view, at, length)
    if (view.getUint32(at + length - 4, little) !== length)
      throw new Damage('block lengths differ', at)
    const block = new DataView(view.buffer, view.byteOffset + at + 8, length - 12)
    try {
      readBlock(type, block, little, interfaces, packets)
    } catch (error) {
      if (error instanceof RangeError) throw new Damage('a block is too short', at)
      if (error instanceof Damage) throw new Damage(error.message, at)
      throw error
    }
    at += length
  }
}

function readBlock(
  type: number,
  block: DataView,
  little: boolean,
  interfaces: Interface[],
  packets: Packet[],
): void {
  const u16 = (at: number) => block.getUint16(at, little)
  const u32 = (at: number) => block.getUint32(at, little)
  if (type === 0x0a0d0d0a) {
    // 1.2 was written by mistake and is 1.0.
    if (u16(4) !== 1 || ![0, 2].includes(u16(6))) throw new Damage('unknown pcapng version', 0)
    readOptions(block, 16, little)
  } else if (type === 1) interfaces.push(readInterface(block, little))
  else if (type === 6 || type === 2) {
    // Enhanced packet block, or the obsolete packet block: they differ in the interface field.
    const face = interfaces[type === 6 ? u32(0) : u16(0)]
    if (face === undefined) throw new Damage('packet of an interface that was not described', 0)
    const units = (BigInt(u32(4)) << 32n) | BigInt(u32(8))
    const ns = (units * 1_000_000_000n) / face.unitsPerSecond + face.offsetSeconds * 1_000_000_000n
    if (u32(12) > CAPTURED_BYTES_MAX) throw new Damage('captured length out of range', 0)
    packets.push({
      ns,
      linkType: face.linkType,
      wireBytes: u32(16),
      data: slice(block, 20, u32(12)),
      interface: type === 6 ? u32(0) : u16(0),
    })
  } else if (type === 3) {
    const face = interfaces[0]
    if (face === undefined) throw new Damage('packet of an interface that was not described', 0)
    const limit = face.snaplen === 0 ? CAPTURED_BYTES_MAX : face.snaplen
    const captured = Math.min(u32(0), limit, block.byteLength - 4)
    packets.push({
      ns: null,
      linkType: face.linkType,
      wireBytes: u32(0),
      data: slice(block, 4, captured),
    })
  }
}

function readInterface(block: DataView, little: boolean): Interface {
  const options = readOptions(block, 8, little)
  const resolution = options.get(9)?.getUint8(0) ?? 6
  const unitsPerSecond =
    resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution)
  return {
    linkType: block.getUint16(0, little),
    snaplen: block.getUint32(4, little),
    unitsPerSecond,
    offsetSeconds: options.get(14)?.getBigInt64(0, little) ?? 0n,
  }
}

function readOptions(block: DataView, from: number, little: boolean): Map<number, DataView> {
  const options = new Map<number, DataView>()
  let at = from
  while (at + 4 <= block.byteLength) {
    const code = block.getUint16(at, little)
    const length = block.getUint16(at + 2, little)
    if (code === 0) break
    if (at + 4 + length > block.byteLength)
      throw new Damage('an option is longer than its block', 0)
    options.set(code, new DataView(block.buffer, block.byteOffset + at + 4, length))
    at += 4 + Math.ceil(length / 4) * 4
  }
  return options
}
