/**
 * Packets by hand: each builder returns the octets of one header with what it carries, so that a test reads like
 * the packet: `link.vlan(ipv4({ ... }, tcp({ ... })))`. Checksums are zero; nothing here looks at them.
 */

export type Octets = readonly number[]

export const u16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff]
export const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value)]
export const zeros = (count: number): number[] => new Array<number>(count).fill(0)

const addresses = new Map<string, readonly number[]>()

/** Octets of an address: dotted IPv4, or IPv6 with at most one `::`. Remembered: tests use few, millions of times. */
export function address(ip: string): readonly number[] {
  let octets = addresses.get(ip)
  if (octets === undefined) {
    octets = parseAddress(ip)
    addresses.set(ip, octets)
  }
  return octets
}

function parseAddress(ip: string): number[] {
  if (!ip.includes(':')) return ip.split('.').map(Number)
  const [left = [], right = []] = ip
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''))
  const groups = [...left, ...zeros(8 - left.length - right.length).map(String), ...right]
  return groups.flatMap((group) => u16(Number.parseInt(group, 16)))
}

export const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const

export interface TcpFields {
  readonly from: number
  readonly to: number
  readonly flags: number
  readonly sequence?: number
  readonly acknowledgement?: number
  /** In 32-bit words; the header itself is 20 octets and `4 * (dataOffset - 5)` of options. */
  readonly dataOffset?: number
}

export function tcp(fields: TcpFields, payload: Octets = []): number[] {
  const { from, to, flags, sequence = 0, acknowledgement = 0, dataOffset = 5 } = fields
  const options = zeros(Math.max(0, dataOffset - 5) * 4)
  return [
    ...u16(from),
    ...u16(to),
    ...u32(sequence),
    ...u32(acknowledgement),
    dataOffset << 4,
    flags,
    ...zeros(6),
    ...options,
    ...payload,
  ]
}

export function udp(from: number, to: number, payload: Octets = []): number[] {
  return [...u16(from), ...u16(to), ...u16(8 + payload.length), 0, 0, ...payload]
}

export interface IpFields {
  readonly from: string
  readonly to: string
  readonly protocol: number
  /** Total length (IPv4) or payload length (IPv6) as the header says it; absent: as it is. */
  readonly length?: number
  readonly id?: number
  /** Of a fragment, in octets. */
  readonly offset?: number
  readonly moreFragments?: boolean
  /** IPv4 option octets, a multiple of 4. */
  readonly options?: Octets
}

export function ipv4(fields: IpFields, content: Octets = []): number[] {
  const { options = [], id = 0, offset = 0, moreFragments = false } = fields
  const headerBytes = 20 + options.length
  return [
    0x40 | (headerBytes / 4),
    0,
    ...u16(fields.length ?? headerBytes + content.length),
    ...u16(id),
    ...u16((moreFragments ? 0x2000 : 0) | (offset / 8)),
    64,
    fields.protocol,
    0,
    0,
    ...address(fields.from),
    ...address(fields.to),
    ...options,
    ...content,
  ]
}

export function ipv6(fields: IpFields, content: Octets = []): number[] {
  return [
    0x60,
    0,
    0,
    0,
    ...u16(fields.length ?? content.length),
    fields.protocol,
    64,
    ...address(fields.from),
    ...address(fields.to),
    ...content,
  ]
}

/** IPv6 extension headers; `next` is the protocol of what follows. */
export const extension = {
  /** Hop-by-hop (0), routing (43), destination options (60), mobility (135), HIP (139), shim6 (140). */
  options: (next: number, content: Octets, words = 0): number[] => [
    next,
    words,
    ...zeros(6 + words * 8),
    ...content,
  ],
  authentication: (next: number, content: Octets): number[] => [next, 4, ...zeros(22), ...content],
  fragment: (
    next: number,
    fragment: { id: number; offset: number; more: boolean },
    content: Octets,
  ): number[] => [
    next,
    0,
    ...u16(fragment.offset | (fragment.more ? 1 : 0)),
    ...u32(fragment.id),
    ...content,
  ],
}

/** ICMP destination unreachable with the packet that it answers. */
export function icmpUnreachable(type: number, code: number, quoted: Octets): number[] {
  return [type, code, ...zeros(6), ...quoted]
}

const isIpv4 = (packet: Octets): boolean => packet[0]! >> 4 === 4
const etherType = (packet: Octets): number[] => u16(isIpv4(packet) ? 0x0800 : 0x86dd)
const pppProtocol = (packet: Octets): number[] => u16(isIpv4(packet) ? 0x0021 : 0x0057)
const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
const mpls = (packet: Octets, labels: number): number[] => [
  ...Array.from({ length: labels }, (_, i) => [0, 1, i === labels - 1 ? 1 : 0, 64]).flat(),
  ...packet,
]
const tag = (type: number, ...rest: Octets): number[] => [...u16(type), 0, 7, ...rest]

function nflog(packet: Octets, little: boolean): number[] {
  const order = (value: number) => (little ? u16(value).reverse() : u16(value))
  const padding = zeros((4 - (packet.length % 4)) % 4)
  const prefix = [...order(8), ...order(1), ...zeros(4)]
  return [2, 0, 0, 0, ...prefix, ...order(4 + packet.length), ...order(9), ...packet, ...padding]
}

/** Each: LINKTYPE_* number, and how an IP packet looks on it. */
export const LINKS = {
  raw: { linkType: 101, wrap: (p: Octets): number[] => [...p] },
  raw12: { linkType: 12, wrap: (p: Octets): number[] => [...p] },
  nullLittle: {
    linkType: 0,
    wrap: (p: Octets) => [isIpv4(p) ? 2 : 30, 0, 0, 0, ...p],
  },
  nullBig: { linkType: 0, wrap: (p: Octets) => [0, 0, 0, isIpv4(p) ? 2 : 24, ...p] },
  loop: { linkType: 108, wrap: (p: Octets) => [0, 0, 0, isIpv4(p) ? 2 : 28, ...p] },
  ethernet: { linkType: 1, wrap: (p: Octets) => [...MACS, ...etherType(p), ...p] },
  padded: { linkType: 1, wrap: (p: Octets) => [...MACS, ...etherType(p), ...p, ...zeros(7)] },
  vlan: { linkType: 1, wrap: (p: Octets) => [...MACS, ...tag(0x8100, ...etherType(p), ...p)] },
  qinq: {
    linkType: 1,
    wrap: (p: Octets) => [...MACS, ...tag(0x88a8, ...tag(0x8100, ...etherType(p), ...p))],
  },
  snap: {
    linkType: 1,
    wrap: (p: Octets) => [
      ...MACS,
      ...u16(Math.min(1500, 8 + p.length)),
      ...[0xaa, 0xaa, 3, 0, 0, 0],
      ...etherType(p),
      ...p,
    ],
  },
  mpls: { linkType: 1, wrap: (p: Octets) => [...MACS, 0x88, 0x47, ...mpls(p, 2)] },
  pppoe: {
    linkType: 1,
    wrap: (p: Octets) => [
      ...MACS,
      ...[0x88, 0x64, 0x11, 0, 0, 1],
      ...u16((2 + p.length) & 0xffff),
      ...pppProtocol(p),
      ...p,
    ],
  },
  ieee8021ah: {
    linkType: 1,
    wrap: (p: Octets) => [...MACS, 0x88, 0xe7, 0, 0, 0, 1, ...MACS, ...etherType(p), ...p],
  },
  fabricPath: {
    linkType: 1,
    wrap: (p: Octets) => [...MACS, 0x89, 0x03, 0, 1, ...MACS, ...etherType(p), ...p],
  },
  pppCisco: { linkType: 9, wrap: (p: Octets) => [0x0f, 0, ...etherType(p), ...p] },
  infiniBand: { linkType: 242, wrap: (p: Octets) => [...zeros(40), ...etherType(p), 0, 0, ...p] },
  macsec: {
    linkType: 1,
    wrap: (p: Octets) => [
      ...MACS,
      0x88,
      0xe5,
      0x20,
      ...zeros(13),
      ...etherType(p),
      ...p,
      ...zeros(16),
    ],
  },
  ppp: { linkType: 9, wrap: (p: Octets) => [0xff, 0x03, ...pppProtocol(p), ...p] },
  pppCompressed: { linkType: 9, wrap: (p: Octets) => [pppProtocol(p)[1]!, ...p] },
  ciscoHdlc: { linkType: 104, wrap: (p: Octets) => [0x0f, 0, ...etherType(p), ...p] },
  sll: { linkType: 113, wrap: (p: Octets) => [...zeros(14), ...etherType(p), ...p] },
  sll2: { linkType: 276, wrap: (p: Octets) => [...etherType(p), ...zeros(18), ...p] },
  nflog: { linkType: 239, wrap: (p: Octets) => nflog(p, true) },
  nflogBig: { linkType: 239, wrap: (p: Octets) => nflog(p, false) },
} as const
export type LinkName = keyof typeof LINKS
export const LINK_NAMES = Object.keys(LINKS) as LinkName[]
