/** Clocks that stamp packets: set, wrong, several of them. */
import {
  A,
  a,
  b,
  clock,
  command,
  F,
  head,
  later,
  OPEN,
  P,
  passes,
  type Rule,
  rule,
  S,
  SECOND,
  TINY,
  t,
  u,
} from './rule.js'

export const CLOCK_RULES: readonly Rule[] = [
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
]
