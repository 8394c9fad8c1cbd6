/**
 * Builds requests and parses answers of netlink and generic netlink (linux/netlink.h, linux/genetlink.h).
 *
 *   byte  0       4      6       8      12     16    17     18     20
 *         | len   | type | flags | seq  | pid  | cmd | vers | 0 0  | attributes ...
 *           u32     u16    u16     u32    u32    u8    u8
 *
 *   attribute: | len u16 | type u16 | payload ... | padding to 4 |    len counts its own 4 bytes
 *
 * Netlink has host byte order; every platform that this package builds for is little endian. These are pure functions
 * over bytes. A length that does not fit is NETLINK_BAD_ANSWER, never a read beyond the buffer.
 */
import { AppError } from '../../base/errors.js'

export const GENL_ID_CTRL = 0x10
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_REQUEST = 0x001
const NLM_F_DUMP = 0x300
const NLM_F_DUMP_INTR = 0x010
const NLM_F_MULTI = 0x002
const NLMSG_HEADER_BYTES = 16
const GENL_HEADER_BYTES = 4
const NLA_HEADER_BYTES = 4
/** Removes NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff

export interface GenericMessage {
  readonly command: number
  /** The bytes after the generic header. */
  readonly attributes: Buffer
}

export interface ParsedDatagram {
  readonly messages: readonly GenericMessage[]
  /** The answer is complete: it ends with DONE or an error (0 is an ACK), or is a single message. */
  readonly done: boolean
  /** A positive errno; 0 for no error. */
  readonly errno: number
  /** The peers changed during the dump: ask again. */
  readonly interrupted: boolean
}

export interface GenericRequest {
  readonly family: number
  readonly command: number
  readonly version: number
  readonly sequence: number
  readonly dump: boolean
  readonly attributes: Buffer
}

const align = (bytes: number) => (bytes + 3) & ~3

export function buildRequest(request: GenericRequest): Buffer {
  const header = Buffer.alloc(NLMSG_HEADER_BYTES + GENL_HEADER_BYTES)
  header.writeUInt32LE(header.length + request.attributes.length, 0)
  header.writeUInt16LE(request.family, 4)
  header.writeUInt16LE(NLM_F_REQUEST | (request.dump ? NLM_F_DUMP : 0), 6)
  header.writeUInt32LE(request.sequence, 8)
  header.writeUInt8(request.command, 16)
  header.writeUInt8(request.version, 17)
  return Buffer.concat([header, request.attributes])
}

/** Builds an attribute of a zero-terminated text, padded. */
export function textAttribute(type: number, text: string): Buffer {
  const payload = Buffer.from(`${text}\0`, 'utf8')
  const out = Buffer.alloc(align(NLA_HEADER_BYTES + payload.length))
  out.writeUInt16LE(NLA_HEADER_BYTES + payload.length, 0)
  out.writeUInt16LE(type, 2)
  payload.copy(out, NLA_HEADER_BYTES)
  return out
}

/** Parses all messages of a datagram; skips messages that answer another request. */
export function parseDatagram(bytes: Buffer, sequence: number): ParsedDatagram {
  const messages: GenericMessage[] = []
  let done = false
  let errno = 0
  let interrupted = false
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < NLMSG_HEADER_BYTES) throw badAnswer('a cut message header', at)
    const length = bytes.readUInt32LE(at)
    const type = bytes.readUInt16LE(at + 4)
    const flags = bytes.readUInt16LE(at + 6)
    if (length < NLMSG_HEADER_BYTES || length > bytes.length - at)
      throw badAnswer('a message length that does not fit', at)
    const payload = bytes.subarray(at + NLMSG_HEADER_BYTES, at + length)
    if (bytes.readUInt32LE(at + 8) === sequence) {
      interrupted ||= (flags & NLM_F_DUMP_INTR) !== 0
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        done = true
        if (payload.length >= 4) errno = Math.abs(payload.readInt32LE(0))
      } else {
        if (payload.length < GENL_HEADER_BYTES) throw badAnswer('a cut generic header', at)
        messages.push({
          command: payload.readUInt8(0),
          attributes: payload.subarray(GENL_HEADER_BYTES),
        })
        if ((flags & NLM_F_MULTI) === 0) done = true
      }
    }
    at += align(length)
  }
  return { messages, done, errno, interrupted }
}

/** Calls `visit` with every attribute's type (flag bits removed) and payload, in order. */
export function eachAttribute(bytes: Buffer, visit: (type: number, payload: Buffer) => void): void {
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < NLA_HEADER_BYTES) throw badAnswer('a cut attribute header', at)
    const length = bytes.readUInt16LE(at)
    if (length < NLA_HEADER_BYTES || length > bytes.length - at)
      throw badAnswer('an attribute length that does not fit', at)
    visit(
      bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK,
      bytes.subarray(at + NLA_HEADER_BYTES, at + length),
    )
    at += align(length)
  }
}

/** Reads an unsigned number of 1, 2, 4 or 8 bytes. */
export function numberOf(payload: Buffer): number {
  if (payload.length === 1) return payload.readUInt8(0)
  if (payload.length === 2) return payload.readUInt16LE(0)
  if (payload.length === 4) return payload.readUInt32LE(0)
  if (payload.length === 8) return Number(payload.readBigUInt64LE(0))
  throw badAnswer(`a number of ${payload.length} bytes`, 0)
}

export function badAnswer(what: string, at: number): AppError {
  return new AppError(
    'NETLINK_BAD_ANSWER',
    `the kernel's netlink answer has ${what} (byte ${at})`,
    {
      facts: { byteOffset: at },
    },
  )
}
