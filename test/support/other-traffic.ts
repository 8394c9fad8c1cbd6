/**
 * One packet for every way not to be counted as a session, with the reason and the octets worked out by hand.
 * Used by the tests of the twin and of the engine, and as noise by the property tests.
 */
import {
  extension,
  icmpUnreachable,
  ipv4,
  ipv6,
  LINKS,
  type Octets,
  tcp,
  u16,
  udp,
  zeros,
} from './packets.js'
import type { OtherReason } from './twin/reader.js'

export interface OtherPacket {
  readonly name: string
  readonly linkType: number
  readonly data: Octets
  /** Absent: nothing was cut. */
  readonly wireBytes?: number
  readonly reason: OtherReason
  readonly bytes: number
}

const V4 = { from: '10.0.0.1', to: '10.0.0.2' }
const V6 = { from: 'fd00::1', to: 'fd00::2' }
const RAW = 101
const SYN = tcp({ from: 1, to: 2, flags: 2 })
const MACS = zeros(12)

const v4 = (protocol: number, content: Octets = zeros(8), more = {}): number[] =>
  ipv4({ ...V4, protocol, ...more }, content)
const v6 = (protocol: number, content: Octets = zeros(8), more = {}): number[] =>
  ipv6({ ...V6, protocol, ...more }, content)

function raw(name: string, reason: OtherReason, bytes: number, data: Octets): OtherPacket {
  return { name, linkType: RAW, data, reason, bytes }
}

/** A chain of so many destination option headers (8 octets each) before a SYN. */
function options(count: number): number[] {
  let content: number[] = SYN
  for (let i = 0; i < count; i++) content = extension.options(i === 0 ? 6 : 60, content)
  return content
}

const tags = (count: number): number[] =>
  Array.from({ length: count }, () => [0x81, 0, 0, 1]).flat()
const labels = (count: number): number[] =>
  Array.from({ length: count }, () => [0, 1, 0, 64]).flat()
/** `data` with one octet replaced. */
const set = (data: Octets, at: number, value: number): number[] =>
  data.map((octet, i) => (i === at ? value : octet))

export const OTHER_TRAFFIC: readonly OtherPacket[] = [
  raw('ICMP echo', 'icmp', 28, v4(1)),
  raw('ICMP later fragment', 'icmp', 28, v4(1, zeros(8), { offset: 8 })),
  raw(
    'ICMP unreachable without a whole quote',
    'icmp',
    38,
    v4(1, icmpUnreachable(3, 3, zeros(10))),
  ),
  raw('ICMPv6 echo', 'icmpv6', 48, v6(58)),
  raw(
    'ICMPv6 later fragment',
    'icmpv6',
    56,
    v6(44, extension.fragment(58, { id: 1, offset: 8, more: false }, zeros(8))),
  ),
  raw('IGMP', 'igmp', 28, v4(2)),
  raw('ESP', 'esp', 28, v4(50)),
  raw('ESP over IPv6', 'esp', 48, v6(50)),
  raw('GRE with a TCP packet inside', 'gre', 64, v4(47, [0, 0, 8, 0, ...v4(6, SYN)])),
  raw('SCTP', 'sctp', 28, v4(132)),
  raw('IP in IP', 'otherIp', 60, v4(4, v4(6, SYN))),
  raw('authentication header in IPv4', 'otherIp', 64, v4(51, extension.authentication(6, SYN))),
  raw('IPv6 without a next header', 'otherIp', 40, v6(59, [])),
  { name: 'ARP', linkType: 1, data: [...MACS, 8, 6, ...zeros(28)], reason: 'arp', bytes: 28 },
  {
    name: 'LLDP',
    linkType: 1,
    data: [...MACS, 0x88, 0xcc, ...zeros(46)],
    reason: 'nonIp',
    bytes: 46,
  },
  {
    name: 'spanning tree (LLC)',
    linkType: 1,
    data: [...MACS, 0, 38, 0x42, 0x42, 3, ...zeros(43)],
    reason: 'nonIp',
    bytes: 46,
  },
  {
    name: 'nine VLAN tags',
    linkType: 1,
    data: [...MACS, ...tags(9), 8, 0, ...v4(6, SYN)],
    reason: 'nonIp',
    bytes: 44,
  },
  {
    name: 'nine MPLS labels',
    linkType: 1,
    data: [...MACS, 0x88, 0x47, ...labels(8), 0, 1, 1, 64, ...v4(6, SYN)],
    reason: 'nonIp',
    bytes: 44,
  },
  {
    name: 'Ethernet inside MPLS',
    linkType: 1,
    data: [...MACS, 0x88, 0x47, 0, 1, 1, 64, ...zeros(14), ...v4(6, SYN)],
    reason: 'nonIp',
    bytes: 54,
  },
  {
    name: 'PPP link control',
    linkType: 9,
    data: [0xff, 3, 0xc0, 0x21, ...zeros(10)],
    reason: 'nonIp',
    bytes: 10,
  },
  {
    name: 'NULL with another family',
    linkType: 0,
    data: [7, 0, 0, 0, ...zeros(10)],
    reason: 'nonIp',
    bytes: 10,
  },
  {
    name: 'NFLOG without a payload',
    linkType: 239,
    data: [2, 0, 0, 0, 8, 0, 1, 0, ...zeros(4)],
    reason: 'nonIp',
    bytes: 8,
  },
  raw('raw, neither IPv4 nor IPv6', 'nonIp', 20, [0x50, ...zeros(19)]),
  { name: 'Bluetooth', linkType: 201, data: zeros(30), reason: 'unknownLink', bytes: 30 },
  {
    name: 'cut in the Ethernet header',
    linkType: 1,
    data: MACS,
    wireBytes: 60,
    reason: 'truncated',
    bytes: 60,
  },
  {
    name: 'cut in the IPv4 header',
    linkType: RAW,
    data: v4(6, SYN).slice(0, 19),
    wireBytes: 40,
    reason: 'truncated',
    bytes: 40,
  },
  {
    name: 'cut in the IPv4 options',
    linkType: RAW,
    data: v4(6, SYN, { options: zeros(8) }).slice(0, 24),
    wireBytes: 48,
    reason: 'truncated',
    bytes: 48,
  },
  {
    name: 'cut before the ports',
    linkType: RAW,
    data: v4(6, [...SYN, ...zeros(60)]).slice(0, 23),
    wireBytes: 100,
    reason: 'truncated',
    bytes: 100,
  },
  {
    name: 'cut in an IPv6 extension header',
    linkType: RAW,
    data: v6(60, options(1)).slice(0, 47),
    wireBytes: 68,
    reason: 'truncated',
    bytes: 68,
  },
  {
    name: 'ICMP cut in the IPv4 options',
    linkType: RAW,
    data: v4(1, zeros(8), { options: zeros(8) }).slice(0, 24),
    wireBytes: 36,
    reason: 'truncated',
    bytes: 36,
  },
  {
    name: 'ICMPv6 cut in an extension header',
    linkType: RAW,
    data: v6(60, extension.options(58, zeros(8))).slice(0, 47),
    wireBytes: 56,
    reason: 'truncated',
    bytes: 56,
  },
  raw(
    'ICMPv6 extension header beyond the payload',
    'badHeader',
    56,
    v6(60, set(extension.options(58, zeros(8)), 1, 9)),
  ),
  {
    name: 'PPP cut after its address',
    linkType: 9,
    data: [0xff],
    wireBytes: 44,
    reason: 'truncated',
    bytes: 44,
  },
  {
    name: 'NFLOG without a payload, cut',
    linkType: 239,
    data: [2, 0, 0, 0, 8, 0, 1, 0, 0, 0],
    wireBytes: 12,
    reason: 'nonIp',
    bytes: 8,
  },
  raw('nothing at all', 'badHeader', 0, []),
  {
    name: 'Ethernet header that ends early',
    linkType: 1,
    data: MACS,
    reason: 'badHeader',
    bytes: 12,
  },
  raw('IPv4 header that ends early', 'badHeader', 19, v4(6, SYN).slice(0, 19)),
  {
    name: 'IPv6 where IPv4 was promised',
    linkType: 228,
    data: v6(6, SYN),
    reason: 'badHeader',
    bytes: 60,
  },
  raw('IPv4 header length of four words', 'badHeader', 40, set(v4(6, SYN), 0, 0x44)),
  raw('IPv4 total length below its header', 'badHeader', 40, v4(6, SYN, { length: 19 })),
  raw('IPv4 total length beyond the packet', 'badHeader', 40, v4(6, SYN, { length: 41 })),
  raw('IPv6 payload length beyond the packet', 'badHeader', 60, v6(6, SYN, { length: 21 })),
  raw(
    'IPv6 extension header beyond the payload',
    'badHeader',
    60,
    v6(60, set(options(1), 1, 9).slice(0, 20)),
  ),
  raw('TCP header that ends early', 'badHeader', 39, v4(6, SYN.slice(0, 19))),
  raw('TCP data offset of four words', 'badHeader', 40, v4(6, set(SYN, 12, 0x40))),
  raw('TCP data offset beyond the packet', 'badHeader', 40, v4(6, set(SYN, 12, 0x60))),
  raw('UDP header that ends early', 'badHeader', 27, v4(17, udp(1, 2).slice(0, 7))),
  raw('first fragment without ports', 'badHeader', 23, v4(17, [0, 1, 0], { moreFragments: true })),
  raw('later fragment without a head', 'fragment', 28, v4(17, zeros(8), { offset: 1480, id: 77 })),
  raw('seventeen extension headers', 'extensionLimit', 196, v6(60, options(17))),
  raw('FIN of no session', 'stray', 40, v4(6, tcp({ from: 9, to: 10, flags: 17 }))),
  raw('RST of no session', 'stray', 40, v4(6, tcp({ from: 9, to: 10, flags: 4 }))),
  raw('pure ACK of no session', 'stray', 40, v4(6, tcp({ from: 9, to: 10, flags: 16 }))),
  raw('SYN and RST at once', 'stray', 40, v4(6, tcp({ from: 9, to: 10, flags: 6 }))),
  raw('SYN and FIN at once', 'stray', 40, v4(6, tcp({ from: 9, to: 10, flags: 3 }))),
]

/** Nearly the same packets that do count: the limits from the inside. Octets of the IP packet. */
export const COUNTED_TRAFFIC: readonly Omit<OtherPacket, 'reason'>[] = [
  { name: 'sixteen extension headers', linkType: RAW, data: v6(60, options(16)), bytes: 188 },
  {
    name: 'eight VLAN tags',
    linkType: 1,
    data: [...MACS, ...tags(8), 8, 0, ...v4(6, SYN)],
    bytes: 40,
  },
  {
    name: 'eight MPLS labels',
    linkType: 1,
    data: [...MACS, 0x88, 0x47, ...labels(7), 0, 1, 1, 64, ...v4(6, SYN)],
    bytes: 40,
  },
  {
    name: 'cut after the ports',
    linkType: RAW,
    data: v4(6, [...SYN, ...zeros(60)]).slice(0, 24),
    wireBytes: 100,
    bytes: 100,
  },
  {
    name: 'first fragment inside the TCP header',
    linkType: RAW,
    data: v4(6, SYN.slice(0, 8), { moreFragments: true }),
    bytes: 28,
  },
  {
    name: 'IPv4 total length 0',
    linkType: 1,
    data: [...MACS, 8, 0, ...v4(6, [...SYN, ...zeros(10)], { length: 0 })],
    bytes: 50,
  },
  {
    name: 'IPv6 payload length 0 before TCP',
    linkType: RAW,
    data: v6(6, [...SYN, ...zeros(10)], { length: 0 }),
    bytes: 70,
  },
  {
    name: 'jumbogram',
    linkType: RAW,
    data: v6(0, [6, 0, 0xc2, 4, ...zeros(4), ...SYN, ...zeros(10)], { length: 0 }),
    bytes: 78,
  },
  {
    name: 'Ethernet padding',
    linkType: 1,
    data: [...MACS, 8, 0, ...v4(17, udp(1, 2)), ...zeros(18)],
    bytes: 28,
  },
  {
    name: 'SLL with a VLAN tag',
    linkType: 113,
    data: [...zeros(14), 0x81, 0, 0, 1, 8, 0, ...v4(6, SYN)],
    bytes: 40,
  },
  {
    name: 'SLL with LLC/SNAP',
    linkType: 113,
    data: [...zeros(14), 0, 4, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ...v4(6, SYN)],
    bytes: 40,
  },
  {
    name: 'IPv4 in LLC (SAP 6)',
    linkType: 1,
    data: [...MACS, ...u16(43), 6, 6, 3, ...v4(6, SYN)],
    bytes: 40,
  },
  { name: 'IPv4 options', linkType: RAW, data: v4(6, SYN, { options: zeros(40) }), bytes: 80 },
  {
    name: 'IPv6 authentication header',
    linkType: RAW,
    data: v6(51, extension.authentication(6, SYN)),
    bytes: 84,
  },
  {
    name: 'IPv6 atomic fragment',
    linkType: RAW,
    data: v6(44, extension.fragment(6, { id: 1, offset: 0, more: false }, SYN)),
    bytes: 68,
  },
  ...Object.entries(LINKS).map(([name, { linkType, wrap }]) => ({
    name: `link ${name}`,
    linkType,
    data: wrap(v4(6, SYN)),
    bytes: 40,
  })),
  ...Object.entries(LINKS).map(([name, { linkType, wrap }]) => ({
    name: `link ${name}, IPv6`,
    linkType,
    data: wrap(v6(6, SYN)),
    bytes: 60,
  })),
]
