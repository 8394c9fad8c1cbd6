/** What a packet says to a session that is there: ICMP quotes at their limits, addresses and numbers off the usual path. */

import type { Command } from '../property/scenario.js'
import {
  extension,
  icmpUnreachable,
  ipv4,
  ipv6,
  type Octets,
  udp,
  zeros,
} from '../support/packets.js'
import { A, a, b, command, icmp, OPEN, R, type Rule, rule, S, t, u } from './rule.js'

const A4 = '10.0.0.1'
const B4 = '10.9.9.9'
const A6 = 'fd00::1'
const B6 = 'fd00:9::9'
const [UDP, ICMP, ICMPV6] = [17, 1, 58]
const REFUSED = [{ connState: 'REJ', packetsRx: 0 }] as const
const OPEN_STILL = [{ connState: 'S0', packetsRx: 0 }] as const

const octets = (wait: number, packet: Octets): Command =>
  command(wait, { do: 'octets', octets: packet })
const set = (data: Octets, at: number, value: number): number[] =>
  data.map((octet, i) => (i === at ? value : octet))

/** The packet of `a` that the error quotes, with whatever is odd about its IP header. */
const quote4 = (more = {}): number[] =>
  ipv4({ from: A4, to: B4, protocol: UDP, ...more }, udp(1000, 443))
const quote6 = (protocol: number, content: Octets): number[] =>
  ipv6({ from: A6, to: B6, protocol }, content)
const PORTS = udp(1000, 443)

const error4 = (quoted: Octets, more = {}): number[] =>
  ipv4({ from: B4, to: A4, protocol: ICMP, ...more }, icmpUnreachable(3, 3, quoted))
const error6 = (quoted: Octets, type = 1): number[] =>
  ipv6({ from: B6, to: A6, protocol: ICMPV6 }, icmpUnreachable(type, 4, quoted))

function refusal(name: string, error: Octets, refused: boolean): Rule {
  const ipv6 = error[0]! >> 4 === 6
  const reason = ipv6 || error[9] === ICMPV6 ? 'icmpv6' : 'icmp'
  return rule(
    `ICMP quote: ${name}: ${refused ? 'refused' : 'nothing'}`,
    [u(0, a), octets(0.1, error)],
    refused ? REFUSED : OPEN_STILL,
    { ipv6, other: { [reason]: [1, error.length] } },
  )
}

/** So many destination option headers of 8 octets before the ports. */
function chain(count: number): number[] {
  let content = PORTS
  for (let i = 0; i < count; i++) content = extension.options(i === 0 ? UDP : 60, content)
  return quote6(count === 0 ? UDP : 60, content)
}
const fragment = (offset: number, more: boolean): number[] =>
  quote6(44, extension.fragment(UDP, { id: 0, offset, more }, PORTS))

const QUOTES: readonly Rule[] = [
  refusal('up to its ports', error4(quote4().slice(0, 24)), true),
  refusal('one octet short of its ports', error4(quote4().slice(0, 23)), false),
  refusal('its IP header alone', error4(quote4().slice(0, 20)), false),
  refusal('with IP options', error4(quote4({ options: zeros(8) }).slice(0, 32)), true),
  refusal('version 5', error4(set(quote4(), 0, 0x55)), false),
  refusal('IP header of four words', error4(set(quote4(), 0, 0x44)), false),
  refusal('a later fragment', error4(quote4({ offset: 8 })), false),
  refusal('a first fragment', error4(quote4({ moreFragments: true })), true),
  refusal('another protocol', error4(quote4({ protocol: 132 })), false),
  refusal('in a later fragment', error4(quote4(), { offset: 8 }), false),
  refusal('in a first fragment', error4(quote4(), { moreFragments: true }), true),
  refusal('behind IP options', error4(quote4(), { options: zeros(8) }), true),
  refusal('ICMPv6 in IPv4', error4(quote4(), { protocol: ICMPV6 }), false),
  refusal('IPv6 in ICMP for IPv4', error4(chain(0)), false),
  refusal('IPv6', error6(chain(0)), true),
  refusal('IPv6, time exceeded', error6(chain(0), 3), false),
  refusal('IPv6, up to its ports', error6(chain(0).slice(0, 44)), true),
  refusal('IPv6, one octet short of its ports', error6(chain(0).slice(0, 43)), false),
  refusal('IPv6, its IP header alone', error6(chain(0).slice(0, 40)), false),
  refusal('IPv6, version 5', error6(set(chain(0), 0, 0x50)), false),
  refusal('sixteen extension headers', error6(chain(16)), true),
  refusal('seventeen extension headers', error6(chain(17)), false),
  refusal('an extension header cut', error6(chain(1).slice(0, 47)), false),
  refusal(
    'an extension header of 16 octets',
    error6(quote6(60, extension.options(UDP, PORTS, 1))),
    true,
  ),
  refusal(
    'an authentication header',
    error6(quote6(51, extension.authentication(UDP, PORTS))),
    true,
  ),
  refusal('IPv6, an atomic fragment', error6(fragment(0, false)), true),
  refusal('IPv6, a first fragment', error6(fragment(0, true)), true),
  refusal('IPv6, its fragment header has no length', error6(set(fragment(0, true), 41, 9)), true),
  refusal('IPv6, a later fragment', error6(fragment(8, false)), false),
  rule(
    'ICMP quote: what is behind the IP length is padding',
    [u(0, a), octets(0.1, [...error4(quote4(), { length: 20 + 8 + 23 }), 0, 0])],
    OPEN_STILL,
    { other: { icmp: [1, 51] } },
  ),
  rule(
    'ICMP quote: all of it is behind the IP length',
    [u(0, a), octets(0.1, error4(quote4(), { length: 20 + 4 }))],
    OPEN_STILL,
    { other: { icmp: [1, 24] } },
  ),
  rule('ICMP quote: a SYN: refused', [t(0, a, S), icmp(0.1, a)], REFUSED, {
    other: { icmp: [1, 68] },
  }),
]

const six = (from: string, to: string, fromPort: number, toPort: number): Command =>
  octets(0.1, ipv6({ from, to, protocol: UDP }, udp(fromPort, toPort)))

export const PACKET_RULES: readonly Rule[] = [
  ...QUOTES,
  rule(
    'IPv6 hosts that differ in their last octet: an answer is an answer',
    [six('fd00::1', 'fd00::2', 9, 5), six('fd00::2', 'fd00::1', 5, 9)],
    [{ sourceIp: 'fd00::1', sourcePort: 9, destIp: 'fd00::2', packetsTx: 1, packetsRx: 1 }],
  ),
  rule(
    'IPv6 hosts that differ in their last octet, the higher opens',
    [six('fd00::2', 'fd00::1', 5, 9), six('fd00::1', 'fd00::2', 9, 5)],
    [{ sourceIp: 'fd00::2', sourcePort: 5, destIp: 'fd00::1', packetsTx: 1, packetsRx: 1 }],
  ),
  rule(
    'IPv6 hosts that differ in their last octet are two',
    [six('fd00::1', 'fd00::9', 9, 5), six('fd00::2', 'fd00::9', 9, 5)],
    [
      { sourceIp: 'fd00::1', packetsTx: 1 },
      { sourceIp: 'fd00::2', packetsTx: 1 },
    ],
  ),
  rule(
    'the SYN of a closed session, once more, with IP options',
    [
      ...OPEN,
      t(0, b, R),
      command(1, { do: 'tcp', from: a, flags: S, sequence: 7, length: 0 }, { extraHeaders: 1 }),
    ],
    [{ packetsTx: 3, bytesTx: 40 + 40 + 44, connState: 'RSTR' }],
  ),
  rule(
    'another SYN on a closed session, with IP options',
    [
      ...OPEN,
      t(0, b, R | A),
      command(1, { do: 'tcp', from: a, flags: S, sequence: 8, length: 0 }, { extraHeaders: 1 }),
    ],
    [
      { packetsTx: 2, endReason: 'endOfFlowDetected' },
      { packetsTx: 1, connState: 'S0' },
    ],
  ),
]
