/**
 * Encodes sessions as IPFIX (RFC 7011), with one record for both directions (RFC 5103: the reverse elements have the
 * enterprise number 29305). Pure functions, but wholeMessageBytes() reads a file. A sender must stamp() each message with
 * its time and sequence.
 *
 *   message  version 10 u16 | length u16 | export time u32 | sequence u32 | observation domain u32, then sets
 *   set      id u16 (2: templates; 256, 257: records of that template) | length u16 | content
 *
 * A record has its times in milliseconds (152, 153) and in microseconds (154, 155, in NTP's format), because collectors
 * know one or the other. All numbers are in network byte order. Every field has a fixed length, so all records of a
 * template have the same length.
 */
import type { FileHandle } from 'node:fs/promises'
import { ipBytes } from '../../session/ip-bytes.js'
import { END_REASONS, type Session } from '../../session/session.js'

const VERSION = 10
const HEADER_BYTES = 16
const SET_HEADER_BYTES = 4
const TEMPLATE_SET = 2
const REVERSE = 29_305
/** Information elements of the table in docs/outputs.md, in this order. */
const COMMON_BEFORE = [
  [152, 8],
  [153, 8],
  [154, 8],
  [155, 8],
] as const
const COMMON_AFTER = [
  [7, 2],
  [11, 2],
  [4, 1],
  [1, 8],
  [1, 8, REVERSE],
  [2, 8],
  [2, 8, REVERSE],
  [6, 2],
  [6, 2, REVERSE],
  [231, 8],
  [232, 8],
  [136, 1],
  [239, 1],
] as const
/** The fields of a session that a record has. */
export type IpfixFacts = Pick<
  Session,
  | 'startTimeUs'
  | 'endTimeUs'
  | 'sourceIp'
  | 'destIp'
  | 'sourcePort'
  | 'destPort'
  | 'protocol'
  | 'bytesTx'
  | 'bytesRx'
  | 'packetsTx'
  | 'packetsRx'
  | 'tcpFlagsTx'
  | 'tcpFlagsRx'
  | 'payloadTx'
  | 'payloadRx'
  | 'endReason'
>

type Element = readonly [id: number, bytes: number, enterprise?: number]

interface Template {
  readonly id: number
  readonly addressBytes: number
  readonly elements: readonly Element[]
  readonly recordBytes: number
}

function template(id: number, source: number, dest: number, addressBytes: number): Template {
  const addresses: Element[] = [
    [source, addressBytes],
    [dest, addressBytes],
  ]
  const elements: Element[] = [...COMMON_BEFORE, ...addresses, ...COMMON_AFTER]
  return { id, addressBytes, elements, recordBytes: elements.reduce((sum, [, n]) => sum + n, 0) }
}

const IPV4 = template(256, 8, 12, 4)
const IPV6 = template(257, 27, 28, 16)
export const TEMPLATES: readonly Template[] = [IPV4, IPV6]

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const
/** Value of biflowDirection (239): the source is the initiator. */
const INITIATOR = 1
/** Seconds from 1900, the beginning of NTP's time, to 1970. */
const NTP_OFFSET_S = 2_208_988_800
const MILLION = 1_000_000n
/** RFC 7011, 6.1.9: in a time in microseconds, the low 11 bits of the fraction are 0. */
const FRACTION_UNIT = 2_048n

/** Converts microseconds since 1970 to NTP's 64 bits. Rounds up, so that a reader that rounds down gets the same value. */
export function ntpTime(us: number): bigint {
  const whole = BigInt(us)
  const seconds = whole / MILLION
  const scaled = (whole % MILLION) << 32n
  const unit = FRACTION_UNIT * MILLION
  const fraction = ((scaled + unit - 1n) / unit) * FRACTION_UNIT
  return (((seconds + BigInt(NTP_OFFSET_S)) & 0xffff_ffffn) << 32n) | fraction
}

/** The record of one session, and the id of its template. */
export function recordOf(s: IpfixFacts): { readonly template: number; readonly bytes: Buffer } {
  const source = ipBytes(s.sourceIp)
  const dest = ipBytes(s.destIp)
  const isV4 = source.length === 4 && dest.length === 4
  const { id, recordBytes, addressBytes } = isV4 ? IPV4 : IPV6
  const out = Buffer.alloc(recordBytes)
  let at = out.writeBigUInt64BE(BigInt(Math.floor(s.startTimeUs / 1e3)), 0)
  at = out.writeBigUInt64BE(BigInt(Math.floor(s.endTimeUs / 1e3)), at)
  at = out.writeBigUInt64BE(ntpTime(s.startTimeUs), at)
  at = out.writeBigUInt64BE(ntpTime(s.endTimeUs), at)
  for (const address of [source, dest]) {
    // No packet has both families. A made-up session that does gets its IPv4 address mapped into IPv6.
    const mapped = address.length < addressBytes ? [...new Array(10).fill(0), 255, 255] : []
    out.set([...mapped, ...address], at)
    at += addressBytes
  }
  at = out.writeUInt16BE(s.sourcePort, at)
  at = out.writeUInt16BE(s.destPort, at)
  at = out.writeUInt8(PROTOCOL_NUMBERS[s.protocol], at)
  for (const count of [s.bytesTx, s.bytesRx, s.packetsTx, s.packetsRx])
    at = out.writeBigUInt64BE(BigInt(count), at)
  at = out.writeUInt16BE(s.tcpFlagsTx, at)
  at = out.writeUInt16BE(s.tcpFlagsRx, at)
  at = out.writeBigUInt64BE(BigInt(s.payloadTx), at)
  at = out.writeBigUInt64BE(BigInt(s.payloadRx), at)
  at = out.writeUInt8(END_REASONS[s.endReason], at)
  out.writeUInt8(INITIATOR, at)
  return { template: id, bytes: out }
}

function templateRecord({ id, elements }: Template): Buffer {
  const out = Buffer.alloc(4 + elements.reduce((sum, [, , pen]) => sum + (pen ? 8 : 4), 0))
  let at = out.writeUInt16BE(id, 0)
  at = out.writeUInt16BE(elements.length, at)
  for (const [element, bytes, enterprise] of elements) {
    at = out.writeUInt16BE(enterprise === undefined ? element : element | 0x8000, at)
    at = out.writeUInt16BE(bytes, at)
    if (enterprise !== undefined) at = out.writeUInt32BE(enterprise, at)
  }
  return out
}

function set(id: number, parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(SET_HEADER_BYTES)
  head.writeUInt16BE(id, 0)
  head.writeUInt16BE(SET_HEADER_BYTES + parts.reduce((sum, part) => sum + part.length, 0), 2)
  return Buffer.concat([head, ...parts])
}

/** The message with the templates of all records. Must be stamped. */
export function templateMessage(): Buffer {
  return message([set(TEMPLATE_SET, TEMPLATES.map(templateRecord))])
}

/**
 * Messages with the records in the order of the sessions. Consecutive records of one template share a set. Each message
 * must be stamped.
 *
 * @param bytesMax largest message; must have room for a record and its headers
 */
export function recordMessages(sessions: readonly IpfixFacts[], bytesMax: number): Buffer[] {
  const messages: Buffer[] = []
  let sets: Buffer[] = []
  let run: Buffer[] = []
  let runOf = 0
  let bytes = HEADER_BYTES
  const endRun = (): void => {
    if (run.length > 0) sets.push(set(runOf, run))
    run = []
  }
  const endMessage = (): void => {
    endRun()
    if (sets.length > 0) messages.push(message(sets))
    sets = []
    bytes = HEADER_BYTES
  }
  for (const session of sessions) {
    const { template: id, bytes: record } = recordOf(session)
    const addedBytes = (): number =>
      record.length + (id === runOf && run.length > 0 ? 0 : SET_HEADER_BYTES)
    if (bytes > HEADER_BYTES && bytes + addedBytes() > bytesMax) endMessage()
    bytes += addedBytes()
    if (id !== runOf) endRun()
    runOf = id
    run.push(record)
  }
  endMessage()
  return messages
}

function message(sets: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt16BE(VERSION, 0)
  head.writeUInt16BE(HEADER_BYTES + sets.reduce((sum, one) => sum + one.length, 0), 2)
  return Buffer.concat([head, ...sets])
}

/** Call just before sending a message. `sequence` is the number of records sent before it, modulo 2^32. */
export function stamp(
  bytes: Buffer,
  { nowMs, sequence, domainId }: { nowMs: number; sequence: number; domainId: number },
): void {
  bytes.writeUInt32BE(Math.floor(nowMs / 1e3) >>> 0, 4)
  bytes.writeUInt32BE(sequence >>> 0, 8)
  bytes.writeUInt32BE(domainId, 12)
}

/** Splits bytes into their consecutive messages. */
export function* messagesIn(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + bytes.readUInt16BE(at + 2)
    yield bytes.subarray(at, end)
    at = end
  }
}

/** Number of data records in a message; it must have only the templates of this file. */
export function recordsIn(bytes: Buffer): number {
  let records = 0
  for (let at = HEADER_BYTES; at < bytes.length; at += bytes.readUInt16BE(at + 2)) {
    const of = TEMPLATES.find(({ id }) => id === bytes.readUInt16BE(at))
    if (of !== undefined)
      records += (bytes.readUInt16BE(at + 2) - SET_HEADER_BYTES) / of.recordBytes
  }
  return records
}

/** Bytes of the whole messages at the beginning of a file; after a kill, a part of a message may follow them. */
export async function wholeMessageBytes(file: FileHandle, size: number): Promise<number> {
  const head = Buffer.alloc(HEADER_BYTES)
  let at = 0
  while (at + HEADER_BYTES <= size) {
    await file.read(head, 0, HEADER_BYTES, at)
    const bytes = head.readUInt16BE(2)
    if (head.readUInt16BE(0) !== VERSION || bytes < HEADER_BYTES || at + bytes > size) break
    at += bytes
  }
  return at
}
