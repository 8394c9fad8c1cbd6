/**
 * A scenario: conversations made of commands, and how they become packets. Small, so that a failing one can be
 * shrunk command by command and printed as text.
 */

import { COUNTED_TRAFFIC, OTHER_TRAFFIC, type OtherPacket } from '../support/other-traffic.js'
import {
  extension,
  FLAG,
  icmpUnreachable,
  ipv4,
  ipv6,
  LINKS,
  type LinkName,
  type Octets,
  tcp,
  udp,
  zeros,
} from '../support/packets.js'

/** Who sends: 0 is `a`, 1 is `b` of the conversation. */
export type Side = 0 | 1

export type Act =
  | {
      readonly do: 'tcp'
      from: Side
      flags: number
      sequence: number
      acknowledgement?: number
      length: number
    }
  | { readonly do: 'udp'; from: Side; length: number }
  /** First fragment: so many octets after the IP header, of a TCP or UDP packet. */
  | { readonly do: 'head'; from: Side; id: number; flags: number; length: number }
  | { readonly do: 'later'; from: Side; id: number; offset: number; length: number }
  /** An ICMP error that quotes a packet sent by `from`. */
  | { readonly do: 'icmp'; from: Side; type: number; code: number; cut: number }
  /** An IP packet as it is, behind no link header. */
  | { readonly do: 'octets'; readonly octets: Octets }
  /** ODD_PACKETS by its number. */
  | { readonly do: 'odd'; what: number }
  /** The clock is set: all packets after this are stamped so much later; `alone`: those of this interface. */
  | { readonly do: 'clock'; us: number; readonly alone?: boolean }
  /** Time passes without a packet. */
  | { readonly do: 'advance' }
  /** The peers' allowed IPs change. */
  | { readonly do: 'inside'; set: number }

export interface Command {
  /** Since the command before it in the same conversation. */
  readonly waitUs: number
  readonly act: Act
  readonly tweak?: Tweak
}

/** What is odd about one packet. */
export interface Tweak {
  /** Stamped so much before its turn. */
  readonly earlierUs?: number
  readonly noTime?: boolean
  /** Octets captured. */
  readonly cut?: number
  /** IP length 0, as an offloaded super-packet has it. */
  readonly zeroLength?: boolean
  /** [offset, value]: octets overwritten, link header included. */
  readonly mangle?: readonly (readonly [number, number])[]
  readonly wireDelta?: number
  readonly linkType?: number
  /** So many IPv6 extension headers, or words of IPv4 options. */
  readonly extraHeaders?: number
}

export interface Conversation {
  /** Which addresses and ports; conversations may share them. */
  readonly tuple: number
  readonly ipv6: boolean
  readonly transport: 'tcp' | 'udp'
  readonly link: LinkName
  /** Of the capture, and how far its clock is ahead; 0 when absent. */
  readonly interface?: number
  readonly skewUs?: number
  readonly startUs: number
  readonly commands: readonly Command[]
}

export interface ScenarioOptions {
  readonly handshakeUs: number
  readonly establishedUs: number
  readonly halfClosedUs: number
  readonly udpUs: number
  readonly lingerUs: number
  readonly activeUs: number
  readonly flowsMax: number
  readonly fragmentsMax: number
  readonly earlyReport: boolean
  readonly inside: number
}

export interface Scenario {
  readonly options: ScenarioOptions
  readonly baseUs: number
  /** Packets handed over at once. */
  readonly feedPackets: number
  readonly conversations: readonly Conversation[]
}

export const INSIDE_SETS: readonly (readonly string[])[] = [
  [],
  ['10.0.0.0/24', 'fd00::/64'],
  ['10.9.0.0/16', '10.0.0.1/32', 'fd00:9::/32'],
  ['0.0.0.0/0', '::/0'],
]

export type Event =
  | {
      kind: 'packet'
      ns: bigint | null
      data: Uint8Array
      wireBytes: number
      linkType: number
      interface: number
    }
  | { kind: 'advance'; ns: bigint }
  | { kind: 'inside'; prefixes: readonly string[] }

interface Endpoint {
  readonly ip: string
  readonly port: number
}

/** Tuple numbers cover: either side numerically lower, equal addresses, equal endpoints. */
export function endpoints({ tuple, ipv6: six }: Conversation): readonly [Endpoint, Endpoint] {
  const client = {
    ip: six ? `fd00::${1 + (tuple % 3)}` : `10.0.0.${1 + (tuple % 3)}`,
    port: 1000 + tuple,
  }
  const server = { ip: six ? 'fd00:9::9' : '10.9.9.9', port: 443 }
  if (tuple % 11 === 9) return [client, client]
  if (tuple % 11 === 10) return [client, { ...client, port: 999 }]
  return tuple % 2 === 0 ? [client, server] : [server, client]
}

/** In the order in which they are handed over: by time, then by conversation. */
export function events(scenario: Scenario): Event[] {
  const timed: { at: number; conversation: Conversation; command: Command }[] = []
  for (const conversation of scenario.conversations) {
    let at = scenario.baseUs + conversation.startUs
    for (const command of conversation.commands) {
      at += command.waitUs
      timed.push({ at, conversation, command })
    }
  }
  timed.sort((x, y) => x.at - y.at)
  const result: Event[] = []
  let clockUs = 0
  const aloneUs = new Map<number, number>()
  for (const { at, conversation, command } of timed) {
    const { act, tweak = {} } = command
    const { interface: own = 0, skewUs = 0 } = conversation
    const us = Math.max(0, at + clockUs + (aloneUs.get(own) ?? 0) + skewUs)
    // The nanoseconds are there to be cut off.
    const ns = BigInt(us - Math.min(us, tweak.earlierUs ?? 0)) * 1000n + BigInt(at % 1000)
    if (act.do === 'clock' && act.alone) aloneUs.set(own, (aloneUs.get(own) ?? 0) + act.us)
    else if (act.do === 'clock') clockUs += act.us
    else if (act.do === 'advance') result.push({ kind: 'advance', ns })
    else if (act.do === 'inside') result.push({ kind: 'inside', prefixes: INSIDE_SETS[act.set]! })
    else result.push(packet(conversation, act, tweak, tweak.noTime ? null : ns))
  }
  return result
}

/** Packets at the limits of what is counted, from both sides. */
export const ODD_PACKETS: readonly Omit<OtherPacket, 'reason'>[] = [
  ...OTHER_TRAFFIC,
  ...COUNTED_TRAFFIC,
]

/** Octets of content that are written out; the rest is cut off as a snaplen does. */
const CONTENT_BYTES_MAX = 64

function packet(conversation: Conversation, act: Act, tweak: Tweak, ns: bigint | null): Event {
  let linkType: number
  let data: number[]
  let wireBytes: number
  if (act.do === 'odd') {
    const odd = ODD_PACKETS[act.what]!
    linkType = odd.linkType
    data = [...odd.data]
    wireBytes = odd.wireBytes ?? data.length
  } else if (act.do === 'octets') {
    linkType = LINKS.raw.linkType
    data = [...act.octets]
    wireBytes = data.length
  } else {
    const link = LINKS[conversation.link]
    const { ip, missing } = ipPacket(conversation, act, tweak)
    linkType = link.linkType
    data = link.wrap(ip)
    wireBytes = data.length + missing
  }
  for (const [at, value] of tweak.mangle ?? []) if (at < data.length) data[at] = value
  if (tweak.cut !== undefined) data = data.slice(0, tweak.cut)
  wireBytes = Math.max(0, wireBytes + (tweak.wireDelta ?? 0))
  linkType = tweak.linkType ?? linkType
  const { interface: number = 0 } = conversation
  return {
    kind: 'packet',
    ns,
    data: Uint8Array.from(data),
    wireBytes,
    linkType,
    interface: number,
  }
}

function ipPacket(
  conversation: Conversation,
  act: Act,
  tweak: Tweak,
): { ip: number[]; missing: number } {
  const [a, b] = endpoints(conversation)
  const [from, to] = 'from' in act && act.from === 1 ? [b, a] : [a, b]
  if (act.do === 'icmp') return { ip: icmpPacket(conversation, act, from, to), missing: 0 }
  const { content, bytes, fragment } = contentOf(conversation, act, from, to)
  const kept = content.slice(0, CONTENT_BYTES_MAX)
  const missing = bytes - kept.length
  const protocol = conversation.transport === 'tcp' ? 6 : 17
  const ips = { from: from.ip, to: to.ip }
  const extra = tweak.extraHeaders ?? 0
  if (!conversation.ipv6) {
    const options = zeros(Math.min(extra, 10) * 4)
    const length = tweak.zeroLength ? 0 : Math.min(20 + options.length + bytes, 0xffff)
    return { ip: ipv4({ ...ips, protocol, length, options, ...fragment }, kept), missing }
  }
  let next = protocol
  let carried = kept
  if (fragment !== null) {
    const { id, offset, moreFragments: more } = fragment
    carried = extension.fragment(protocol, { id, offset, more }, kept)
    next = 44
  }
  for (let i = 0; i < extra; i++) {
    const type = [60, 43, 51, 0, 135][i % 5]!
    carried =
      type === 51
        ? extension.authentication(next, carried)
        : extension.options(next, carried, i % 3 === 0 ? 1 : 0)
    next = type
  }
  const length = tweak.zeroLength ? 0 : Math.min(carried.length + missing, 0xffff)
  return { ip: ipv6({ ...ips, protocol: next, length }, carried), missing }
}

function contentOf(
  conversation: Conversation,
  act: Act,
  from: Endpoint,
  to: Endpoint,
): {
  content: number[]
  bytes: number
  fragment: { id: number; offset: number; moreFragments: boolean } | null
} {
  const ports = { from: from.port, to: to.port }
  const header = (flags: number, sequence: number, acknowledgement = 0) =>
    conversation.transport === 'tcp'
      ? tcp({ ...ports, flags, sequence, acknowledgement })
      : udp(ports.from, ports.to)
  if (act.do === 'later') {
    const { id, offset, length } = act
    const fragment = { id, offset, moreFragments: length % 8 === 0 }
    return { content: zeros(Math.min(length, CONTENT_BYTES_MAX)), bytes: length, fragment }
  }
  if (act.do === 'head') {
    const whole = [...header(act.flags, 1), ...zeros(CONTENT_BYTES_MAX)]
    const fragment = { id: act.id, offset: 0, moreFragments: true }
    return { content: whole.slice(0, act.length), bytes: act.length, fragment }
  }
  const plain = act as Extract<Act, { do: 'tcp' | 'udp' }>
  const start =
    plain.do === 'tcp' ? header(plain.flags, plain.sequence, plain.acknowledgement) : header(0, 0)
  const bytes = start.length + plain.length
  return { content: [...start, ...zeros(Math.min(plain.length, 24))], bytes, fragment: null }
}

function icmpPacket(
  conversation: Conversation,
  act: Extract<Act, { do: 'icmp' }>,
  from: Endpoint,
  to: Endpoint,
): number[] {
  const transport =
    conversation.transport === 'tcp'
      ? tcp({ from: from.port, to: to.port, flags: FLAG.syn })
      : udp(from.port, to.port)
  const protocol = conversation.transport === 'tcp' ? 6 : 17
  const build = conversation.ipv6 ? ipv6 : ipv4
  const quoted: Octets = build({ from: from.ip, to: to.ip, protocol }, transport).slice(0, act.cut)
  // From the quoted packet's destination, as a host that refuses it sends it.
  return build(
    { from: to.ip, to: from.ip, protocol: conversation.ipv6 ? 58 : 1 },
    icmpUnreachable(act.type, act.code, quoted),
  )
}

/** Sequences, as the reports count them: conversations that send at least one packet. */
export function sequenceCount(scenario: Scenario): number {
  const silent = ['clock', 'advance', 'inside']
  const sends = ({ commands }: Conversation) => commands.some(({ act }) => !silent.includes(act.do))
  return scenario.conversations.filter(sends).length
}

const flagNames = (flags: number): string =>
  ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR']
    .filter((_, bit) => flags & (1 << bit))
    .join('+') || 'no flags'

function actText(conversation: Conversation, act: Act): string {
  const way = 'from' in act ? (act.from === 0 ? 'a>b' : 'b>a') : ''
  switch (act.do) {
    case 'tcp':
      return `${way} ${flagNames(act.flags)} seq ${act.sequence} ack ${act.acknowledgement ?? 0} len ${act.length}`
    case 'udp':
      return `${way} UDP len ${act.length}`
    case 'head': {
      const flags = conversation.transport === 'tcp' ? flagNames(act.flags) : 'UDP'
      return `${way} first fragment id ${act.id}, ${act.length} octets, ${flags}`
    }
    case 'later':
      return `${way} fragment id ${act.id} at ${act.offset}, ${act.length} octets`
    case 'icmp':
      return `ICMP ${act.type}/${act.code} quotes ${act.cut} octets of ${way}`
    case 'octets':
      return `octets ${Buffer.from(act.octets).toString('hex')}`
    case 'odd':
      return ODD_PACKETS[act.what]!.name
    case 'clock':
      return `the clock is set by ${act.us} us${act.alone ? ', for this interface alone' : ''}`
    case 'advance':
      return 'time passes'
    case 'inside':
      return `inside = ${INSIDE_SETS[act.set]!.join(', ') || 'nothing'}`
  }
}

/** For a person who has to find out why. */
export function describeScenario(scenario: Scenario): string {
  const { options, conversations, baseUs, feedPackets } = scenario
  const lines = [
    `options ${JSON.stringify({ ...options, inside: INSIDE_SETS[options.inside] })}`,
    `base ${baseUs} us, ${feedPackets} packets a feed`,
  ]
  for (const [i, conversation] of conversations.entries()) {
    const [a, b] = endpoints(conversation)
    lines.push(
      `#${i} ${conversation.transport} a=${a.ip} ${a.port} b=${b.ip} ${b.port} on ${conversation.link}` +
        ` from +${conversation.startUs} us, interface ${conversation.interface ?? 0}` +
        ` ahead by ${conversation.skewUs ?? 0} us`,
    )
    for (const { waitUs, act, tweak } of conversation.commands) {
      const odd = tweak === undefined ? '' : ` ${JSON.stringify(tweak)}`
      lines.push(`    +${waitUs} us  ${actText(conversation, act)}${odd}`)
    }
  }
  return lines.join('\n')
}
