/** A SYN on a connection that is known: what its answer decides. In each, `a` began with the SYN of number 7. */
import type { Command } from '../property/scenario.js'
import { A, a, answer, b, command, F, OPEN, P, passes, R, type Rule, rule, S, t } from './rule.js'

const syn = (wait: number, sequence: number): Command => t(wait, a, S, 0, sequence)
const RESET = [...OPEN, t(0.979, b, R)]
const CLOSED = [...OPEN, t(0, a, F | A), t(0, b, F | A), t(0.979, a, A)]
const STANDS = [...OPEN, t(0.979, a, P | A, 10)]
/** A second connection: its SYN 2 s after the start, its answer 30 ms later. */
const ANOTHER = {
  directionBasis: 'syn',
  connState: 'S1',
  packetsTx: 1,
  packetsRx: 1,
  first: 2,
  last: 2.03,
  handshakeRttUs: 30_000,
} as const

interface Row {
  readonly state: string
  readonly before: readonly Command[]
  /** The first session, when the SYN opens another one and when it is counted into it. */
  readonly alone: Rule['records'][number]
  readonly joined: Rule['records'][number]
}

const ROWS: readonly Row[] = [
  {
    state: 'reset',
    before: RESET,
    alone: { packetsTx: 2, packetsRx: 2, last: 1, connState: 'RSTR' },
    joined: { packetsTx: 3, packetsRx: 2, last: 2 },
  },
  {
    state: 'open',
    before: STANDS,
    alone: { packetsTx: 3, packetsRx: 1, last: 1, connState: 'S1', endReason: 'endOfFlowDetected' },
    joined: { packetsTx: 4, packetsRx: 1, last: 2, connState: 'S1', endReason: 'forcedEnd' },
  },
]

export const SYN_RULES: readonly Rule[] = [
  ...ROWS.flatMap(({ state, before, alone, joined }) => {
    // On an open connection its own SYN may come late: only another number tells.
    const number = state === 'open' ? 8 : 7
    return [
      rule(
        `${state}: SYN ${number}, answered`,
        [...before, syn(1, number), answer(0.03, b, number)],
        [alone, ANOTHER],
      ),
      rule(
        `${state}: SYN ${number}, sent again before its answer`,
        [...before, syn(1, number), syn(1, number), answer(0.03, b, number)],
        [alone, { ...ANOTHER, packetsTx: 2, last: 3.03 }],
      ),
      rule(`${state}: SYN ${number}, unanswered`, [...before, syn(1, number)], [joined]),
      rule(
        `${state}: SYN ${number}, refused`,
        [...before, syn(1, number), t(0, b, R | A)],
        [{ packetsTx: joined.packetsTx!, packetsRx: joined.packetsRx! + 1 }],
      ),
      rule(
        `${state}: SYN ${number}, answered to another number`,
        [...before, syn(1, number), answer(0, b, 400)],
        [{ packetsTx: joined.packetsTx!, packetsRx: joined.packetsRx! + 1 }],
      ),
      rule(
        `${state}: SYN ${number}, "answered" by its own side`,
        [...before, syn(1, number), answer(0, a, number)],
        [{ packetsTx: joined.packetsTx! + 1, packetsRx: joined.packetsRx! }],
      ),
    ]
  }),
  rule(
    'reset: another number is another connection, answered or not',
    [...RESET, syn(1, 8)],
    [
      { packetsTx: 2, last: 1 },
      { packetsTx: 1, connState: 'S0', first: 2 },
    ],
  ),
  rule(
    'closed by FINs: the SYN once more, answered, came late',
    [...CLOSED, syn(1, 7), answer(0.03, b, 7)],
    [{ packetsTx: 5, packetsRx: 3, connState: 'SF' }],
  ),
  rule(
    'open: the SYN once more, answered again: nothing new',
    [...STANDS, syn(1, 7), answer(0.03, b, 7)],
    [{ packetsTx: 4, packetsRx: 2, connState: 'S1', handshakeRttUs: 20_000 }],
  ),
  rule(
    'open: the responder connects back with the ports turned round',
    [...STANDS, t(1, b, S, 0, 30), answer(0.03, a, 30)],
    [
      { sourceIp: '10.0.0.1', packetsTx: 3 },
      { ...ANOTHER, sourceIp: '10.9.9.9' },
    ],
  ),
  rule(
    'half-open: reset, then the same SYN is answered',
    [...STANDS, syn(1, 8), t(0.01, b, A), t(0.01, a, R), syn(1, 8), answer(0.03, b, 8)],
    [
      { connState: 'RSTO', packetsTx: 5, packetsRx: 2, last: 2.02 },
      { ...ANOTHER, first: 3.02, last: 3.05 },
    ],
  ),
  rule(
    'in the handshake: another number, answered after the first was',
    [syn(0, 7), answer(0.01, b, 7), syn(1.99, 8), answer(0.03, b, 8), t(0, a, A)],
    [
      { packetsTx: 1, packetsRx: 1, connState: 'S1', last: 0.01 },
      { ...ANOTHER, packetsTx: 2 },
    ],
  ),
  rule(
    'in the handshake: another number before any answer is one more attempt of the same session',
    [syn(0, 7), syn(1, 8), answer(0.03, b, 8), t(0, a, A)],
    [{ packetsTx: 3, packetsRx: 1, connState: 'S1', handshakeRttUs: 30_000 }],
  ),
  rule(
    'simultaneous open: each side acknowledges the other, one connection',
    [syn(0, 7), t(0.1, b, S, 0, 30), answer(0.1, a, 30), answer(0, b, 7)],
    [{ sourceIp: '10.0.0.1', packetsTx: 2, packetsRx: 2, connState: 'S1' }],
  ),
  rule(
    'the SYN comes after all else of its connection: the SYN-ACK named it',
    [answer(0, b, 7), t(0, a, A), t(0, a, F | A), t(0, b, F | A), syn(0.5, 7)],
    [{ packetsTx: 3, packetsRx: 2, directionBasis: 'synAck' }],
  ),
  rule(
    'after the same a SYN of another number is another connection',
    [answer(0, b, 7), t(0, a, A), t(0, a, F | A), t(0, b, F | A), syn(0.5, 8)],
    [
      { packetsTx: 2, packetsRx: 2 },
      { packetsTx: 1, connState: 'S0' },
    ],
  ),
  rule(
    'a SYN that waits keeps nothing open',
    [...STANDS, syn(7400, 8), passes(50)],
    [{ packetsTx: 4, last: 7401, endReason: 'idleTimeout' }],
  ),
  rule(
    'nor is it lost to an interim record: the next one has it',
    [...STANDS, syn(1, 8), passes(58.5), t(0, b, A), t(0, a, R), passes(6)],
    [
      { packetsTx: 3, endReason: 'activeTimeout' },
      { packetsTx: 5, packetsRx: 2, connState: 'RSTO' },
    ],
    { options: { activeUs: 60_000_000 } },
  ),
  rule(
    'the table full: it goes with its session',
    [...STANDS, syn(1, 8)],
    [
      { packetsTx: 4, last: 2, endReason: 'lackOfResources' },
      { packetsTx: 1, endReason: 'forcedEnd' },
    ],
    {
      options: { flowsMax: 1 },
      also: [
        {
          tuple: 2,
          commands: [command(3, { do: 'tcp', from: a, flags: S, sequence: 1, length: 0 })],
        },
      ],
      evictions: 1,
    },
  ),
]
