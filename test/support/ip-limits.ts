/** IP and transport headers at their limits: one octet beside, exactly there. What link-traffic.ts is for links. */
import type { OtherPacket } from './other-traffic.js'
import { extension, ipv4, ipv6, type Octets, tcp, udp, zeros } from './packets.js'

const ENDS4 = { from: '10.0.0.1', to: '10.0.0.2' }
const ENDS6 = { from: 'fd00::1', to: 'fd00::2' }
const RAW = 101
const SYN = tcp({ from: 1, to: 2, flags: 2 })
const [TCP, UDP, IGMP, NONE, AH] = [6, 17, 2, 59, 51]

const v4 = (protocol: number, content: Octets, more = {}): number[] =>
  ipv4({ ...ENDS4, protocol, ...more }, content)
const v6 = (protocol: number, content: Octets, more = {}): number[] =>
  ipv6({ ...ENDS6, protocol, ...more }, content)
const set = (data: Octets, at: number, value: number): number[] =>
  data.map((octet, i) => (i === at ? value : octet))

const FIRST = { moreFragments: true }
const OPTIONS = { options: zeros(8) }

/** Captured `captured` octets of it. */
function cut(data: Octets, captured: number, linkType = RAW) {
  return { linkType, data: data.slice(0, captured), wireBytes: data.length }
}
const whole = (data: Octets, linkType = RAW) => ({ linkType, data })

export const OTHER_LIMITS: readonly OtherPacket[] = [
  // IPv4 header
  { name: 'IPv4, nothing but its header', ...whole(v4(IGMP, [])), reason: 'igmp', bytes: 20 },
  {
    name: 'IPv4 cut right after its header',
    ...cut(v4(IGMP, zeros(20)), 20),
    reason: 'igmp',
    bytes: 40,
  },
  {
    name: 'IPv4 header cut by one octet',
    ...cut(v4(IGMP, []), 19),
    reason: 'truncated',
    bytes: 20,
  },
  {
    name: 'IPv4 cut right after its options',
    ...cut(v4(IGMP, zeros(8), OPTIONS), 28),
    reason: 'igmp',
    bytes: 36,
  },
  {
    name: 'IPv4 options cut by one octet',
    ...cut(v4(IGMP, zeros(8), OPTIONS), 27),
    reason: 'truncated',
    bytes: 36,
  },
  {
    name: 'IPv4 promised, version 5',
    ...whole(set(v4(UDP, udp(1, 2)), 0, 0x55), 228),
    reason: 'badHeader',
    bytes: 28,
  },
  {
    name: 'UDP, IPv4 header length of four words',
    ...whole(set(v4(UDP, udp(1, 2)), 0, 0x44)),
    reason: 'badHeader',
    bytes: 28,
  },
  // IPv6 header and extension headers
  {
    name: 'IPv6 header cut by one octet',
    ...cut(v6(NONE, []), 39),
    reason: 'truncated',
    bytes: 40,
  },
  {
    name: 'IPv6 header that ends one octet early',
    ...whole(v6(NONE, []).slice(0, 39)),
    reason: 'badHeader',
    bytes: 39,
  },
  {
    name: 'IPv4 where IPv6 was promised',
    ...whole(v4(TCP, SYN), 229),
    reason: 'badHeader',
    bytes: 40,
  },
  {
    name: 'IPv6 payload length 0 before nothing',
    ...whole(v6(NONE, zeros(10), { length: 0 })),
    reason: 'otherIp',
    bytes: 40,
  },
  {
    name: 'an extension header is all',
    ...whole(v6(60, extension.options(NONE, []))),
    reason: 'otherIp',
    bytes: 48,
  },
  {
    name: 'cut right after an extension header',
    ...cut(v6(60, extension.options(NONE, zeros(8))), 48),
    reason: 'otherIp',
    bytes: 56,
  },
  {
    name: 'an extension header that ends one octet early',
    ...whole(v6(60, extension.options(NONE, []).slice(0, 7))),
    reason: 'badHeader',
    bytes: 47,
  },
  {
    name: 'cut in the second half of an extension header',
    ...cut(v6(60, extension.options(UDP, udp(1, 2), 1)), 50),
    reason: 'truncated',
    bytes: 64,
  },
  {
    name: 'an authentication header is all',
    ...whole(v6(AH, extension.authentication(NONE, []))),
    reason: 'otherIp',
    bytes: 64,
  },
  {
    name: 'an authentication header that ends one octet early',
    ...whole(v6(AH, extension.authentication(NONE, []).slice(0, 23))),
    reason: 'badHeader',
    bytes: 63,
  },
  {
    name: 'a fragment header is all; its second octet is no length',
    ...whole(v6(44, set(extension.fragment(NONE, { id: 1, offset: 0, more: false }, []), 1, 9))),
    reason: 'otherIp',
    bytes: 48,
  },
  {
    name: 'later IPv6 fragment at octet 8',
    ...whole(v6(44, extension.fragment(TCP, { id: 1, offset: 8, more: false }, SYN))),
    reason: 'fragment',
    bytes: 68,
  },
  {
    name: 'later IPv6 fragment of a datagram that begins with an extension header',
    ...whole(v6(44, extension.fragment(60, { id: 1, offset: 8, more: false }, zeros(8)))),
    reason: 'fragment',
    bytes: 56,
  },
  // Transport headers
  {
    name: 'UDP cut before its ports',
    ...cut(v4(UDP, udp(1, 2, zeros(20))), 23),
    reason: 'truncated',
    bytes: 48,
  },
  {
    name: 'TCP first fragment without ports',
    ...whole(v4(TCP, SYN.slice(0, 3), FIRST)),
    reason: 'badHeader',
    bytes: 23,
  },
  {
    name: 'TCP first fragment, data offset of four words',
    ...whole(v4(TCP, set(SYN, 12, 0x40), FIRST)),
    reason: 'badHeader',
    bytes: 40,
  },
  // What looks like a whole packet to one who reads one octet beside
  {
    name: 'later IPv4 fragment at octet 8, ports where a head has them',
    ...whole(v4(UDP, udp(1, 2, zeros(20)), { offset: 8 })),
    reason: 'fragment',
    bytes: 48,
  },
  {
    name: 'later IPv4 fragment at octet 2048, time to live 0',
    ...whole(set(v4(UDP, udp(1, 2, zeros(20)), { offset: 2048 }), 8, 0)),
    reason: 'fragment',
    bytes: 48,
  },
  {
    name: 'IPv6 promised, version 12, traffic class 0x06',
    ...whole(set(set(v6(TCP, SYN), 0, 0xc0), 1, 0x60), 229),
    reason: 'badHeader',
    bytes: 60,
  },
  {
    name: 'IPv6 promised, version 7',
    ...whole(set(v6(TCP, SYN), 0, 0x70), 229),
    reason: 'badHeader',
    bytes: 60,
  },
]

/** A packet with what its record must say. */
export interface CountedPacket extends Omit<OtherPacket, 'reason'> {
  readonly record?: {
    readonly payloadTx?: number
    readonly tcpFlagsTx?: number
    readonly midstream?: boolean
    readonly sourceIp?: string
    readonly destIp?: string
    readonly sourcePort?: number
    readonly protocol?: 'tcp' | 'udp'
  }
}

const KNOWN = { tcpFlagsTx: 2, midstream: false }
const UNKNOWN = { tcpFlagsTx: 0, midstream: true }

export const COUNTED_LIMITS: readonly CountedPacket[] = [
  {
    name: 'UDP cut right after its ports',
    ...cut(v4(UDP, udp(1, 2, zeros(20))), 24),
    bytes: 48,
    record: { payloadTx: 20 },
  },
  {
    name: 'UDP header and nothing else',
    ...whole(v4(UDP, udp(1, 2), OPTIONS)),
    bytes: 36,
    record: { payloadTx: 0 },
  },
  {
    name: 'UDP first fragment of its ports',
    ...whole(v4(UDP, udp(1, 2).slice(0, 4), FIRST)),
    bytes: 24,
    record: { payloadTx: 0 },
  },
  {
    name: 'TCP first fragment of its ports',
    ...whole(v4(TCP, SYN.slice(0, 4), FIRST)),
    bytes: 24,
    record: { payloadTx: 0, ...UNKNOWN },
  },
  {
    name: 'TCP first fragment that ends before the flags',
    ...whole(v4(TCP, SYN.slice(0, 13), FIRST)),
    bytes: 33,
    record: { payloadTx: 0, ...UNKNOWN },
  },
  {
    name: 'TCP first fragment that ends with the flags',
    ...whole(v4(TCP, SYN.slice(0, 14), FIRST)),
    bytes: 34,
    record: { payloadTx: 0, ...KNOWN },
  },
  {
    name: 'TCP first fragment with the flags, data offset of four words',
    ...whole(v4(TCP, set(SYN, 12, 0x40).slice(0, 19), FIRST)),
    bytes: 39,
    record: { payloadTx: 0, ...UNKNOWN },
  },
  {
    name: 'TCP first fragment, options in the next',
    ...whole(v4(TCP, set(SYN, 12, 0x60), FIRST)),
    bytes: 40,
    record: { payloadTx: 0, ...KNOWN },
  },
  {
    name: 'TCP cut before its flags',
    ...cut(v4(TCP, [...SYN, ...zeros(10)]), 33),
    bytes: 50,
    record: { payloadTx: 10, ...UNKNOWN },
  },
  {
    name: 'TCP cut right after its flags',
    ...cut(v4(TCP, [...SYN, ...zeros(10)]), 34),
    bytes: 50,
    record: { payloadTx: 10, ...KNOWN },
  },
  {
    name: 'TCP behind IPv4 options cut before its flags',
    ...cut(v4(TCP, [...SYN, ...zeros(10)], OPTIONS), 41),
    bytes: 58,
    record: { payloadTx: 10, ...UNKNOWN },
  },
  {
    name: 'TCP behind IPv4 options cut right after its flags',
    ...cut(v4(TCP, [...SYN, ...zeros(10)], OPTIONS), 42),
    bytes: 58,
    record: { payloadTx: 10, ...KNOWN },
  },
  {
    name: 'TCP behind IPv4 options, its own options are all it has',
    ...whole(v4(TCP, tcp({ from: 1, to: 2, flags: 2, dataOffset: 6 }), OPTIONS)),
    bytes: 52,
    record: { payloadTx: 0, ...KNOWN },
  },
  {
    name: 'IPv6 TCP cut right after its flags',
    ...cut(v6(TCP, [...SYN, ...zeros(10)]), 54),
    bytes: 70,
    record: { payloadTx: 10, ...KNOWN },
  },
  {
    name: 'IPv6 payload length 0 before UDP',
    ...whole(v6(UDP, udp(1, 2, zeros(10)), { length: 0 })),
    bytes: 58,
    record: { payloadTx: 10 },
  },
  {
    name: 'IPv6 hosts that differ in their last octet',
    ...whole(v6(UDP, udp(1, 2))),
    bytes: 48,
    record: { payloadTx: 0, sourceIp: 'fd00::1', destIp: 'fd00::2' },
  },
  {
    name: 'IPv6 hosts that differ in their last octet, the higher sends',
    ...whole(ipv6({ from: ENDS6.to, to: ENDS6.from, protocol: UDP }, udp(1, 2))),
    bytes: 48,
    record: { payloadTx: 0, sourceIp: 'fd00::2', destIp: 'fd00::1' },
  },
  // What looks otherwise to one who reads one octet beside
  {
    name: 'UDP whose payload looks like a TCP header',
    ...whole(v4(UDP, udp(1, 2, zeros(30).fill(0x55)))),
    bytes: 58,
    record: { payloadTx: 30, sourcePort: 1, protocol: 'udp' },
  },
  {
    name: 'IPv6 UDP with octets behind the packet',
    ...whole([...v6(UDP, udp(1, 2, zeros(10))), ...zeros(4)]),
    bytes: 58,
    record: { payloadTx: 10, sourcePort: 1 },
  },
  {
    name: 'one word of IPv4 options, type of service 0x45',
    ...whole(set(v4(UDP, udp(1, 2, zeros(10)), { options: zeros(4) }), 1, 0x45)),
    bytes: 42,
    record: { payloadTx: 10, sourcePort: 1 },
  },
  {
    name: 'total length 0x0100, identification 0x3c00',
    ...whole(v4(UDP, udp(1, 2, zeros(228)), { id: 0x3c00 })),
    bytes: 256,
    record: { payloadTx: 228 },
  },
  {
    name: "IPv4 TCP, checksum that begins with UDP's number",
    ...whole(set(v4(TCP, SYN), 10, UDP)),
    bytes: 40,
    record: { protocol: 'tcp', ...KNOWN },
  },
  {
    name: "IPv6 TCP, hop limit of UDP's number",
    ...whole(set(v6(TCP, SYN), 7, UDP)),
    bytes: 60,
    record: { protocol: 'tcp', ...KNOWN },
  },
  {
    name: 'TCP with 20 octets of options, SYN that asks for ECN',
    ...whole(v4(TCP, tcp({ from: 1, to: 2, flags: 0xc2, dataOffset: 10 }, zeros(40)))),
    bytes: 100,
    record: { payloadTx: 40, tcpFlagsTx: 0xc2 },
  },
]
