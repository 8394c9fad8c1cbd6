/**
 * Community ID v1: a short name of a five-tuple that other tools compute as well
 * (https://github.com/corelight/community-id-spec).
 *
 *   "1:" + base64(SHA-1(seed u16 | address | address | protocol u8 | 0 u8 | port u16 | port u16)), network byte order
 *
 * The lower endpoint (address, then port) is first, so that both directions have the same id.
 *
 * Every row that is shown or exported has one. So addresses are cached as bytes, and the two input
 * buffers are reused.
 */
import { hash } from 'node:crypto'
import { ipBytes } from './ip-bytes.js'
import type { FlowRecord } from './session.js'

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const

export type FiveTuple = Pick<
  FlowRecord,
  'protocol' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'
>

const ADDRESS_AT = 2
const IPV4_INPUT = Buffer.alloc(ADDRESS_AT + 2 * 4 + 6)
const IPV6_INPUT = Buffer.alloc(ADDRESS_AT + 2 * 16 + 6)

/** @param seed separates deployments that must not be correlated; 0 is the usual value */
export function communityId(tuple: FiveTuple, seed = 0): string {
  const { sourcePort, destPort } = tuple
  const source = addressBytes(tuple.sourceIp)
  const dest = addressBytes(tuple.destIp)
  const forward = (compare(source, dest) || sourcePort - destPort) <= 0
  const input = inputFor(source.length + dest.length)
  input[0] = seed >> 8
  input[1] = seed
  let at = write(input, ADDRESS_AT, forward ? source : dest)
  at = write(input, at, forward ? dest : source)
  input[at] = PROTOCOL_NUMBERS[tuple.protocol]
  at = writePort(input, at + 2, forward ? sourcePort : destPort)
  writePort(input, at, forward ? destPort : sourcePort)
  return `1:${hash('sha1', input, 'base64')}`
}

/** No packet has addresses of both families, but a made-up record may; it gets an id as well. */
function inputFor(addressBytesTotal: number): Buffer {
  if (addressBytesTotal === 2 * 4) return IPV4_INPUT
  return addressBytesTotal === 2 * 16
    ? IPV6_INPUT
    : Buffer.alloc(ADDRESS_AT + addressBytesTotal + 6)
}

/** Addresses repeat, and parsing one costs as much as the hash. */
const ADDRESSES_MAX = 10_000
const known = new Map<string, Uint8Array>()

function addressBytes(ip: string): Uint8Array {
  const before = known.get(ip)
  if (before !== undefined) return before
  const bytes = Uint8Array.from(ipBytes(ip))
  if (known.size >= ADDRESSES_MAX) known.clear()
  known.set(ip, bytes)
  return bytes
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** A loop, because that is faster than set() for so few bytes. @returns the place after them */
function write(to: Buffer, at: number, bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; i++) to[at + i] = bytes[i]!
  return at + bytes.length
}

function writePort(to: Buffer, at: number, port: number): number {
  to[at] = port >> 8
  to[at + 1] = port
  return at + 2
}
