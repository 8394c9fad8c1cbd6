/** The oracle must see every kind of error: a truth and a run that agree, then one thing wrong at a time. */
import { describe, expect, test } from 'vitest'
import type { FlowRecord } from '../../src/session/session.js'
import { FLAG, ipv4, tcp } from '../support/packets.js'
import { Twin } from '../support/twin/meter.js'
import { type Ambiguity, FileComparison } from './compare.js'
import type { MeterRun } from './meters.js'
import type { Truth, TruthDirection, TruthPacket } from './truth.js'

const A = { ip: '10.0.0.1', port: 1000 }
const B = { ip: '10.0.0.2', port: 80 }
const START = 1_700_000_000_000_000

/** [microseconds, direction, flags, payload]: a refused attempt, a stray after its linger, a session joined midstream. */
const PACKETS = [
  [0, 'ab', FLAG.syn, 0],
  [1000, 'ba', FLAG.rst | FLAG.ack, 0],
  [9_000_000, 'ba', FLAG.rst, 0],
  [9_500_000, 'ab', FLAG.psh | FLAG.ack, 10],
] as const

function direction(dir: 'ab' | 'ba'): TruthDirection {
  const mine = PACKETS.filter(([, d]) => d === dir)
  const payload = mine.reduce((sum, [, , , bytes]) => sum + bytes, 0)
  const none = { first_fragments: 0, later_fragments: 0, later_fragment_ip_bytes: 0 }
  return {
    pkts: mine.length,
    ip_bytes: mine.length * 40 + payload,
    payload_bytes: payload,
    ...none,
  }
}

function truth(): Truth {
  const exact = { exact_pkts: true, exact_bytes: true, exact_times: true }
  const conversation = {
    idx: 0,
    proto: 'tcp',
    a: A,
    b: B,
    ab: direction('ab'),
    ba: direction('ba'),
  } as const
  return {
    file: 'made-up.pcap',
    capture: { frames: PACKETS.length, tshark_exit: 0, raw_reader_error: null },
    not_counted: {},
    conversations: [{ ...conversation, ...exact, community_id: null }],
    fragments: { unattributed: 0, list: [] },
    baselines: {},
  }
}

const truthPackets: TruthPacket[] = PACKETS.map(([us, dir, flags, payload], i) => ({
  frame: i + 1,
  us: START + us,
  conversation: 0,
  dir,
  ipBytes: 40 + payload,
  payload,
  flags,
  tcpSequence: 0,
  laterFragment: false,
}))

function run(): MeterRun {
  const twin = new Twin()
  for (const [us, dir, flags, payload] of PACKETS) {
    const [from, to] = dir === 'ab' ? [A, B] : [B, A]
    const segment = tcp({ from: from.port, to: to.port, flags }, new Array<number>(payload).fill(0))
    const data = Uint8Array.from(ipv4({ from: from.ip, to: to.ip, protocol: 6 }, segment))
    twin.packet({ ns: BigInt(START + us) * 1000n, linkType: 101, wireBytes: data.length, data })
  }
  twin.finish()
  const { records, all, inSessions, other, pending } = twin
  return { records, all, inSessions, other, pending, damage: null }
}

function differences(change: (run: MeterRun) => MeterRun, ambiguities: readonly Ambiguity[] = []) {
  const changed = change(run())
  const comparison = new FileComparison(truth(), truthPackets, changed, ambiguities, {
    communityId: null,
  })
  return comparison.compare().differences
}

function withRecord(index: number, change: Partial<FlowRecord>): (run: MeterRun) => MeterRun {
  return (good) => ({
    ...good,
    records: good.records.map((record, i) => (i === index ? { ...record, ...change } : record)),
  })
}

describe('the oracle', () => {
  test('agrees with a run that is right', () => {
    expect(differences((good) => good)).toEqual([])
  })

  test.each([
    ['a packet too many', withRecord(0, { packetsTx: 2 })],
    ['an octet too few', withRecord(1, { bytesTx: 49 })],
    ['payload that is not there', withRecord(1, { payloadTx: 11 })],
    [
      'the wrong direction',
      withRecord(0, {
        sourceIp: B.ip,
        sourcePort: B.port,
        destIp: A.ip,
        destPort: A.port,
        packetsTx: 1,
        packetsRx: 1,
        bytesTx: 52,
        bytesRx: 40,
      }),
    ],
    ['a microsecond late', withRecord(0, { startTimeUs: START + 1 })],
    ['a microsecond long', withRecord(1, { endTimeUs: START + 9_500_001 })],
    ['another port', withRecord(1, { sourcePort: 1001 })],
    ['a session too few', (good: MeterRun) => ({ ...good, records: good.records.slice(1) })],
    [
      'a session twice',
      (good: MeterRun) => ({
        ...good,
        records: [...good.records, { ...good.records[1]!, sequence: 3 }],
      }),
    ],
    [
      'a packet that nobody counted',
      (good: MeterRun) => ({ ...good, all: { packets: 5, bytes: good.all.bytes } }),
    ],
    [
      'a stray that is not counted',
      (good: MeterRun) => ({ ...good, other: { ...good.other, stray: { packets: 0, bytes: 0 } } }),
    ],
    [
      'other traffic that is not there',
      (good: MeterRun) => ({ ...good, other: { ...good.other, icmp: { packets: 1, bytes: 0 } } }),
    ],
    [
      'fragments that still wait',
      (good: MeterRun) => ({ ...good, pending: { packets: 1, bytes: 20 } }),
    ],
    ['a file that is said to be damaged', (good: MeterRun) => ({ ...good, damage: 'cut' })],
  ])('sees %s', (_, change) => {
    expect(differences(change)).not.toEqual([])
  })

  test('refuses an ambiguity that nothing needs', () => {
    const unused: Ambiguity = {
      skip: 'frames',
      conversations: ['tcp nobody'],
      reason: 'none',
      checked: 'not',
    }
    expect(differences((good) => good, [unused])).toHaveLength(1)
  })
})
