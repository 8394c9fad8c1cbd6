import { A, a, b, command, F, P, R, type Rule, rule, S, t } from './rule.js'

/** `seq` counts from the direction's SYN, whose number is 1000: the first octet is 1. */
const d = (seq: number, length: number, from: typeof a | typeof b = a, wait = 0.01) =>
  t(wait, from, P | A, length, (1000 + seq) >>> 0)
const OPENED = [t(0, a, S, 0, 1000), t(0.02, b, S | A, 0, 1000), t(0.001, a, A, 0, 1001)]

/** What comes again, by sequence numbers: worked out by hand. */
export const REPEAT_RULES: readonly Rule[] = [
  rule(
    'segments of a stream in order are no repeats',
    [...OPENED, d(1, 100), d(101, 100), d(1, 50, b), d(201, 100)],
    [{ retransmitsTx: 0, retransmitsRx: 0, retransmittedBytesTx: 0, retransmittedBytesRx: 0 }],
  ),
  rule(
    'a segment that comes again counts in its direction',
    [...OPENED, d(1, 100), d(1, 100), d(1, 40, b), d(1, 40, b), d(1, 40, b)],
    [{ retransmitsTx: 1, retransmitsRx: 2, retransmittedBytesTx: 100, retransmittedBytesRx: 80 }],
  ),
  rule(
    'of a segment that overlaps, the octets that were there',
    [...OPENED, d(1, 100), d(51, 100), d(151, 10)],
    [{ payloadTx: 210, retransmitsTx: 1, retransmittedBytesTx: 50 }],
  ),
  rule(
    'what fills a gap is here for the first time, and the second time it is not',
    [...OPENED, d(1, 100), d(201, 100), d(101, 100), d(101, 100)],
    [{ payloadTx: 400, retransmitsTx: 1, retransmittedBytesTx: 100 }],
  ),
  rule(
    'a gap is filled piece by piece, and its neighbours came again',
    [...OPENED, d(1, 100), d(301, 100), d(151, 50), d(91, 220), d(401, 10)],
    [{ retransmitsTx: 1, retransmittedBytesTx: 10 + 50 + 10 }],
  ),
  rule(
    'six gaps are remembered; of the seventh the lowest counts as seen',
    [
      ...OPENED,
      ...[1, 21, 41, 61, 81, 101, 121, 141].map((seq) => d(seq, 10)),
      ...[11, 31, 51, 71, 91, 111, 131].map((seq) => d(seq, 10)),
    ],
    [{ retransmitsTx: 1, retransmittedBytesTx: 10 }],
  ),
  rule(
    'numbers go on after 2^32',
    [
      t(0, a, S, 0, 0xffffffce),
      ...[0xffffffcf, 0x33, 0xffffffcf, 0x97].map((seq) => t(0.01, a, A, 100, seq)),
    ],
    [{ retransmitsTx: 1, retransmittedBytesTx: 100 }],
  ),
  rule(
    'SYN, SYN-ACK and FIN that come again are segments without octets',
    [
      ...[t(0, a, S, 0, 1000), t(1, a, S, 0, 1000)],
      ...[t(0.02, b, S | A, 0, 1000), t(0.02, b, S | A, 0, 1000)],
      ...[t(0.01, a, F | A, 0, 1001), t(0.3, a, F | A, 0, 1001)],
    ],
    [{ retransmitsTx: 2, retransmitsRx: 1, retransmittedBytesTx: 0, retransmittedBytesRx: 0 }],
  ),
  rule(
    'another SYN before any answer begins the numbers anew',
    [t(0, a, S, 0, 5000), t(1, a, S, 0, 1000), t(0.02, b, S | A, 0, 1000), d(1, 100), d(101, 100)],
    [{ retransmitsTx: 0, retransmittedBytesTx: 0 }],
  ),
  rule(
    'SYNs that come together: the first after the data says nothing, the next fills a gap, the third came again',
    [
      ...[t(0, a, A, 1, 0xfffffff8), t(0, a, A, 1, 731)],
      ...[t(1, a, S, 0, 0xffffffff), t(0, a, S, 0, 0xffffffff), t(0, a, S, 0, 0xffffffff)],
    ],
    [{ payloadTx: 2, retransmitsTx: 1, retransmittedBytesTx: 0 }],
  ),
  rule(
    'a keep-alive is no segment that was lost, but its octet is no new one',
    [...OPENED, d(1, 100), t(45, a, A, 1, 1100), t(45, a, A, 0, 1100), t(1, b, A, 0, 1001)],
    [{ retransmitsTx: 0, retransmittedBytesTx: 1 }],
  ),
  rule(
    'a reset and an acknowledgement repeat nothing',
    [...OPENED, d(1, 100), t(1, a, A, 0, 1001), t(0, a, R, 0, 1001)],
    [{ retransmitsTx: 0, retransmittedBytesTx: 0 }],
  ),
  rule(
    'joined midstream: what lies before the first number counts as seen',
    [d(1001, 100), d(901, 100), d(1101, 100)],
    [{ midstream: true, retransmitsTx: 1, retransmittedBytesTx: 100 }],
  ),
  rule(
    'more than a window away the numbers begin anew',
    [...OPENED, d(1, 100), d(2 ** 30 + 102, 100), d(2 ** 30 + 202, 100), d(2 ** 30 + 202, 100)],
    [{ retransmitsTx: 1, retransmittedBytesTx: 100 }],
  ),
  rule(
    'cut by the snaplen after the TCP flags, lengths are those of the headers',
    [
      ...OPENED,
      ...[d(1, 100), d(1, 100)].map(({ waitUs, act }) => command(waitUs / 1e6, act, { cut: 34 })),
    ],
    [{ payloadTx: 200, retransmitsTx: 1, retransmittedBytesTx: 100 }],
  ),
  rule(
    'from one peer to another each packet passes twice: one session, doubled, and the goodput once',
    [
      ...[t(0, a, S, 0, 1000), t(0.02, b, S | A, 0, 1000), t(0.02, a, A, 0, 1001)],
      ...[d(1, 100), d(1, 700, b), d(701, 300, b)],
      ...[t(0.01, a, F | A, 0, 1101), t(0.01, b, F | A, 0, 2001), t(0.01, a, A, 0, 1102)],
    ].flatMap((packet) => [packet, { ...packet, wait: 0.0001 }]),
    [
      {
        ...{ packetsTx: 10, packetsRx: 8, payloadTx: 200, payloadRx: 2000, connState: 'SF' },
        ...{ retransmitsTx: 3, retransmittedBytesTx: 100 },
        ...{ retransmitsRx: 4, retransmittedBytesRx: 1000 },
      },
    ],
  ),
]
