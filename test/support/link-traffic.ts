/** Link headers at their limits, with the reason and the octets worked out by hand: what other-traffic.ts is for IP. */
import type { OtherPacket } from './other-traffic.js'
import { ipv4, ipv6, type Octets, tcp, u16, zeros } from './packets.js'

const SYN = tcp({ from: 1, to: 2, flags: 2 })
const V4 = ipv4({ from: '10.0.0.1', to: '10.0.0.2', protocol: 6 }, SYN)
const V6 = ipv6({ from: 'fd00::1', to: 'fd00::2', protocol: 6 }, SYN)
const MACS = zeros(12)
const TYPE4 = [8, 0]
const TYPE6 = [0x86, 0xdd]
const ARP = [8, 6]
const SNAP = [0xaa, 0xaa, 3, 0, 0, 0]

/** After the Ethernet addresses. */
const ethernet = (...rest: Octets[]): number[] => [...MACS, ...rest.flat()]
const tags = (count: number): number[] =>
  Array.from({ length: count }, () => [0x81, 0, 0, 1]).flat()

const syn = (name: string, linkType: number, data: Octets, bytes = 40) => ({
  name,
  linkType,
  data,
  bytes,
})

export const COUNTED_LINKS: readonly Omit<OtherPacket, 'reason'>[] = [
  syn('VLAN tag 0x9100', 1, ethernet([0x91, 0, 0, 1], TYPE4, V4)),
  syn('VLAN tag 0x9200', 1, ethernet([0x92, 0, 0, 1], TYPE4, V4)),
  syn('VN-tag', 1, ethernet([0x89, 0x26], zeros(4), TYPE4, V4)),
  syn('E-tag', 1, ethernet([0x89, 0x3f], zeros(6), TYPE4, V4)),
  syn('MPLS multicast', 1, ethernet([0x88, 0x48, 0, 1, 1, 64], V4)),
  syn('MACsec without SCI', 1, ethernet([0x88, 0xe5], zeros(6), TYPE4, V4, zeros(16))),
  syn(
    'MACsec of association 1, without SCI',
    1,
    ethernet([0x88, 0xe5, 1], zeros(5), TYPE4, V4, zeros(16)),
  ),
  syn('SNAP of exactly 1500 octets', 1, ethernet(u16(1500), SNAP, TYPE4, V4, zeros(1452))),
  syn('SNAP, bridge-tunnel OUI', 1, ethernet(u16(48), SNAP.slice(0, 5), [0xf8], TYPE4, V4)),
  syn('a VLAN tag, then LLC', 1, ethernet([0x81, 0, 0, 1], u16(48), SNAP, TYPE4, V4)),
  syn(
    '802.1ah with a VLAN tag inside',
    1,
    [...ethernet([0x88, 0xe7], zeros(4)), ...ethernet([0x81, 0, 0, 1], TYPE6, V6)],
    60,
  ),
  syn('eighth tag is FabricPath', 1, [
    ...ethernet(tags(7), [0x89, 0x03, 0, 1]),
    ...ethernet(TYPE4, V4),
  ]),
  syn('raw, link 14', 14, V6, 60),
  syn('IPv4, link 228', 228, V4),
  syn('IPv6, link 229', 229, V6, 60),
  syn('NULL of Linux', 0, [10, 0, 0, 0, ...V6], 60),
  syn('NULL of Windows', 0, [23, 0, 0, 0, ...V6], 60),
  syn('PPP in HDLC, link 50', 50, [0xff, 3, 0, 0x21, ...V4]),
  syn('Cisco HDLC, link 50, multicast', 50, [0x8f, 0, 8, 0, ...V4]),
  syn('PPPoE, link 51', 51, [0x11, 0, 0, 1, 0, 42, 0, 0x21, ...V4]),
  syn('MPLS over PPP', 9, [0x02, 0x81, 0, 1, 1, 64, ...V4]),
  syn('MPLS multicast over PPP', 9, [0x02, 0x83, 0, 1, 1, 64, ...V6], 60),
  syn('NFLOG, an attribute without a value before the payload', 239, [
    ...[2, 0, 0, 0],
    ...[4, 0, 1, 0],
    ...[44, 0, 9, 0],
    ...V4,
  ]),
  // Its first length, 8, is 2,048 in the other order.
  syn('NFLOG of a big-endian host, more than 2 KiB', 239, [
    ...[2, 0, 0, 0],
    ...[0, 8, 0, 1, 0, 0, 0, 0],
    ...[...u16(2100), 0, 10, ...zeros(2096)],
    ...[0, 44, 0, 9],
    ...V4,
  ]),
  syn('SLL2 with LLC/SNAP', 276, [0, 4, ...zeros(18), ...SNAP, ...TYPE4, ...V4]),
]

interface Cut {
  readonly name: string
  readonly linkType: number
  readonly data: Octets
  /** Octets of the complete headers before the one that is cut. */
  readonly before: number
}

/** A header without its last octet: cut by the snaplen, it is truncated; as the whole packet, it is broken. */
const CUTS: readonly Cut[] = [
  { name: 'raw packet', linkType: 101, data: [], before: 0 },
  { name: 'Ethernet', linkType: 1, data: zeros(13), before: 0 },
  { name: 'SLL', linkType: 113, data: zeros(15), before: 0 },
  { name: 'SLL2', linkType: 276, data: zeros(19), before: 0 },
  { name: 'NULL', linkType: 0, data: zeros(3), before: 0 },
  { name: 'Cisco HDLC', linkType: 104, data: zeros(3), before: 0 },
  { name: 'IP over InfiniBand', linkType: 242, data: zeros(43), before: 0 },
  { name: 'NFLOG', linkType: 239, data: zeros(3), before: 0 },
  { name: 'NFLOG attribute', linkType: 239, data: [2, 0, 0, 0, 8, 0, 1], before: 4 },
  { name: 'PPP address', linkType: 9, data: [0xff], before: 0 },
  { name: 'PPP protocol', linkType: 9, data: [0], before: 0 },
  { name: 'PPP protocol after its address', linkType: 9, data: [0xff, 3], before: 2 },
  { name: 'PPPoE', linkType: 51, data: zeros(5), before: 0 },
  { name: 'what PPPoE carries', linkType: 51, data: zeros(6), before: 6 },
  { name: 'VLAN tag', linkType: 1, data: ethernet([0x81, 0, 0, 1, 8]), before: 14 },
  { name: 'VN-tag', linkType: 1, data: ethernet([0x89, 0x26], zeros(5)), before: 14 },
  { name: 'E-tag', linkType: 1, data: ethernet([0x89, 0x3f], zeros(7)), before: 14 },
  { name: 'MACsec TCI', linkType: 1, data: ethernet([0x88, 0xe5]), before: 14 },
  { name: 'MACsec', linkType: 1, data: ethernet([0x88, 0xe5], zeros(7)), before: 14 },
  {
    name: 'MACsec with SCI',
    linkType: 1,
    data: ethernet([0x88, 0xe5, 0x20], zeros(14)),
    before: 14,
  },
  { name: '802.1ah', linkType: 1, data: ethernet([0x88, 0xe7], zeros(3)), before: 14 },
  { name: '802.1ah, inner', linkType: 1, data: ethernet([0x88, 0xe7], zeros(17)), before: 18 },
  { name: 'FabricPath', linkType: 1, data: ethernet([0x89, 0x03, 0]), before: 14 },
  { name: 'FabricPath, inner', linkType: 1, data: ethernet([0x89, 0x03], zeros(15)), before: 16 },
  { name: 'LLC', linkType: 1, data: ethernet(u16(48), [0xaa, 0xaa]), before: 14 },
  { name: 'SNAP', linkType: 1, data: ethernet(u16(48), SNAP, [8]), before: 14 },
  { name: 'MPLS', linkType: 1, data: ethernet([0x88, 0x47, 0, 1, 1]), before: 14 },
  { name: 'second MPLS label', linkType: 1, data: ethernet([0x88, 0x47], zeros(7)), before: 18 },
  { name: 'what MPLS carries', linkType: 1, data: ethernet([0x88, 0x47, 0, 1, 1, 64]), before: 18 },
]

interface End extends Cut {
  readonly reason: 'arp' | 'nonIp' | 'truncated'
}

/** Captured to the last octet that decides, and no further. */
const ENDS: readonly End[] = [
  { name: 'raw packet, link 12', linkType: 12, data: [0x50], before: 0, reason: 'nonIp' },
  { name: 'Ethernet', linkType: 1, data: ethernet(ARP), before: 14, reason: 'arp' },
  { name: 'SLL', linkType: 113, data: [...zeros(14), ...ARP], before: 16, reason: 'arp' },
  { name: 'SLL2', linkType: 276, data: [...ARP, ...zeros(18)], before: 20, reason: 'arp' },
  {
    name: 'IP over InfiniBand',
    linkType: 242,
    data: [...zeros(40), ...ARP, 0, 0],
    before: 44,
    reason: 'arp',
  },
  { name: 'NULL', linkType: 0, data: [9, 0, 0, 0], before: 4, reason: 'nonIp' },
  { name: 'Cisco HDLC', linkType: 104, data: [0x0f, 0, ...ARP], before: 4, reason: 'arp' },
  {
    name: 'first octet of Cisco HDLC',
    linkType: 9,
    data: [0x0f],
    before: 0,
    reason: 'truncated',
  },
  { name: 'PPP', linkType: 9, data: [0xff, 3, 0xc0, 0x21], before: 4, reason: 'nonIp' },
  { name: 'PPP without address', linkType: 9, data: [0xc0, 0x21], before: 2, reason: 'nonIp' },
  { name: 'compressed PPP', linkType: 9, data: [0xc1], before: 1, reason: 'nonIp' },
  { name: 'PPP, 0xff alone', linkType: 9, data: [0xff, 4], before: 1, reason: 'nonIp' },
  {
    name: 'PPPoE',
    linkType: 51,
    data: [0x11, 0, 0, 1, 0, 2, 0xc0, 0x21],
    before: 8,
    reason: 'nonIp',
  },
  {
    name: 'VLAN tag',
    linkType: 1,
    data: ethernet([0x81, 0, 0, 1], ARP),
    before: 18,
    reason: 'arp',
  },
  {
    name: 'VN-tag',
    linkType: 1,
    data: ethernet([0x89, 0x26], zeros(4), ARP),
    before: 20,
    reason: 'arp',
  },
  {
    name: 'E-tag',
    linkType: 1,
    data: ethernet([0x89, 0x3f], zeros(6), ARP),
    before: 22,
    reason: 'arp',
  },
  {
    name: 'encrypted MACsec',
    linkType: 1,
    data: ethernet([0x88, 0xe5, 8]),
    before: 14,
    reason: 'nonIp',
  },
  {
    name: 'MACsec',
    linkType: 1,
    data: ethernet([0x88, 0xe5], zeros(6), ARP),
    before: 22,
    reason: 'arp',
  },
  {
    name: 'MACsec with SCI',
    linkType: 1,
    data: ethernet([0x88, 0xe5, 0x20], zeros(13), ARP),
    before: 30,
    reason: 'arp',
  },
  {
    name: '802.1ah',
    linkType: 1,
    data: [...ethernet([0x88, 0xe7], zeros(4)), ...ethernet(ARP)],
    before: 32,
    reason: 'arp',
  },
  {
    name: 'FabricPath',
    linkType: 1,
    data: [...ethernet([0x89, 0x03, 0, 1]), ...ethernet(ARP)],
    before: 30,
    reason: 'arp',
  },
  {
    name: 'LLC',
    linkType: 1,
    data: ethernet(u16(48), [0x42, 0x42, 3]),
    before: 14,
    reason: 'nonIp',
  },
  { name: 'SNAP', linkType: 1, data: ethernet(u16(48), SNAP, ARP), before: 22, reason: 'arp' },
  { name: 'NFLOG', linkType: 239, data: zeros(4), before: 4, reason: 'truncated' },
  {
    name: 'what MPLS carries',
    linkType: 1,
    data: ethernet([0x88, 0x47, 0, 1, 1, 64], [0]),
    before: 18,
    reason: 'nonIp',
  },
]

const MORE = 100

export const OTHER_LINKS: readonly OtherPacket[] = [
  ...CUTS.map(
    ({ name, linkType, data, before }): OtherPacket => ({
      name: `${name} cut`,
      linkType,
      data,
      wireBytes: data.length + MORE,
      reason: 'truncated',
      bytes: data.length + MORE - before,
    }),
  ),
  ...CUTS.map(
    ({ name, linkType, data, before }): OtherPacket => ({
      name: `${name} cut by the one octet that the packet had`,
      linkType,
      data,
      wireBytes: data.length + 1,
      reason: 'truncated',
      bytes: data.length + 1 - before,
    }),
  ),
  ...ENDS.map(
    ({ name, linkType, data, before, reason }): OtherPacket => ({
      name: `${name}, nothing behind it captured`,
      linkType,
      data,
      wireBytes: data.length + MORE,
      reason,
      bytes: data.length + MORE - before,
    }),
  ),
  ...CUTS.map(
    ({ name, linkType, data, before }): OtherPacket => ({
      name: `${name} ends early`,
      linkType,
      data,
      reason: 'badHeader',
      bytes: data.length - before,
    }),
  ),
  ...(
    [
      ['type field 1501', 1, ethernet(u16(1501), SNAP, TYPE4, V4), 48],
      ['LLC that is not SNAP', 1, ethernet(u16(48), [0xaa, 0xaa, 4], zeros(5), V4), 48],
      ['LLC, source of SNAP alone', 1, ethernet(u16(48), [0x42, ...SNAP.slice(1)], TYPE4, V4), 48],
      [
        'LLC, destination of SNAP alone',
        1,
        ethernet(u16(48), [0xaa, 0x42, 3, 0, 0, 0], TYPE4, V4),
        48,
      ],
      ['LLC, source of IP alone', 1, ethernet(u16(43), [0x42, 6, 3], V4), 43],
      ['LLC, destination of IP alone', 1, ethernet(u16(43), [6, 0x42, 3], V4), 43],
      ['SNAP of another OUI', 1, ethernet(u16(48), [0xaa, 0xaa, 3, 0, 0, 1], TYPE4, V4), 48],
      ['SNAP, OUI begins otherwise', 1, ethernet(u16(48), [0xaa, 0xaa, 3, 1, 0, 0], TYPE4, V4), 48],
      ['MACsec, encrypted', 1, ethernet([0x88, 0xe5, 8], zeros(5), TYPE4, V4), 48],
      ['MACsec, changed', 1, ethernet([0x88, 0xe5, 4], zeros(5), TYPE4, V4), 48],
      ['ninth tag is 802.1ah', 1, ethernet(tags(8), [0x88, 0xe7], zeros(18), TYPE4, V4), 60],
      ['PPP, IPv6 control', 9, [0x80, 0x57, ...V6], 60],
      ['PPP, compressed 0xff', 9, [0xff, 4, ...V4], 41],
      ['Cisco HDLC keepalive', 104, [0x8f, 0, 0x80, 0x35, ...zeros(18)], 18],
      ['NULL of family 9', 0, [9, 0, 0, 0, ...V6], 60],
      ['SLL2 of a type below 1536', 276, [0, 5, ...zeros(18), ...V4], 40],
    ] as const
  ).map(([name, linkType, data, bytes]): OtherPacket => {
    return { name, linkType, data, bytes, reason: 'nonIp' }
  }),
  {
    name: 'NFLOG attribute shorter than its head',
    linkType: 239,
    data: [2, 0, 0, 0, 3, 0, 9, 0, ...V4],
    reason: 'badHeader',
    bytes: 44,
  },
  { name: 'NFLOG without attributes', linkType: 239, data: zeros(4), reason: 'nonIp', bytes: 0 },
  {
    name: 'NFLOG payload whose head is all that was captured',
    linkType: 239,
    data: [2, 0, 0, 0, 44, 0, 9, 0],
    wireBytes: 48,
    reason: 'truncated',
    bytes: 40,
  },
  {
    name: 'NFLOG attribute beyond the packet',
    linkType: 239,
    data: [2, 0, 0, 0, 4, 0, 1, 0, 45, 0, 9, 0, ...V4],
    reason: 'badHeader',
    bytes: 48,
  },
]
