import {
  A,
  a,
  b,
  command,
  F,
  head,
  icmp,
  later,
  OPEN,
  passes,
  R,
  type Rule,
  rule,
  S,
  SECOND,
  TINY,
  t,
  u,
} from './rule.js'

export const UDP_RULES: readonly Rule[] = [
  rule(
    'UDP, unanswered',
    [u(0, a, 10), u(1, a)],
    [
      {
        protocol: 'udp',
        bytesTx: 66,
        payloadTx: 10,
        connState: 'S0',
        directionBasis: 'firstPacket',
        tcpFlagsTx: 0,
      },
    ],
  ),
  rule(
    'UDP, answered',
    [u(0, a, 10), u(1, b, 20)],
    [{ connState: 'SF', bytesTx: 38, bytesRx: 48 }],
  ),
  rule(
    'UDP, only the responder speaks',
    [u(0, b)],
    [{ sourceIp: '10.0.0.1', connState: 'SHR', directionBasis: 'peer' }],
    {
      options: { inside: 1 },
    },
  ),
  rule(
    'UDP ends after 60 s',
    [u(0, a), u(60, b), u(60 + TINY, a)],
    [
      { packetsRx: 1, endReason: 'idleTimeout' },
      { packetsTx: 1, endReason: 'forcedEnd' },
    ],
  ),
  rule(
    'ICMP port unreachable: refused',
    [u(0, a), icmp(0.1, a)],
    [{ connState: 'REJ', packetsRx: 0 }],
    {
      other: { icmp: [1, 56] },
    },
  ),
  rule('fragmentation needed is no refusal', [u(0, a), icmp(0.1, a, 3, 4)], [{ connState: 'S0' }]),
  rule('time exceeded neither', [u(0, a), icmp(0.1, a, 11, 0)], [{ connState: 'S0' }]),
  rule(
    'an answer outweighs the ICMP error',
    [u(0, a), icmp(0.1, a), u(0.1, b)],
    [{ connState: 'SF' }],
  ),
  rule(
    'nor does one that a bare ACK followed: the responder is there',
    [t(0, a, S), icmp(0.1, a), t(0.1, b, A)],
    [{ connState: 'S0', packetsRx: 1 }],
    { other: { icmp: [1, 68] } },
  ),
  rule('an error about the responder says nothing', [u(0, a), icmp(0.1, b)], [{ connState: 'S0' }]),
]

export const TIME_RULES: readonly Rule[] = [
  rule(
    'interim records hold all so far',
    [u(0, a), u(30, a), u(30, a), u(59, a), u(40, a)],
    [
      { packetsTx: 2, endReason: 'activeTimeout', last: 30 },
      { packetsTx: 4, endReason: 'activeTimeout', last: 119 },
      { packetsTx: 5, endReason: 'forcedEnd', last: 159 },
    ],
    { options: { activeUs: 60 * SECOND }, ended: { activeTimeout: 2, forcedEnd: 1 } },
  ),
  rule(
    'a report has said when the session started: a packet from before that changes it no more',
    [
      u(0, a),
      u(5, a),
      u(20, a),
      command(1, { do: 'udp', from: a, length: 0 }, { earlierUs: 30e6 }),
    ],
    [
      { packetsTx: 2, endReason: 'activeTimeout', first: 0, last: 5 },
      { packetsTx: 4, endReason: 'forcedEnd', first: 0, last: 25 },
    ],
    { options: { activeUs: 20 * SECOND } },
  ),
  rule(
    'no interim record without news',
    [...OPEN, passes(61), passes(61), t(0, a, A)],
    [
      { packetsTx: 2, endReason: 'activeTimeout' },
      { packetsTx: 3, endReason: 'forcedEnd' },
    ],
    { options: { activeUs: 60 * SECOND } },
  ),
  rule('no interim record after the end', [u(0, a), passes(200)], [{ endReason: 'idleTimeout' }], {
    options: { activeUs: 61 * SECOND },
  }),
  rule(
    'no interim record of a session that is about to end: a DNS exchange is one record',
    [u(0, a), u(3.75, b), passes(64)],
    [{ packetsRx: 1, endReason: 'idleTimeout' }],
    { options: { activeUs: 60 * SECOND }, ended: { activeTimeout: 0, idleTimeout: 1 } },
  ),
  rule(
    'a microsecond more and it is two: the session is silent for less than 15/16 of its timeout',
    [u(0.05, a), u(3.75 + TINY + 0.05, b), passes(64)],
    [{ endReason: 'activeTimeout' }, { sequence: 1, endReason: 'idleTimeout' }],
    { options: { activeUs: 60 * SECOND }, ended: { activeTimeout: 1, idleTimeout: 1 } },
  ),
  rule(
    'it waits for that end, and comes then if a packet kept the session open',
    [u(0, a), u(2, b), u(59, a), passes(0.9), u(0, a), passes(0.2), passes(59), u(0, b)],
    [
      { packetsTx: 3, packetsRx: 1, endReason: 'activeTimeout' },
      { sequence: 1, packetsTx: 3, packetsRx: 2, endReason: 'forcedEnd' },
    ],
    { options: { activeUs: 60 * SECOND }, ended: { activeTimeout: 1, forcedEnd: 1 } },
  ),
  rule(
    'early report: once, 100 ms after the close',
    [...OPEN, t(0, a, R), passes(1), passes(10)],
    [{ endReason: 'endOfFlowDetected', packetsTx: 3 }],
    { options: { earlyReport: true }, ended: { endOfFlowDetected: 1 } },
  ),
  rule(
    'early report: again when packets came after it',
    [...OPEN, t(0, a, R), passes(1), t(0, b, A), passes(10)],
    [
      { endReason: 'endOfFlowDetected', packetsRx: 1 },
      { sequence: 1, endReason: 'endOfFlowDetected', packetsRx: 2 },
    ],
    { options: { earlyReport: true }, ended: { endOfFlowDetected: 1 } },
  ),
  rule(
    'table full: the longest idle goes',
    [u(0, a)],
    [
      { sequence: 1, endReason: 'lackOfResources' },
      { sequence: 2, endReason: 'forcedEnd' },
      { sequence: 3, endReason: 'forcedEnd' },
    ],
    {
      options: { flowsMax: 2 },
      also: [
        { tuple: 2, transport: 'udp', commands: [u(1, a)] },
        { tuple: 4, transport: 'udp', commands: [u(2, a)] },
      ],
      ended: { lackOfResources: 1, forcedEnd: 2 },
      evictions: 1,
    },
  ),
  rule(
    'table full: of two idle equally long the older session goes, also when a packet made them equal',
    [u(0, a)],
    [
      { sequence: 1, endReason: 'lackOfResources' },
      { sequence: 2, endReason: 'lackOfResources', packetsTx: 2 },
      { sequence: 3, endReason: 'forcedEnd' },
      { sequence: 4, endReason: 'forcedEnd' },
      { sequence: 5, endReason: 'forcedEnd' },
    ],
    {
      options: { flowsMax: 3 },
      also: [
        { tuple: 2, transport: 'udp', commands: [u(0, a)] },
        { tuple: 4, transport: 'udp', commands: [u(1, a)] },
        { tuple: 6, transport: 'udp', commands: [u(1, a)] },
        { tuple: 2, transport: 'udp', commands: [u(1, a)] },
        { tuple: 8, transport: 'udp', commands: [u(1, a)] },
      ],
      ended: { lackOfResources: 2, forcedEnd: 3 },
      evictions: 2,
    },
  ),
  rule(
    'table full: a closed one has ended by itself',
    [t(0, a, S), t(0, b, R | A)],
    [
      { sequence: 1, endReason: 'endOfFlowDetected' },
      { sequence: 2, endReason: 'forcedEnd' },
    ],
    { options: { flowsMax: 1 }, also: [{ tuple: 2, commands: [t(1, a, S)] }], evictions: 1 },
  ),
]

export const FRAGMENT_RULES: readonly Rule[] = [
  rule(
    'later fragments count to the flow of their head',
    [u(0, a), head(1, a, 64), later(0, a, 64, 64), later(0, a, 128, 11)],
    [{ packetsTx: 4, bytesTx: 28 + 84 + 84 + 31, payloadTx: 56 + 64 + 11 }],
  ),
  rule(
    'also when the head comes last',
    [later(0, a, 64, 64), later(1, a, 128, 11), head(1, a, 64), u(0, a)],
    [{ packetsTx: 4, bytesTx: 28 + 84 + 84 + 31, first: 0, last: 2 }],
  ),
  rule(
    'in IPv6 too',
    [u(0, a), head(1, a, 64), later(0, a, 64, 64), later(0, a, 128, 11)],
    [{ packetsTx: 4, bytesTx: 48 + 112 + 112 + 59, payloadTx: 56 + 64 + 11 }],
    { ipv6: true },
  ),
  rule('a head that never comes', [u(0, a), later(0, a, 64, 64), passes(31)], [{ packetsTx: 1 }], {
    other: { fragment: [1, 84] },
  }),
  rule(
    'a head that comes too late',
    [later(0, a, 64, 64), head(30 + TINY, a, 64), u(0, a)],
    [{ packetsTx: 2 }],
    {
      other: { fragment: [1, 84] },
    },
  ),
  rule(
    'a head that is a stray takes its fragments with it',
    [later(0, a, 64, 64), head(0, a, 64, F | A), later(0, a, 128, 8)],
    [],
    {
      other: { stray: [1, 84], fragment: [2, 112] },
    },
  ),
  rule(
    'a fragment refreshes its flow',
    [u(0, a), head(0, a, 64), later(25, a, 64, 64), later(25, a, 128, 8), u(60, b)],
    [{ packetsTx: 4, packetsRx: 1 }],
  ),
  rule(
    'a datagram is forgotten after 30 s, also without another packet of it',
    [
      u(0, a),
      later(0, a, 64, 64),
      passes(31),
      command(0, { do: 'later', from: a, id: 6, offset: 64, length: 8 }),
    ],
    [{ packetsTx: 1 }],
    { options: { fragmentsMax: 1 }, other: { fragment: [2, 112] }, fragmentEvictions: 0 },
  ),
  rule(
    'what waited for a stray head is not given to the next one',
    [later(0, a, 64, 64), head(0, a, 64, F | A), t(0, a, S), head(0, a, 64), later(0, a, 64, 8)],
    [{ packetsTx: 3, bytesTx: 40 + 84 + 28 }],
    { other: { stray: [1, 84], fragment: [1, 84] } },
  ),
  rule(
    'the fragment table full: the oldest datagram goes',
    [
      u(0, a),
      later(0, a, 64, 64),
      command(1, { do: 'later', from: a, id: 6, offset: 64, length: 8 }),
      head(1, a, 64),
    ],
    [{ packetsTx: 2 }],
    { options: { fragmentsMax: 1 }, other: { fragment: [2, 112] } },
  ),
]
