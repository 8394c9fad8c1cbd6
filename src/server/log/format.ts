/**
 * The log's bytes. All numbers are little endian. Segments and entries each carry a version number.
 *
 *   segment   64 MiB or a little more, named by its first lsn in 16 hexadecimal digits and `.log`
 *     0  magic "TMLOG\r\n\0"   8  version u16   10  zero u16   12  crc u32 of the 32 bytes without this field
 *    16  first lsn u64        24  id of the log, 8 random bytes          then entries, one after the other
 *
 *   entry     numbered from 1 without holes
 *     0  lsn u64   8  kind u8   9  version u8   10  flags u16   12  length u32   16  crc u32 of all but this field
 *    20  received, µs u64     28  site u64     36  number u64, 0 for none        44  CRC-32 of the batch's text u32
 *    48  three texts, each its length u8 and UTF-8: organisation, meter, spool
 *        refused positions: their count u16, each u16     body: the rest of `length`, which counts from 20
 *
 * The checksum is zlib's CRC-32, which Node computes natively.
 */
import { crc32 } from 'node:zlib'
import { AppError } from '../../base/errors.js'

export const FORMAT_VERSION = 1
export const SEGMENT_HEADER_BYTES = 32
const MAGIC = Buffer.from('TMLOG\r\n\0', 'latin1')
const ENTRY_HEADER_BYTES = 20
const FIXED_BYTES = 28
/** 80 MiB, above every request's bound: a larger length is damage. */
const ENTRY_BYTES_MAX = 80 * 2 ** 20
const SEGMENT_NAME = /^([0-9a-f]{16})\.log$/

/** `batch`: the unchanged body of the meter's request. `sessions`: JSON that the server made. */
export const Kind = { batch: 1, sessions: 2 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]
const Flag = { gzip: 1, hasCrc: 2 } as const

export interface Entry {
  readonly kind: Kind
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  readonly spoolId: string
  /** 0: sessions without a batch number. */
  readonly number: number
  readonly crc: number | undefined
  readonly receivedUs: number
  /** Positions in the batch's `sessions` that the server refused. */
  readonly refused: readonly number[]
  readonly gzip: boolean
  readonly body: Uint8Array
}

export interface Found {
  readonly lsn: number
  readonly offset: number
  readonly bytes: number
  readonly entry: Entry
}

export interface Scan {
  readonly found: readonly Found[]
  /** Bytes up to the end of the last whole entry. */
  readonly goodBytes: number
  /** Stretches of bytes before whole entries that are no entry themselves. */
  readonly damaged: number
}

export function segmentName(firstLsn: number): string {
  return `${firstLsn.toString(16).padStart(16, '0')}.log`
}

export function firstLsnOf(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 16)
}

export function segmentHeader(id: string, firstLsn: number): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
  MAGIC.copy(header)
  header.writeUInt16LE(FORMAT_VERSION, 8)
  header.writeBigUInt64LE(BigInt(firstLsn), 16)
  header.write(id, 24, 'hex')
  header.writeUInt32LE(headerCrc(header), 12)
  return header
}

function headerCrc(header: Buffer): number {
  return crc32(header.subarray(16, SEGMENT_HEADER_BYTES), crc32(header.subarray(0, 12)))
}

/** @returns the id of the log, undefined when the header is damaged @throws AppError STORE_NEWER */
export function idOf(header: Buffer, path: string): string | undefined {
  if (header.length < SEGMENT_HEADER_BYTES || !header.subarray(0, 8).equals(MAGIC)) return undefined
  if (header.readUInt32LE(12) !== headerCrc(header)) return undefined
  const version = header.readUInt16LE(8)
  if (version > FORMAT_VERSION) throw tooNew(path, version)
  return header.toString('hex', 24, SEGMENT_HEADER_BYTES)
}

function tooNew(path: string, version: number): AppError {
  return new AppError(
    'STORE_NEWER',
    `${path} was written by a newer tunmeter: this one cannot read all of it (format version ${version})`,
    { hint: 'Install that version or a later one, or use another --data directory.' },
  )
}

export function encode(lsn: number, entry: Entry): Buffer {
  const texts = [entry.orgId, entry.meterId, entry.spoolId].map((text) => Buffer.from(text))
  const textBytes = texts.reduce((sum, text) => sum + 1 + text.length, 0)
  const fixed = Buffer.alloc(
    ENTRY_HEADER_BYTES + FIXED_BYTES + textBytes + 2 + 2 * entry.refused.length,
  )
  fixed.writeBigUInt64LE(BigInt(lsn), 0)
  fixed.writeUInt8(entry.kind, 8)
  fixed.writeUInt8(FORMAT_VERSION, 9)
  const flags = (entry.gzip ? Flag.gzip : 0) | (entry.crc === undefined ? 0 : Flag.hasCrc)
  fixed.writeUInt16LE(flags, 10)
  fixed.writeUInt32LE(fixed.length - ENTRY_HEADER_BYTES + entry.body.length, 12)
  fixed.writeBigUInt64LE(BigInt(entry.receivedUs), 20)
  fixed.writeBigUInt64LE(BigInt(entry.siteId), 28)
  fixed.writeBigUInt64LE(BigInt(entry.number), 36)
  fixed.writeUInt32LE(entry.crc ?? 0, 44)
  let at = ENTRY_HEADER_BYTES + FIXED_BYTES
  for (const text of texts) {
    at = fixed.writeUInt8(text.length, at)
    at += text.copy(fixed, at)
  }
  at = fixed.writeUInt16LE(entry.refused.length, at)
  for (const position of entry.refused) at = fixed.writeUInt16LE(position, at)
  const whole = Buffer.concat([fixed, entry.body])
  whole.writeUInt32LE(entryCrc(whole), 16)
  return whole
}

function entryCrc(bytes: Buffer): number {
  return crc32(bytes.subarray(ENTRY_HEADER_BYTES), crc32(bytes.subarray(0, 16)))
}

/** The whole entry at this offset, or undefined. @throws AppError STORE_NEWER */
export function entryAt(bytes: Buffer, offset: number, path: string): Found | undefined {
  if (offset + ENTRY_HEADER_BYTES + FIXED_BYTES > bytes.length) return undefined
  const length = bytes.readUInt32LE(offset + 12)
  const end = offset + ENTRY_HEADER_BYTES + length
  if (length < FIXED_BYTES || length > ENTRY_BYTES_MAX || end > bytes.length) return undefined
  const whole = bytes.subarray(offset, end)
  if (whole.readUInt32LE(16) !== entryCrc(whole)) return undefined
  const version = whole.readUInt8(9)
  if (version > FORMAT_VERSION || whole.readUInt8(8) > Kind.sessions) throw tooNew(path, version)
  return {
    lsn: Number(whole.readBigUInt64LE(0)),
    offset,
    bytes: whole.length,
    entry: decode(whole),
  }
}

function decode(whole: Buffer): Entry {
  let at = ENTRY_HEADER_BYTES + FIXED_BYTES
  const text = (): string => {
    const end = at + 1 + whole.readUInt8(at)
    const value = whole.toString('utf8', at + 1, end)
    at = end
    return value
  }
  const [orgId, meterId, spoolId] = [text(), text(), text()]
  const refused = new Array<number>(whole.readUInt16LE(at))
  for (let i = 0; i < refused.length; i++) refused[i] = whole.readUInt16LE(at + 2 + 2 * i)
  const flags = whole.readUInt16LE(10)
  return {
    kind: whole.readUInt8(8) as Kind,
    orgId,
    siteId: Number(whole.readBigUInt64LE(28)),
    meterId,
    spoolId,
    number: Number(whole.readBigUInt64LE(36)),
    crc: (flags & Flag.hasCrc) === 0 ? undefined : whole.readUInt32LE(44),
    receivedUs: Number(whole.readBigUInt64LE(20)),
    refused,
    gzip: (flags & Flag.gzip) !== 0,
    body: whole.subarray(at + 2 + 2 * refused.length),
  }
}

/**
 * All whole entries of a segment. A crash left the bytes after the last one, which were never acknowledged. Other bytes
 * before a whole entry are damage.
 */
export function scan(bytes: Buffer, firstLsn: number, path: string): Scan {
  const found: Found[] = []
  let damaged = 0
  let at = SEGMENT_HEADER_BYTES
  let expected = firstLsn
  while (at < bytes.length) {
    let next = entryAt(bytes, at, path)
    if (next?.lsn !== expected) {
      next = nextWhole(bytes, at, expected, path)
      if (next === undefined) break
      damaged++
    }
    found.push(next)
    at = next.offset + next.bytes
    expected = next.lsn + 1
  }
  return { found, goodBytes: Math.min(at, bytes.length), damaged }
}

/** The first whole entry from this offset on, if its lsn is `expected` or a later one that the segment can hold. */
function nextWhole(bytes: Buffer, from: number, expected: number, path: string): Found | undefined {
  const most = expected + (bytes.length - from) / (ENTRY_HEADER_BYTES + FIXED_BYTES)
  const last = bytes.length - ENTRY_HEADER_BYTES - FIXED_BYTES
  for (let at = from; at <= last; at++) {
    // Compare the lsn (below 2^48) first, because a checksum at every byte would take too long.
    const lsn = bytes.readUIntLE(at, 6)
    if (lsn < expected || lsn > most || bytes.readUInt16LE(at + 6) !== 0) continue
    const found = entryAt(bytes, at, path)
    if (found !== undefined) return found
  }
  return undefined
}
