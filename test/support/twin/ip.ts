/**
 * IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200), TCP (RFC 9293), UDP (RFC 768): from the outermost IP
 * header to the five-tuple and the lengths. The first IP header decides; nothing inside a tunnel is looked at.
 */

import type { Packet } from './capture.js'
import { type IpVersion, readLink } from './link.js'
import { type OtherReason, Reader, Stop } from './reader.js'

export interface Endpoint {
  readonly ip: string
  readonly port: number
}

export interface Segment {
  readonly kind: 'segment'
  readonly protocol: 'tcp' | 'udp'
  readonly source: Endpoint
  readonly dest: Endpoint
  readonly bytes: number
  readonly payload: number
  /** Null: cut off by the snaplen. 0 for UDP. */
  readonly flags: number | null
  readonly tcpSequence: number
  readonly tcpAcknowledgement: number
  /** Set on the first fragment of a datagram: which datagram. */
  readonly datagram: string | null
}

export interface LaterFragment {
  readonly kind: 'laterFragment'
  readonly datagram: string
  readonly bytes: number
  readonly payload: number
}

export interface Other {
  readonly kind: 'other'
  readonly reason: OtherReason
  readonly bytes: number
  /** What an ICMP "unreachable" quotes, when it is a TCP or UDP packet. */
  readonly quoted: Quoted | null
}

export interface Quoted {
  readonly protocol: 'tcp' | 'udp'
  readonly source: Endpoint
  readonly dest: Endpoint
}

export type Decoded = Segment | LaterFragment | Other

const EXTENSION_HEADERS_MAX = 16
const EXTENSION_HEADERS = new Set([0, 43, 44, 51, 60, 135, 139, 140])
const [TCP, UDP] = [6, 17]
const REASON_BY_PROTOCOL = new Map<number, OtherReason>([
  [1, 'icmp'],
  [58, 'icmpv6'],
  [2, 'igmp'],
  [50, 'esp'],
  [47, 'gre'],
  [132, 'sctp'],
])

export function decode(packet: Packet): Decoded {
  const r = new Reader(packet.data, packet.wireBytes)
  try {
    let version: IpVersion = readLink(r, packet.linkType)
    if (version === 0) {
      r.need(1)
      const nibble = r.u8(0) >> 4
      if (nibble !== 4 && nibble !== 6) r.stop('nonIp')
      version = nibble as IpVersion
    }
    return version === 4 ? decodeIpv4(r) : decodeIpv6(r)
  } catch (stop) {
    if (stop instanceof Stop)
      return { kind: 'other', reason: stop.reason, bytes: stop.bytes, quoted: null }
    throw stop
  }
}

/** What the IP header says, when its lengths hold. */
interface Ip {
  readonly source: string
  readonly dest: string
  /** IP octets of the packet. */
  readonly bytes: number
  /** Octets after the IP header and its extension headers. */
  readonly contentBytes: number
  readonly protocol: number
  readonly datagram: string | null
}

function decodeIpv4(r: Reader): Decoded {
  r.need(20)
  const headerBytes = (r.u8(0) & 0x0f) * 4
  const bytes = r.u16(2) === 0 ? r.left : r.u16(2)
  if (r.u8(0) >> 4 !== 4 || headerBytes < 20) r.stop('badHeader')
  if (bytes > r.left || bytes < headerBytes) r.stop('badHeader')
  if (r.at + headerBytes > r.captured) r.stop('truncated', bytes)
  const protocol = r.u8(9)
  const [source, dest] = [ipv4Text(r, 12), ipv4Text(r, 16)]
  const offset = r.u16(6) & 0x1fff
  const moreFragments = (r.u16(6) & 0x2000) !== 0
  const datagram = `${source} ${dest} ${protocol} ${r.u16(4)}`
  const contentBytes = bytes - headerBytes
  r.at += headerBytes
  if (protocol !== TCP && protocol !== UDP) {
    return other(
      protocol,
      bytes,
      protocol === 1 && offset === 0 ? quotedByIcmpv4(r, contentBytes) : null,
    )
  }
  if (offset > 0) return { kind: 'laterFragment', datagram, bytes, payload: contentBytes }
  return decodeTransport(r, {
    source,
    dest,
    bytes,
    contentBytes,
    protocol,
    datagram: moreFragments ? datagram : null,
  })
}

function decodeIpv6(r: Reader): Decoded {
  r.need(40)
  if (r.u8(0) >> 4 !== 6) r.stop('badHeader')
  let protocol = r.u8(6)
  const superPacket = r.u16(4) === 0 && [0, TCP, UDP].includes(protocol)
  const bytes = superPacket ? r.left : r.u16(4) + 40
  if (bytes > r.left) r.stop('badHeader')
  const [source, dest] = [ipv6Text(r, 8), ipv6Text(r, 24)]
  const end = r.at + bytes
  let datagram: string | null = null
  r.at += 40
  for (let headers = 0; EXTENSION_HEADERS.has(protocol); headers++) {
    if (headers === EXTENSION_HEADERS_MAX) r.stop('extensionLimit', bytes)
    if (r.at + 8 > end) r.stop('badHeader', bytes)
    if (r.at + 8 > r.captured) r.stop('truncated', bytes)
    const headerBytes = extensionHeaderBytes(r, protocol)
    if (r.at + headerBytes > end) r.stop('badHeader', bytes)
    const next = r.u8(0)
    if (protocol === 44 && (r.u16(2) & 0xfff9) !== 0) {
      datagram = `${source} ${dest} ${r.u16(4) * 65536 + r.u16(6)}`
      if (r.u16(2) >= 8) {
        r.at += 8
        const known = next === TCP || next === UDP || EXTENSION_HEADERS.has(next)
        if (!known) return other(next, bytes, null)
        return { kind: 'laterFragment', datagram, bytes, payload: end - r.at }
      }
    }
    protocol = next
    r.at += headerBytes
  }
  const contentBytes = end - r.at
  if (protocol !== TCP && protocol !== UDP) {
    return other(protocol, bytes, protocol === 58 ? quotedByIcmpv6(r, contentBytes) : null)
  }
  return decodeTransport(r, { source, dest, bytes, contentBytes, protocol, datagram })
}

function extensionHeaderBytes(r: Reader, protocol: number): number {
  if (protocol === 44) return 8
  if (protocol === 51) return (r.u8(1) + 2) * 4
  return (r.u8(1) + 1) * 8
}

function other(protocol: number, bytes: number, quoted: Quoted | null): Other {
  return { kind: 'other', reason: REASON_BY_PROTOCOL.get(protocol) ?? 'otherIp', bytes, quoted }
}

function decodeTransport(r: Reader, ip: Ip): Decoded {
  const tcp = ip.protocol === TCP
  const minimum = tcp ? 20 : 8
  // RFC 791 lets a first fragment end after eight octets, inside the TCP header: the ports are enough.
  const cutHead = ip.datagram !== null && ip.contentBytes < minimum
  if (ip.contentBytes < (cutHead ? 4 : minimum)) r.stop('badHeader', ip.bytes)
  if (r.at + 4 > r.captured) r.stop('truncated', ip.bytes)
  let flagsKnown = tcp && ip.contentBytes >= 14 && r.at + 14 <= r.captured
  let headerBytes = flagsKnown ? (r.u8(12) >> 4) * 4 : minimum
  if (tcp && headerBytes < 20) {
    if (!cutHead) r.stop('badHeader', ip.bytes)
    flagsKnown = false
  }
  if (headerBytes > ip.contentBytes) {
    if (ip.datagram === null) r.stop('badHeader', ip.bytes)
    headerBytes = ip.contentBytes
  }
  return {
    kind: 'segment',
    protocol: tcp ? 'tcp' : 'udp',
    source: { ip: ip.source, port: r.u16(0) },
    dest: { ip: ip.dest, port: r.u16(2) },
    bytes: ip.bytes,
    payload: cutHead ? 0 : ip.contentBytes - headerBytes,
    flags: flagsKnown ? r.u8(13) : tcp ? null : 0,
    tcpSequence: flagsKnown ? r.u16(4) * 65536 + r.u16(6) : 0,
    tcpAcknowledgement: flagsKnown ? r.u16(8) * 65536 + r.u16(10) : 0,
    datagram: ip.datagram,
  }
}

/** RFC 792: destination unreachable, except "fragmentation needed" (4), which is no refusal. */
function quotedByIcmpv4(icmp: Reader, contentBytes: number): Quoted | null {
  const end = Math.min(icmp.captured, icmp.at + contentBytes)
  if (icmp.at + 8 + 20 > end || icmp.u8(0) !== 3 || icmp.u8(1) === 4) return null
  icmp.at += 8
  const headerBytes = (icmp.u8(0) & 0x0f) * 4
  if (icmp.u8(0) >> 4 !== 4 || headerBytes < 20 || (icmp.u16(6) & 0x1fff) !== 0) return null
  const [source, dest, protocol] = [ipv4Text(icmp, 12), ipv4Text(icmp, 16), icmp.u8(9)]
  icmp.at += headerBytes
  return quotedPorts(icmp, end, protocol, source, dest)
}

/** RFC 4443: destination unreachable. */
function quotedByIcmpv6(icmp: Reader, contentBytes: number): Quoted | null {
  const end = Math.min(icmp.captured, icmp.at + contentBytes)
  if (icmp.at + 8 + 40 > end || icmp.u8(0) !== 1) return null
  icmp.at += 8
  if (icmp.u8(0) >> 4 !== 6) return null
  const [source, dest] = [ipv6Text(icmp, 8), ipv6Text(icmp, 24)]
  let protocol = icmp.u8(6)
  icmp.at += 40
  for (let headers = 0; EXTENSION_HEADERS.has(protocol); headers++) {
    if (headers === EXTENSION_HEADERS_MAX || icmp.at + 8 > end) return null
    if (protocol === 44 && icmp.u16(2) >= 8) return null
    const headerBytes = extensionHeaderBytes(icmp, protocol)
    protocol = icmp.u8(0)
    icmp.at += headerBytes
  }
  return quotedPorts(icmp, end, protocol, source, dest)
}

function quotedPorts(
  r: Reader,
  end: number,
  protocol: number,
  source: string,
  dest: string,
): Quoted | null {
  if ((protocol !== TCP && protocol !== UDP) || r.at + 4 > end) return null
  return {
    protocol: protocol === TCP ? 'tcp' : 'udp',
    source: { ip: source, port: r.u16(0) },
    dest: { ip: dest, port: r.u16(2) },
  }
}

function ipv4Text(r: Reader, offset: number): string {
  return [0, 1, 2, 3].map((i) => r.u8(offset + i)).join('.')
}

/** RFC 5952: lower case, no leading zeros, the longest run of zero groups (two or more, first wins) as `::`. */
function ipv6Text(r: Reader, offset: number): string {
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((i) => r.u16(offset + i).toString(16))
  let [bestAt, bestLength] = [0, 1]
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (groups[at + length] === '0') length++
    if (length > bestLength) [bestAt, bestLength] = [at, length]
  }
  if (bestLength === 1) return groups.join(':')
  return `${groups.slice(0, bestAt).join(':')}::${groups.slice(bestAt + bestLength).join(':')}`
}
