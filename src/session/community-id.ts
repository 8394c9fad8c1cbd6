/**
 * Community ID v1: a short name of a five-tuple that other tools make too (https://github.com/corelight/community-id-spec).
 *
 *   "1:" + base64(SHA-1(seed u16 | address | address | protocol u8 | 0 u8 | port u16 | port u16)), network byte order
 *
 * The lower endpoint (address, then port) is first, so that both directions have the same id.
 */
import { createHash } from 'node:crypto'
import { ipBytes } from './ip-bytes.js'
import type { FlowRecord } from './session.js'

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const

export type FiveTuple = Pick<
  FlowRecord,
  'protocol' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'
>

/** `seed` separates deployments that must not be correlated; 0 is what everybody uses. */
export function communityId(tuple: FiveTuple, seed = 0): string {
  const source = endpoint(tuple.sourceIp, tuple.sourcePort)
  const dest = endpoint(tuple.destIp, tuple.destPort)
  const [first, second] = Buffer.compare(source, dest) <= 0 ? [source, dest] : [dest, source]
  const addressBytes = first.length - 2
  const protocol = PROTOCOL_NUMBERS[tuple.protocol]
  const hash = createHash('sha1')
    .update(Buffer.of(seed >> 8, seed & 0xff))
    .update(first.subarray(0, addressBytes))
    .update(second.subarray(0, addressBytes))
    .update(Buffer.of(protocol, 0))
    .update(first.subarray(addressBytes))
    .update(second.subarray(addressBytes))
  return `1:${hash.digest('base64')}`
}

/** Address and port in network byte order. */
function endpoint(ip: string, port: number): Buffer {
  return Buffer.from([...ipBytes(ip), port >> 8, port & 0xff])
}
