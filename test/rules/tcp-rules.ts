import { A, a, b, command, F, OPEN, P, passes, R, type Rule, rule, S, TINY, t } from './rule.js'

export const TCP_RULES: readonly Rule[] = [
  rule(
    'a whole connection',
    [
      ...OPEN,
      t(1, a, P | A, 100),
      t(1, b, P | A, 2000),
      t(1, a, F | A),
      t(0, b, F | A),
      t(0, a, A),
    ],
    [
      {
        sequence: 1,
        protocol: 'tcp',
        sourceIp: '10.0.0.1',
        sourcePort: 1000,
        destIp: '10.9.9.9',
        destPort: 443,
        packetsTx: 5,
        packetsRx: 3,
        bytesTx: 300,
        bytesRx: 2120,
        payloadTx: 100,
        payloadRx: 2000,
        first: 0,
        last: 3.021,
        endReason: 'endOfFlowDetected',
        connState: 'SF',
        tcpFlagsTx: S | A | P | F,
        tcpFlagsRx: S | A | P | F,
        handshakeRttUs: 20_000,
        directionBasis: 'syn',
        midstream: false,
      },
    ],
    { ended: { endOfFlowDetected: 1 } },
  ),
  rule(
    'no answer: idle after the handshake timeout',
    [t(0, a, S), passes(30.2)],
    [{ endReason: 'idleTimeout', connState: 'S0', handshakeRttUs: null, last: 0 }],
    { ended: { idleTimeout: 1 } },
  ),
  rule(
    'exactly at the handshake timeout it is the same session',
    [t(0, a, S), t(30, a, S)],
    [{ packetsTx: 2, endReason: 'forcedEnd' }],
    { ended: { forcedEnd: 1 } },
  ),
  rule(
    'one microsecond later it is another',
    [t(0, a, S), t(30 + TINY, a, S)],
    [
      { packetsTx: 1, endReason: 'idleTimeout' },
      { sequence: 2, packetsTx: 1, endReason: 'forcedEnd' },
    ],
    { ended: { forcedEnd: 1, idleTimeout: 1 } },
  ),
  rule(
    'established lasts 7440 s of silence',
    [...OPEN, t(7440, b, P | A, 1)],
    [{ packetsRx: 2, connState: 'S1' }],
  ),
  rule(
    'and not a microsecond more',
    [...OPEN, t(7440 + TINY, b, P | A, 1)],
    [
      { endReason: 'idleTimeout', connState: 'S1' },
      { midstream: true, connState: 'OTH', directionBasis: 'firstPacket', sourceIp: '10.9.9.9' },
    ],
  ),
  rule(
    'half-closed lasts 240 s',
    [...OPEN, t(0, a, F | A), t(240, b, A), t(240 + TINY, b, P | A, 3)],
    [{ packetsRx: 2, connState: 'S2', endReason: 'idleTimeout' }, { midstream: true }],
  ),
  rule(
    'refused',
    [t(0, a, S), t(0.1, b, R | A)],
    [{ connState: 'REJ', endReason: 'endOfFlowDetected', packetsRx: 1, handshakeRttUs: null }],
  ),
  rule(
    'late packets count during the linger',
    [...OPEN, t(0, a, R), t(5, b, A)],
    [{ packetsRx: 2, connState: 'RSTO', last: 5.021 }],
  ),
  rule(
    'after it they are strays',
    [...OPEN, t(0, a, R), t(5 + TINY, b, A), t(0, b, R), t(0, b, F | A)],
    [{ packetsRx: 1, connState: 'RSTO' }],
    { other: { stray: [3, 120] } },
  ),
  rule(
    'a repeated SYN does not split an open session by itself',
    [t(0, a, S, 0, 7), t(1, a, S, 0, 8), t(0.5, b, S | A)],
    [{ packetsTx: 2, packetsRx: 1, connState: 'S1', handshakeRttUs: 500_000 }],
  ),
  rule(
    'the SYN of a closed session, once more, counts',
    [...OPEN, t(0, b, R), t(1, a, S, 0, 7)],
    [{ packetsTx: 3, connState: 'RSTR' }],
  ),
  rule(
    'another SYN on a closed session starts another',
    [...OPEN, t(0, b, R), t(1, a, S, 0, 8)],
    [
      { packetsTx: 2, endReason: 'endOfFlowDetected' },
      { packetsTx: 1, connState: 'S0', endReason: 'forcedEnd' },
    ],
  ),
  rule(
    'also from the other side',
    [...OPEN, t(0, a, R), t(1, b, S, 0, 7)],
    [{ sourceIp: '10.0.0.1' }, { sourceIp: '10.9.9.9', connState: 'S0' }],
  ),
  rule(
    'SYN-ACK first: its receiver is the initiator',
    [t(0, b, S | A), t(1, a, A), t(0, a, P | A, 1)],
    [
      {
        sourceIp: '10.0.0.1',
        directionBasis: 'synAck',
        connState: 'S1',
        handshakeRttUs: null,
        midstream: false,
      },
    ],
  ),
  rule(
    'midstream',
    [t(0, b, P | A, 10)],
    [
      {
        sourceIp: '10.9.9.9',
        directionBasis: 'firstPacket',
        midstream: true,
        connState: 'OTH',
        payloadTx: 10,
      },
    ],
  ),
  rule(
    'midstream, the peer is the initiator',
    [t(0, b, P | A, 10)],
    [
      {
        sourceIp: '10.0.0.1',
        directionBasis: 'peer',
        midstream: true,
        payloadRx: 10,
        packetsTx: 0,
      },
    ],
    { options: { inside: 1 } },
  ),
  rule(
    'both sides inside: the first packet decides',
    [t(0, b, P | A, 10)],
    [{ sourceIp: '10.9.9.9', directionBasis: 'firstPacket' }],
    { options: { inside: 3 } },
  ),
  rule(
    'simultaneous open',
    [t(0, a, S), t(0.1, b, S), t(0.1, a, S | A), t(0, b, S | A)],
    [
      {
        sourceIp: '10.0.0.1',
        packetsTx: 2,
        packetsRx: 2,
        connState: 'S1',
        handshakeRttUs: 200_000,
      },
    ],
  ),
  rule(
    'the handshake is measured from the latest SYN, whatever else it has set',
    [t(0, a, S), t(0.3, a, S | F), t(0.2, b, S | A)],
    [{ packetsTx: 2, handshakeRttUs: 200_000 }],
  ),
  rule(
    'a SYN-ACK answered by a SYN-ACK',
    [t(0, b, S | A), t(0, a, S | A)],
    [{ sourceIp: '10.0.0.1', directionBasis: 'synAck', connState: 'OTH' }],
  ),
  rule(
    'scan: SYN, then RST from the same side',
    [t(0, a, S), t(0, a, R)],
    [{ connState: 'RSTOS0' }],
  ),
  rule(
    'SYN, ACK without an answer, RST',
    [t(0, a, S), t(0, a, A), t(0, a, R)],
    [{ connState: 'OTH' }],
  ),
  rule(
    'SYN then FIN without an answer',
    [t(0, a, S), t(0, a, F)],
    [{ connState: 'SH', endReason: 'forcedEnd' }],
  ),
  rule('responder aborts an open connection', [...OPEN, t(0, b, R)], [{ connState: 'RSTR' }]),
  rule('responder half-closes', [...OPEN, t(0, b, F | A)], [{ connState: 'S3' }]),
  rule('SYN-ACK then RST, no SYN seen', [t(0, b, S | A), t(0, b, R)], [{ connState: 'RSTRH' }]),
  rule('SYN-ACK then FIN, no SYN seen', [t(0, b, S | A), t(0, b, F)], [{ connState: 'SHR' }]),
  rule(
    'FIN, RST, then the other FIN: a normal end',
    [...OPEN, t(0, a, F | A), t(0, a, R), t(0, b, F | A)],
    [{ connState: 'SF' }],
  ),
  // What tells the states of Zeek's analyzer apart (tcp_state.cc), one case a transition.
  rule(
    'data of the responder before its SYN-ACK',
    [t(0, a, S), t(0, b, P | A, 1)],
    [{ connState: 'OTH' }],
  ),
  rule('midstream, both sides', [t(0, a, P | A, 1), t(0, b, P | A, 1)], [{ connState: 'OTH' }]),
  rule(
    'SYN-ACK, then data without ACK',
    [t(0, b, S | A), t(0, a, P, 1)],
    [{ connState: 'OTH', directionBasis: 'synAck' }],
  ),
  rule(
    'midstream, then a SYN-ACK, then a FIN: the responder stays silent',
    [t(0, a, P | A, 1), t(0, b, P | A, 1), t(0, b, S | A), t(0, a, F | A)],
    [{ connState: 'SH' }],
  ),
  rule(
    'midstream, a bare ACK, then a SYN-ACK, then a FIN',
    [t(0, a, P | A, 1), t(0, b, A), t(0, b, S | A), t(0, a, F | A)],
    [{ connState: 'SH' }],
  ),
  rule(
    'midstream, then its SYN: as if it came first',
    [t(0, a, P | A, 1), t(0, a, S)],
    [{ connState: 'S0', midstream: true }],
  ),
  rule(
    'midstream with an answer, then a SYN: nothing new',
    [t(0, a, P | A, 1), t(0, b, P | A, 1), t(0, a, S)],
    [{ connState: 'OTH' }],
  ),
  rule(
    'reset by the responder, then a FIN: still reset',
    [...OPEN, t(0, b, R), t(0, a, F | A)],
    [{ connState: 'RSTR' }],
  ),
  rule('SYN, then FIN and RST at once', [t(0, a, S), t(0, a, F | R)], [{ connState: 'OTH' }]),
  rule(
    'SYN, then data, then RST: no answer to it',
    [t(0, a, S), t(0, a, P | A, 1), t(0, a, R)],
    [{ connState: 'RSTOS0' }],
  ),
  rule(
    'both FINs, then a RST: a normal end',
    [...OPEN, t(0, a, F | A), t(0, b, F | A), t(0, b, R)],
    [{ connState: 'SF' }],
  ),
  rule(
    'both sides reset, nothing carried: refused',
    [...OPEN, t(0, b, R), t(0, a, R)],
    [{ connState: 'REJ' }],
  ),
  rule(
    'both sides reset after an octet',
    [...OPEN, t(0, a, P | A, 1), t(0, b, R), t(0, a, R)],
    [{ connState: 'RSTR' }],
  ),
  rule(
    'SYN, then FIN, then RST: no scan',
    [t(0, a, S), t(0, a, F), t(0, a, R)],
    [{ connState: 'OTH' }],
  ),
  rule(
    'SYN, then FIN and RST at once, then RST: no scan either',
    [t(0, a, S), t(0, a, F | R), t(0, a, R)],
    [{ connState: 'OTH' }],
  ),
  rule(
    'FIN, then an ACK from the same side: half-closed as before',
    [...OPEN, t(0, a, F | A), t(0, a, A)],
    [{ connState: 'S2', endReason: 'forcedEnd' }],
  ),
  rule(
    'FIN, sent again: half-closed as before',
    [...OPEN, t(0, a, F | A), t(1, a, F | A)],
    [{ connState: 'S2', endReason: 'forcedEnd' }],
  ),
  rule(
    'FIN, then a RST from the same side',
    [...OPEN, t(0, a, F | A), t(0, a, R)],
    [{ connState: 'RSTO' }],
  ),
  rule(
    'FIN, then a RST from the same side, the responder',
    [...OPEN, t(0, b, F | A), t(0, b, R)],
    [{ connState: 'RSTR' }],
  ),
  rule(
    'ports cut off from the flags: counted, midstream',
    [command(0, { do: 'tcp', from: a, flags: S, sequence: 1, length: 60 }, { cut: 26 })],
    [{ bytesTx: 100, payloadTx: 60, tcpFlagsTx: 0, midstream: true }],
  ),
]
