/**
 * The engine as a structure: its bounds, its invariants and what crosses the native boundary. The session rules have their
 * hand-computed cases in test/rules and their twin in test/property.
 */
import { describe, expect, test } from 'vitest'
import { OTHER_REASONS } from '../../../src/meter/capture/counters.js'
import {
  NO_TIMESTAMP,
  PacketEngine,
  type PacketInput,
  PacketPacker,
} from '../../../src/meter/capture/packet-engine.js'
import { FLAG, ipv4, ipv6, tcp, udp } from '../../support/packets.js'

const SECOND = 1_000_000_000n
const START = 1_700_000_000n * SECOND

/** Flow `i` of many: distinct addresses and ports. */
function udpPacket(i: number, timestampNs: bigint): PacketInput {
  const from = `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
  return {
    timestampNs,
    data: Uint8Array.from(
      ipv4({ from, to: '192.0.2.1', protocol: 17 }, udp(1024 + (i % 50_000), 53, [1, 2, 3, 4])),
    ),
  }
}

function tcpPacket(i: number, timestampNs: bigint, flags: number, sequence = 1): PacketInput {
  const from = `2001:db8::${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}`
  return {
    timestampNs,
    data: Uint8Array.from(
      ipv6(
        { from, to: '2001:db8:ffff::1', protocol: 6 },
        tcp({ from: 5000, to: 443, flags, sequence }),
      ),
    ),
  }
}

function feed(engine: PacketEngine, packets: Iterable<PacketInput>): void {
  const packer = new PacketPacker()
  for (const packet of packets) {
    packer.add(packet)
    if (packer.count === 10_000) engine.feed(packer.take())
  }
  engine.feed(packer.take())
}

function* many(count: number, make: (i: number) => PacketInput): Generator<PacketInput> {
  for (let i = 0; i < count; i++) yield make(i)
}

describe('packet engine', () => {
  test('counts both directions into one record', () => {
    const engine = new PacketEngine()
    const there = ipv4({ from: '10.0.0.1', to: '10.0.0.2', protocol: 17 }, udp(1000, 53, [1, 2]))
    const back = ipv4({ from: '10.0.0.2', to: '10.0.0.1', protocol: 17 }, udp(53, 1000, [1, 2, 3]))
    feed(engine, [
      { timestampNs: START, data: Uint8Array.from(there) },
      { timestampNs: START + 1_500n, data: Uint8Array.from(back) },
    ])
    engine.finish()
    expect([...engine.records()]).toEqual([
      {
        sequence: 1,
        epoch: 0,
        startTimeUs: 1_700_000_000_000_000,
        endTimeUs: 1_700_000_000_000_001,
        protocol: 'udp',
        sourceIp: '10.0.0.1',
        sourcePort: 1000,
        destIp: '10.0.0.2',
        destPort: 53,
        bytesTx: 30,
        bytesRx: 31,
        packetsTx: 1,
        packetsRx: 1,
        payloadTx: 2,
        payloadRx: 3,
        endReason: 'forcedEnd',
        connState: 'SF',
        tcpFlagsTx: 0,
        tcpFlagsRx: 0,
        handshakeRttUs: null,
        directionBasis: 'firstPacket',
        midstream: false,
        retransmitsTx: 0,
        retransmitsRx: 0,
        retransmittedBytesTx: 0,
        retransmittedBytesRx: 0,
      },
    ])
  })

  test('takes nothing of a broken packing', () => {
    const engine = new PacketEngine()
    const packed = new PacketPacker().add(udpPacket(1, START)).take()
    for (const length of [1, 23, 24, packed.length - 1]) {
      expect(() => engine.feed(packed.subarray(0, length))).toThrow(RangeError)
    }
    expect(engine.counters().packets).toBe(0)
    engine.feed(packed)
    expect(engine.counters().packets).toBe(1)
  })

  test('a packet without a time takes that of the packet before it', () => {
    const engine = new PacketEngine()
    feed(engine, [udpPacket(1, START), udpPacket(2, NO_TIMESTAMP)])
    engine.finish()
    expect([...engine.records()].map((r) => r.startTimeUs)).toEqual([
      1_700_000_000_000_000, 1_700_000_000_000_000,
    ])
  })

  test('30,000 flows: every one is found again, through growth and deletion', () => {
    const engine = new PacketEngine()
    feed(
      engine,
      many(30_000, (i) => (i % 3 ? udpPacket(i, START) : tcpPacket(i, START, FLAG.syn))),
    )
    expect(engine.check()).toBeNull()
    expect(engine.counters().openSessions).toBe(30_000)
    feed(
      engine,
      many(30_000, (i) => (i % 3 ? udpPacket(i, START) : tcpPacket(i, START, FLAG.syn))),
    )
    expect(engine.counters().sessionsOpened).toBe(30_000)
    // The handshakes (30 s) go, the UDP flows (60 s) stay, and all are found in the shrunken table.
    engine.advance(START + 40n * SECOND)
    expect(engine.check()).toBeNull()
    expect(engine.counters().openSessions).toBe(20_000)
    feed(
      engine,
      many(30_000, (i) => udpPacket(i, START + 40n * SECOND)),
    )
    expect(engine.counters().sessionsOpened).toBe(30_000 + 10_000)
    engine.advance(START + 200n * SECOND)
    expect(engine.counters().openSessions).toBe(0)
    expect(engine.check()).toBeNull()
    const finals = [...engine.records()].filter((r) => r.endReason !== 'activeTimeout')
    expect(finals.length).toBe(40_000)
    expect(finals.reduce((sum, r) => sum + r.packetsTx, 0)).toBe(90_000)
  })

  test('at the cap memory stops growing and every eviction is counted', () => {
    const engine = new PacketEngine({ flowsMax: 2_000, records: 'none' })
    feed(
      engine,
      many(2_000, (i) => tcpPacket(i, START, FLAG.syn)),
    )
    const full = engine.memoryBytes()
    feed(
      engine,
      many(50_000, (i) => tcpPacket(2_000 + i, START + BigInt(i), FLAG.syn)),
    )
    const { openSessions, evictions, sessionsEnded } = engine.counters()
    expect({ openSessions, evictions }).toEqual({ openSessions: 2_000, evictions: 50_000 })
    expect(sessionsEnded.lackOfResources).toBe(50_000)
    // The eviction queue comes on top, once.
    expect(engine.memoryBytes()).toBeLessThan(full * 1.3)
    expect(engine.check()).toBeNull()
  })

  test('a quarter of the flows, 1,024 at least, keep what came again; more are counted apart', () => {
    const engine = new PacketEngine({ flowsMax: 1_100 })
    const again = (flows: number) => {
      const syns = () => many(flows, (i) => tcpPacket(i, START, FLAG.syn))
      feed(engine, syns())
      feed(engine, syns())
    }
    again(1_100)
    expect(engine.counters().repeatsFull).toBe(76)
    expect(engine.check()).toBeNull()
    engine.finish()
    const kept = [...engine.records()].map((r) => r.retransmitsTx)
    expect(kept.filter((n) => n === 1)).toHaveLength(1_024)
    expect(kept.filter((n) => n === 0)).toHaveLength(76)
    // Their places are free again.
    again(1_024)
    expect(engine.counters().repeatsFull).toBe(76)
    expect(engine.check()).toBeNull()
  })

  test('4,096 SYNs wait for their answer; more count into the session that is there', () => {
    const engine = new PacketEngine({ records: 'none' })
    const count = 4_200
    const each = (flags: number, flows = count) =>
      feed(
        engine,
        many(flows, (i) => tcpPacket(i, START, flags)),
      )
    each(FLAG.syn)
    each(FLAG.rst)
    each(FLAG.syn)
    expect(engine.counters()).toMatchObject({ sessionsOpened: count, waitingSynsFull: 104 })
    expect(engine.check()).toBeNull()
    // Refused, all of them: the places are free again, and nothing is lost.
    each(FLAG.rst)
    each(FLAG.syn, 4_096)
    expect(engine.counters()).toMatchObject({
      sessionsOpened: count,
      waitingSynsFull: 104,
      sessions: { packets: 4 * count + 4_096 },
    })
    expect(engine.check()).toBeNull()
    engine.finish()
    expect(engine.check()).toBeNull()
  })

  test('the longest idle goes first at the cap', () => {
    const engine = new PacketEngine({ flowsMax: 100 })
    feed(
      engine,
      many(100, (i) => udpPacket(i, START + BigInt(i) * 1_000_000n)),
    )
    // Flow 0 speaks again: 1 is now the oldest, then 2, ...
    feed(engine, [udpPacket(0, START + SECOND)])
    feed(
      engine,
      many(99, (i) => udpPacket(1_000 + i, START + 2n * SECOND)),
    )
    const order = [...engine.records()].map((r) => r.sequence)
    expect(order).toEqual(Array.from({ length: 99 }, (_, i) => i + 2))
  })

  test('five-tuples that are used again and again keep the timers bounded', () => {
    const engine = new PacketEngine({ records: 'none', lingerMs: 200, earlyReport: true })
    const rounds = 300
    for (let round = 0; round < rounds; round++) {
      const at = START + BigInt(round) * (SECOND / 10n)
      feed(
        engine,
        many(200, (i) => tcpPacket(i, at, FLAG.syn, round)),
      )
      feed(
        engine,
        many(200, (i) => tcpPacket(i, at + 1000n, FLAG.rst, round)),
      )
    }
    expect(engine.counters().sessionsOpened).toBe(200 * rounds)
    expect(engine.check()).toBeNull()
    expect(engine.memoryBytes()).toBeLessThan(2 * 1024 * 1024)
  })

  test('a fragment flood is bounded, and each fragment is counted once', () => {
    const engine = new PacketEngine({ fragmentsMax: 1000 })
    feed(
      engine,
      many(50_000, (i) => ({
        timestampNs: START,
        data: Uint8Array.from(
          ipv4(
            {
              from: `10.1.${(i >> 8) & 255}.${i & 255}`,
              to: '10.9.9.9',
              protocol: 17,
              id: i & 0xffff,
              offset: 64,
            },
            [0, 0, 0, 0],
          ),
        ),
      })),
    )
    const { pending, other, fragmentEvictions } = engine.counters()
    expect(pending).toEqual({ packets: 1000, bytes: 24_000, datagrams: 1000 })
    expect(other.fragment).toEqual({ packets: 49_000, bytes: 49_000 * 24 })
    expect(fragmentEvictions).toBe(49_000)
    expect(engine.check()).toBeNull()
    engine.finish()
    expect(engine.counters().other.fragment.packets).toBe(50_000)
    expect(engine.counters().pending.packets).toBe(0)
  })

  test.each([
    ['IPv4, UDP', 160, (i: number) => udpPacket(i, START)],
    ['IPv6, TCP', 168, (i: number) => tcpPacket(i, START, FLAG.syn)],
  ])('%s: below %i bytes a flow at 200,000 flows', (_, bytesMax, make) => {
    const engine = new PacketEngine({ records: 'none' })
    const flows = 200_000
    feed(engine, many(flows, make))
    expect(engine.counters().openSessions).toBe(flows)
    expect(engine.memoryBytes() / flows).toBeLessThan(bytesMax)
  })

  test('a jump of a century ends everything and takes no century', () => {
    const engine = new PacketEngine()
    feed(
      engine,
      many(1000, (i) => udpPacket(i, START)),
    )
    engine.advance(START + 100n * 365n * 86_400n * SECOND)
    expect(engine.counters().openSessions).toBe(0)
    expect(engine.counters().sessionsEnded.idleTimeout).toBe(1000)
    feed(engine, [udpPacket(1, START + 1n)])
    expect(engine.check()).toBeNull()
  })

  test('sequences go on after the end of input', () => {
    const engine = new PacketEngine()
    feed(engine, [udpPacket(1, START)])
    engine.finish()
    feed(engine, [udpPacket(1, START)])
    engine.finish()
    expect([...engine.records()].map((r) => r.sequence)).toEqual([1, 2])
    expect(engine.check()).toBeNull()
  })

  test('any bytes of any link type are counted, and conserved', () => {
    const engine = new PacketEngine()
    let state = 12345
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const links = [0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 239, 242, 276, 999]
    feed(
      engine,
      many(20_000, (i) => {
        const data = Uint8Array.from({ length: random(120) }, () => random(256))
        // Half of them look like IP, so that more than the first check is reached.
        if (data.length > 0 && i % 2) data[0] = random(2) ? 0x45 : 0x60
        return {
          timestampNs: START + BigInt(i),
          data,
          wireBytes: random(200),
          linkType: links[i % links.length]!,
        }
      }),
    )
    expect(engine.counters().packets).toBe(20_000)
    expect(engine.check()).toBeNull()
  })

  test('every reason of other traffic has a counter of its own', () => {
    expect(Object.keys(new PacketEngine().counters().other)).toEqual([...OTHER_REASONS])
  })
})
