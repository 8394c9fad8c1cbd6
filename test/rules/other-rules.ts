import {
  A,
  a,
  b,
  clock,
  command,
  F,
  head,
  icmp,
  later,
  OPEN,
  P,
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
    'a clock set back an hour ends nothing',
    [u(0, a), clock(-3600), u(10, b), u(50, a)],
    [{ packetsTx: 2, packetsRx: 1, first: -3590, last: 0 }],
  ),
  rule(
    'after it, timeouts go on from there',
    [u(0, a), clock(-3600), u(10, b), u(60 + TINY, a)],
    [{ packetsTx: 1, packetsRx: 1 }, { packetsTx: 1 }],
  ),
  rule(
    'one stamp an hour back: the clock comes back to where it was',
    [
      u(0, a),
      u(1, b),
      command(0, { do: 'udp', from: a, length: 0 }, { earlierUs: 3600 * SECOND }),
      u(1, b),
      u(59, a),
      u(60 + TINY, a),
    ],
    [{ packetsTx: 3, packetsRx: 2, last: 61 }, { packetsTx: 1 }],
  ),
  rule(
    'another interface with a clock of its own ends nothing, whatever its clock says',
    [u(0, a), u(1, a), u(1, a), u(1, a)],
    [
      { packetsTx: 4, first: 0, last: 3, endReason: 'forcedEnd' },
      { packetsTx: 3, first: 160.5, last: 162.5, endReason: 'forcedEnd' },
      { packetsTx: 3, first: -3599.5, last: -3597.5, endReason: 'forcedEnd' },
    ],
    {
      also: [
        {
          tuple: 2,
          startUs: 0.5 * SECOND,
          interface: 1,
          skewUs: 160 * SECOND,
          commands: [u(0, a), u(1, a), u(1, a)],
        },
        {
          tuple: 4,
          startUs: 0.5 * SECOND,
          interface: 2,
          skewUs: -3600 * SECOND,
          commands: [u(0, a), u(1, a), u(1, a)],
        },
      ],
    },
  ),
  ...[3600, 61, -3600].map((seconds) =>
    rule(
      `a clock that is set by ${seconds} s for one interface of two, time going on for the other, is no silence`,
      [u(0, a), u(1, a), clock(seconds, true), ...Array.from({ length: 5 }, () => u(1, a))],
      seconds > 0
        ? [
            // The first packet after it, alone, may be one after silence.
            { packetsTx: 2, last: 1, endReason: 'idleTimeout' },
            { packetsTx: 7, first: 0.5, last: 6.5, endReason: 'forcedEnd' },
            { packetsTx: 5, first: 2 + seconds, last: 6 + seconds },
          ]
        : [
            { packetsTx: 7, last: 1 },
            { packetsTx: 7, first: 0.5, last: 6.5 },
          ],
      {
        also: [
          {
            tuple: 2,
            startUs: 0.5 * SECOND,
            interface: 1,
            commands: [u(0, a), ...Array.from({ length: 6 }, () => u(1, a))],
          },
        ],
      },
    ),
  ),
  rule(
    'clocks of three interfaces that are set apart, one after the other, split nothing',
    [u(0, a), ...Array.from({ length: 6 }, () => u(1, a))],
    [
      { packetsTx: 7, first: 0, last: 6 },
      { packetsTx: 7, last: 1.3 },
      { packetsTx: 7, last: 2.6 },
    ],
    {
      also: [
        {
          tuple: 2,
          startUs: 0.3 * SECOND,
          interface: 1,
          commands: [
            u(0, a),
            u(1, a),
            clock(-7200, true),
            ...Array.from({ length: 5 }, () => u(1, a)),
          ],
        },
        {
          tuple: 4,
          startUs: 0.6 * SECOND,
          interface: 2,
          commands: [
            ...[u(0, a), u(1, a), u(1, a), clock(-3600, true)],
            ...Array.from({ length: 4 }, () => u(1, a)),
          ],
        },
      ],
    },
  ),
  rule(
    'each session ends by the silence of its own clock',
    [u(0, a), u(1, a), u(30, a), u(31, a), u(30, a)],
    [
      { packetsTx: 5, endReason: 'forcedEnd' },
      { packetsTx: 1, endReason: 'idleTimeout', first: 160.5 },
      { packetsTx: 1, endReason: 'forcedEnd', first: 160.5 + 60 + TINY },
    ],
    {
      also: [
        {
          tuple: 2,
          startUs: 0.5 * SECOND,
          interface: 1,
          skewUs: 160 * SECOND,
          commands: [u(0, a), u(60 + TINY, a)],
        },
      ],
    },
  ),
  rule(
    'interfaces whose clocks agree share one: a session may be seen on both',
    [u(0, a), u(1, a)],
    [{ packetsTx: 2, packetsRx: 2 }, { packetsTx: 1 }],
    {
      also: [
        { startUs: 0.5 * SECOND, interface: 1, commands: [u(0, b), u(1, b), u(60 + TINY, a)] },
      ],
    },
  ),
  rule(
    'a session that changes interface takes its times with it',
    [t(0, a, S), t(0.02, b, S | A), t(0.001, a, A)],
    [
      { packetsTx: 3, packetsRx: 2, connState: 'SF', endReason: 'endOfFlowDetected' },
      { packetsTx: 1 },
    ],
    {
      also: [
        {
          tuple: 2,
          transport: 'udp',
          startUs: 0.5 * SECOND,
          interface: 1,
          skewUs: 160 * SECOND,
          commands: [u(0, a)],
        },
        {
          startUs: SECOND,
          interface: 1,
          skewUs: 160 * SECOND,
          commands: [t(0, a, F | A), t(0, b, F | A), passes(6)],
        },
      ],
    },
  ),
  rule(
    'one stamp a day ahead ends nothing but, perhaps, its own session',
    [...OPEN, t(1, a, P | A, 10), t(1, b, P | A, 10)],
    [
      { packetsTx: 3, packetsRx: 2, connState: 'S1', last: 2.021, endReason: 'forcedEnd' },
      { packetsTx: 1, first: 86401.5 },
    ],
    {
      also: [
        {
          tuple: 2,
          transport: 'udp',
          startUs: 1.5 * SECOND,
          skewUs: 86_400 * SECOND,
          commands: [u(0, a)],
        },
      ],
    },
  ),
  rule(
    'a first fragment after an hour of silence: the others that follow it are its own',
    [u(0, a), head(3600, a, 64), later(0, a, 64, 64), later(0, a, 128, 8)],
    [
      { packetsTx: 1, endReason: 'idleTimeout' },
      { packetsTx: 3, endReason: 'forcedEnd' },
    ],
  ),
  rule(
    'two stamps a day ahead are silence',
    [...OPEN, t(1, a, P | A, 10)],
    [
      { packetsTx: 3, connState: 'S1', endReason: 'idleTimeout' },
      { packetsTx: 2, first: 86401.5, last: 86402.5, endReason: 'forcedEnd' },
    ],
    {
      also: [
        {
          tuple: 2,
          transport: 'udp',
          startUs: 1.5 * SECOND,
          skewUs: 86_400 * SECOND,
          commands: [u(0, a), u(1, a)],
        },
      ],
    },
  ),
  rule(
    'packets out of order: earliest and latest time',
    [u(1, a), command(0, { do: 'udp', from: a, length: 0 }, { earlierUs: SECOND })],
    [{ first: 0, last: 1, packetsTx: 2 }],
  ),
  rule(
    'a packet half a minute early stalls the clock, no more',
    [u(0, a), command(10, { do: 'udp', from: a, length: 0 }, { earlierUs: 30 * SECOND }), u(50, a)],
    [{ first: -20, last: 60, packetsTx: 3 }],
  ),
  rule(
    'a packet without a time takes the one before it',
    [u(1, a), command(5, { do: 'udp', from: a, length: 0 }, { noTime: true })],
    [{ first: 1, last: 1, packetsTx: 2 }],
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
