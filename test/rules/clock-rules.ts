/** Clocks that stamp packets: set, wrong, several of them. */
import type { Command, Conversation } from '../property/scenario.js'
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

/** Ten octets of `a` from that number on, and what `b` acknowledges. */
const data = (wait: number, sequence: number): Command => t(wait, a, P | A, 10, sequence)
const acknowledgement = (wait: number, acknowledgement: number): Command =>
  command(wait, { do: 'tcp', from: b, flags: A, sequence: 91, acknowledgement, length: 0 })
/** A UDP session: a packet 0.9 s after the start, and one so much later. */
const beside = (seconds: number): Partial<Conversation>[] => [
  { tuple: 2, transport: 'udp', startUs: 0.9 * SECOND, commands: [u(0, a), u(seconds, a)] },
]

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
      [
        { packetsTx: 7, last: Math.max(1, 6 + seconds), endReason: 'forcedEnd' },
        { packetsTx: 7, first: 0.5, last: 6.5, endReason: 'forcedEnd' },
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
    'several packets of an interface whose clock was set, before another interface denies silence',
    [u(0, a), u(1, a), clock(3600, true), u(0.1, a), u(0.1, a), u(1, a)],
    [
      { packetsTx: 5, last: 3602.2, endReason: 'forcedEnd' },
      { packetsTx: 3, first: 0.5, last: 2 },
    ],
    {
      also: [
        {
          tuple: 2,
          startUs: 0.5 * SECOND,
          interface: 1,
          commands: [u(0, a), u(0.8, a), u(0.7, a)],
        },
      ],
    },
  ),
  rule(
    'an interface whose clock was apart from the other before it was set ahead',
    [u(0, a), u(1, a), u(1, a), u(1, a)],
    [
      { packetsTx: 4, first: 0, last: 3 },
      { packetsTx: 4, last: 3762.5, endReason: 'forcedEnd' },
    ],
    {
      also: [
        {
          tuple: 2,
          startUs: 0.5 * SECOND,
          interface: 1,
          skewUs: 160 * SECOND,
          commands: [u(0, a), clock(3600, true), u(1, a), u(0.7, a), u(0.3, a)],
        },
      ],
    },
  ),
  rule(
    'a wrong stamp ends nothing, not even its own session',
    [
      u(0, a),
      command(1, { do: 'udp', from: a, length: 0 }, { earlierUs: -86_400 * SECOND }),
      u(1, a),
    ],
    [{ packetsTx: 3, last: 86_401 }],
  ),
  ...[61, 3600, 86_400].map((seconds) =>
    rule(
      `the only clock is set ${seconds} s ahead: TCP that goes on without repeating denies silence`,
      [...OPEN, data(1, 8), clock(seconds), data(0.1, 18), acknowledgement(0.02, 28)],
      [
        { packetsTx: 4, packetsRx: 2, last: seconds + 1.141, endReason: 'forcedEnd' },
        { packetsTx: 2, last: seconds + 1.05, endReason: 'forcedEnd' },
      ],
      { also: beside(0.15) },
    ),
  ),
  rule(
    'so does TCP that acknowledges at once',
    [...OPEN, data(1, 8), clock(3600), acknowledgement(0.02, 18)],
    [
      { packetsTx: 3, packetsRx: 2, endReason: 'forcedEnd' },
      { packetsTx: 2, last: 3601.2, endReason: 'forcedEnd' },
    ],
    { also: beside(0.3) },
  ),
  ...(
    [
      ['that repeats', [...OPEN, data(1, 8), data(3600, 8)]],
      [
        'that had everything acknowledged',
        [...OPEN, data(1, 8), acknowledgement(0, 18), data(3600, 18)],
      ],
      ['of which only one side is seen', [t(0, a, S), data(1, 8), data(3600, 18)]],
    ] as const
  ).map(([which, commands]) =>
    rule(
      `TCP ${which} denies nothing`,
      commands,
      [{ endReason: 'forcedEnd' }, { packetsTx: 1, endReason: 'idleTimeout' }, { packetsTx: 1 }],
      { also: beside(3600.2) },
    ),
  ),
  rule(
    'packets minutes apart: a clock that was set before the first of them does not add up the silence before the others',
    [...OPEN, data(1, 8), data(200, 18), data(200, 18), data(200, 18)],
    [{ packetsTx: 6, packetsRx: 1, last: 601.021, endReason: 'forcedEnd' }],
    { options: { establishedUs: 240 * SECOND } },
  ),
  rule(
    'nor does TCP that had timed out before the jump, its end not yet reported',
    [
      t(0, a, S),
      t(0.02, b, S | A),
      command(0.165, { do: 'clock', us: 3600 * SECOND, alone: true }),
      command(0.005, { do: 'tcp', from: a, flags: A, sequence: 8, acknowledgement: 8, length: 0 }),
    ],
    [
      { packetsTx: 1, packetsRx: 1, endReason: 'idleTimeout' },
      { packetsTx: 1, endReason: 'forcedEnd' },
      { packetsTx: 2, last: 0.18, endReason: 'idleTimeout' },
    ],
    {
      options: { handshakeUs: 0.1 * SECOND },
      also: [
        { tuple: 4, transport: 'udp', interface: 1, skewUs: 160 * SECOND, commands: [u(0, a)] },
        {
          tuple: 2,
          transport: 'udp',
          startUs: 0.05 * SECOND,
          commands: [u(0, a), u(0.13, a)],
        },
      ],
      other: { stray: [1, 40] },
    },
  ),
]
