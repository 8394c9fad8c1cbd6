// First inputs for fuzzing, made from real captures and from the tests' packets.
//
//   pcap, pcapng   the first bytes of each capture of that format
//   gzip           the same, packed (first byte odd) and to be packed (even); see native/fuzz/fuzz_readers.cc
//   packets        the first packets of each capture, the tests' odd packets of each link type, and generated
//                  conversations, in the encoding of native/fuzz/fuzz_packets.cc
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { events } from '../../test/property/scenario.ts'
import { rollScenario } from '../../test/property/shapes.ts'
import { COUNTED_TRAFFIC, OTHER_TRAFFIC } from '../../test/support/other-traffic.ts'
import { type Packet, readCapture } from '../../test/support/twin/capture.ts'

const FILE_BYTES_MAX = 4096
const PACKETS_MAX = 40
/** Headers and a few more bytes; the engine never reads a packet's content. */
const PACKET_BYTES_MAX = 128
const SCENARIOS = 300
const ETHERNET = 1
/** The order of kLinkTypes in native/fuzz/fuzz_packets.cc. */
const LINK_TYPES = [101, 1, 0, 9, 12, 104, 108, 113, 228, 229, 239, 276, 50, 51, 14, 105, 242]

/** A step of time as a byte: mantissa (5 bits) << 4 * exponent (3 bits) microseconds, rounded down. */
function stepByte(us: number): number {
  let exponent = 0
  let mantissa = Math.max(0, Math.floor(us))
  while (mantissa > 31 && exponent < 7) {
    mantissa = Math.floor(mantissa / 16)
    exponent += 1
  }
  return (exponent << 5) | Math.min(31, mantissa)
}

/**
 * Encodes packets as an input of the target "packets": packets of the first one's link type, and
 * Ethernet, which every input may contain. Null when the target does not know the link type.
 */
export function packetsInput(packets: readonly Packet[], options: number): Buffer | null {
  const linkType = packets[0]?.linkType ?? -1
  const type = LINK_TYPES.indexOf(linkType)
  if (type < 0) return null
  const parts = [Buffer.of(options, type)]
  let beforeNs = packets[0]!.ns ?? 0n
  for (const packet of packets) {
    if (packet.linkType !== linkType && packet.linkType !== ETHERNET) continue
    const stepNs = (packet.ns ?? beforeNs) - beforeNs
    beforeNs += stepNs
    const data = packet.data.subarray(0, PACKET_BYTES_MAX)
    const stepUs = Number((stepNs < 0n ? -stepNs : stepNs) / 1000n)
    const back = stepNs < 0n ? 1 : 0
    const timeless = packet.ns === null ? 2 : 0
    const ethernet = packet.linkType === linkType ? 0 : 4
    const cut = packet.wireBytes - data.length
    const longer = cut > 10_000 ? 32 : cut > 0 ? 16 : 0
    const flags = back | timeless | ethernet | longer
    parts.push(
      Buffer.of(stepByte(stepUs), flags, data.length & 0xff, data.length >> 8),
      Buffer.from(data),
    )
  }
  return Buffer.concat(parts)
}

/** The tests' packets for each reason and each link layer, by link type. */
function oddPackets(): Packet[][] {
  const packets = [...OTHER_TRAFFIC, ...COUNTED_TRAFFIC].map(({ linkType, data, wireBytes }) => ({
    ns: 0n,
    linkType,
    wireBytes: wireBytes ?? data.length,
    data: Uint8Array.from(data),
  }))
  return LINK_TYPES.map((type) => packets.filter(({ linkType }) => linkType === type))
}

/** Generated conversations by shape, the same each time. */
function generated(): Packet[][] {
  let state = 1n
  const int = (min: number, max: number) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn
    return min + Number((state >> 33n) % BigInt(max - min + 1))
  }
  return Array.from({ length: SCENARIOS }, () =>
    events(rollScenario({ int }, 4)).filter((event) => event.kind === 'packet'),
  )
}

function captures(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(pcap|pcapng)$/.test(name))
    .sort()
    .map((name) => join(directory, name))
}

/**
 * Writes the inputs under `into`/TARGET, named by their content. Returns the number of inputs of
 * each target.
 */
export function writeSeeds(into: string, directories: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = { packets: 0, pcap: 0, pcapng: 0, gzip: 0 }
  const write = (target: string, input: Buffer | null) => {
    if (input === null) return
    mkdirSync(join(into, target), { recursive: true })
    const name = createHash('sha1').update(input).digest('hex')
    writeFileSync(join(into, target, name), input)
    counts[target]! += 1
  }
  for (const [index, path] of directories.flatMap(captures).entries()) {
    const file = readFileSync(path)
    const start = file.subarray(0, FILE_BYTES_MAX)
    write(start.readUInt32BE(0) === 0x0a0d0d0a ? 'pcapng' : 'pcap', start)
    write('gzip', Buffer.concat([Buffer.of(2 * (index % 128)), start]))
    write('gzip', Buffer.concat([Buffer.of(1), gzipSync(start)]))
    const packets = readCapture(file).packets.slice(0, PACKETS_MAX)
    write('packets', packetsInput(packets, index % 32))
  }
  for (const [index, packets] of [...oddPackets(), ...generated()].entries()) {
    write('packets', packetsInput(packets, index % 32))
  }
  return counts
}
