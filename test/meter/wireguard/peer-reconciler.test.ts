import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { PeerReconciler } from '../../../src/meter/wireguard/peer-reconciler.js'
import type { FlowRecord } from '../../../src/session/session.js'
import { aFlowRecord } from '../../support/sessions.js'

const [ANNA, RAVI] = ['anna', 'ravi']
const NONE = { packets: 0, bytes: 0 }
const peer = (publicKey: string, rxBytes: number, txBytes: number) => ({
  publicKey,
  endpoint: null,
  allowedIps: [],
  lastHandshakeSeconds: null,
  rxBytes,
  txBytes,
})
const CONTEXT = { metering: true, other: NONE }
const EXPLAINED = {
  ...{ compared: 1, unexplained: 0, unexplainedBytes: 0 },
  ...{ unmeteredBytes: 0, worst: null },
}

/** Ten packets of 100 octets up (132 to 147 each as messages), five of 1,000 down. */
const session = (change: Partial<FlowRecord> = {}) =>
  aFlowRecord({ packetsTx: 10, bytesTx: 1000, packetsRx: 5, bytesRx: 5000, ...change })
const fromAnna = { source: ANNA, dest: null }

/** The device was read before metering began and again when it had: 500 and 700 octets were nothing of ours. */
function started(settleMs = 60_000, openMax = 100): PeerReconciler {
  const reconciler = new PeerReconciler({ settleMs, openMax })
  reconciler.read([peer(ANNA, 500, 700)], 0, { ...CONTEXT, metering: false })
  reconciler.read([peer(ANNA, 500, 700)], 10, CONTEXT)
  return reconciler
}

describe("a peer's transfer", () => {
  test('is explained by its data messages, handshakes and keepalives', () => {
    const reconciler = started()
    reconciler.count(session(), fromAnna)
    const [rx, tx] = [500 + 1000 + 320 + 80 + 148, 700 + 5000 + 160 + 40 + 92 + 32]
    for (const atMs of [1000, 2000, 70_000, 140_000])
      reconciler.read([peer(ANNA, rx, tx)], atMs, CONTEXT)
    expect(reconciler.verdict()).toEqual(EXPLAINED)
    expect(reconciler.finish(140_000, NONE)).toEqual(EXPLAINED)
  })

  test('is too small when packets were metered that did not go through it', () => {
    const reconciler = started()
    reconciler.count(session(), fromAnna)
    // One message of the ten is missing: 100 octets and 32.
    const read = () => reconciler.read([peer(ANNA, 500 + 1320 - 132, 700 + 5160)], 1000, CONTEXT)
    // What is reported by now may have passed since the reading: the next one tells.
    read()
    expect(reconciler.verdict().unexplained).toBe(0)
    read()
    expect(reconciler.verdict()).toEqual({
      compared: 1,
      unexplained: 1,
      unexplainedBytes: 132,
      unmeteredBytes: 0,
      worst: { publicKey: ANNA, bytes: -132 },
    })
  })

  test('is too large when something passed that was not metered, once all has been reported', () => {
    const reconciler = started()
    const surplus = 1_000_000
    const read = (atMs: number) => reconciler.read([peer(ANNA, 500 + surplus, 700)], atMs, CONTEXT)
    for (const atMs of [1000, 61_000, 120_999]) read(atMs)
    // The reading of 61 s waits until a session that was open then must have been reported.
    expect(reconciler.verdict().unexplained).toBe(0)
    read(121_000)
    const { worst, unexplainedBytes, unmeteredBytes } = reconciler.verdict()
    // Less what keepalives and handshakes of 61 s may be: 62 * 32 + 15 * 240.
    const more = surplus - 5584
    expect([worst?.bytes, unexplainedBytes, unmeteredBytes]).toEqual([more, more, more])
  })

  test('of an open session: its reports add up, and a late one is not counted again', () => {
    const reconciler = started()
    reconciler.count(session({ sequence: 7, endReason: 'activeTimeout' }), fromAnna)
    const grown = { sequence: 7, packetsTx: 20, bytesTx: 2000, packetsRx: 10, bytesRx: 10_000 }
    reconciler.count(session(grown), fromAnna)
    reconciler.count(session({ ...grown, packetsTx: 21, bytesTx: 2040 }), fromAnna)
    const [rx, tx] = [500 + 2040 + 21 * 32, 700 + 10_000 + 320]
    for (let i = 1; i < 4; i++) reconciler.read([peer(ANNA, rx, tx)], i * 1000, CONTEXT)
    expect(reconciler.finish(4000, NONE)).toEqual(EXPLAINED)
    // Nothing was counted short, either: one packet more, and an octet is missing.
    reconciler.count(session({ sequence: 8, packetsTx: 1, bytesTx: 1, bytesRx: 0 }), fromAnna)
    for (let i = 5; i < 7; i++) reconciler.read([peer(ANNA, rx + 32, tx + 160)], i * 1000, CONTEXT)
    expect(reconciler.verdict().worst).toEqual({ publicKey: ANNA, bytes: -1 })
  })

  test('of a closed session whose last report comes after a linger of a minute: it is not counted again', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const reconciler = new PeerReconciler({ settleMs: 60_000, lingerMs: 60_000 })
    reconciler.read([peer(ANNA, 500, 700)], 0, { ...CONTEXT, metering: false })
    reconciler.read([peer(ANNA, 500, 700)], 10, CONTEXT)
    reconciler.count(session({ sequence: 7 }), fromAnna)
    vi.advanceTimersByTime(61_000)
    // Another one that closes is when old ones are forgotten.
    reconciler.count(session({ sequence: 8, packetsTx: 1, bytesTx: 100, bytesRx: 0 }), fromAnna)
    reconciler.count(session({ sequence: 7, packetsTx: 11, bytesTx: 1040 }), fromAnna)
    const [rx, tx] = [500 + 1140 + 12 * 32, 700 + 5000 + 320]
    for (let i = 1; i < 3; i++) reconciler.read([peer(ANNA, rx, tx)], i * 1000, CONTEXT)
    expect(reconciler.verdict()).toEqual(EXPLAINED)
  })

  test('other traffic may be any peer’s', () => {
    const reconciler = started()
    reconciler.read([peer(ANNA, 500 + 50_000, 700)], 1000, CONTEXT)
    expect(reconciler.finish(1000, { packets: 50, bytes: 48_000 })).toEqual(EXPLAINED)
    expect(reconciler.finish(1000, NONE).unexplained).toBe(1)
  })

  test('of two peers that talk to each other: their packets are counted in and out', () => {
    const reconciler = new PeerReconciler({ settleMs: 0 })
    const read = (n: number, metering = true) =>
      reconciler.read([peer(ANNA, n, n), peer(RAVI, n, n)], 1000, { ...CONTEXT, metering })
    read(0, false)
    read(0)
    reconciler.count(session({ packetsTx: 20, bytesTx: 20_000, packetsRx: 20, bytesRx: 20_000 }), {
      source: ANNA,
      dest: RAVI,
    })
    for (let i = 0; i < 3; i++) read(10 * (1000 + 32))
    expect(reconciler.finish(2000, NONE)).toMatchObject({ compared: 2, unexplained: 0 })
  })

  test('super-packets are more messages than packets, whichever device cuts them', () => {
    // A thousand of 64,000 octets, each sent as 47 messages of at most 1,380.
    const [packets, payload, mss] = [1000, 64_000, 1380]
    const messages = packets * Math.ceil(payload / mss)
    const transfer = 700 + packets * payload + messages * (40 + 32)
    const verdict = (surplus: number) => {
      const reconciler = started()
      const bytesRx = packets * (payload + 40)
      const sent = { packetsTx: 0, bytesTx: 0, packetsRx: packets, bytesRx }
      reconciler.count(session(sent), fromAnna)
      reconciler.read([peer(ANNA, 500, transfer + surplus)], 1000, CONTEXT)
      return reconciler.finish(1000, NONE).unexplained
    }
    expect([verdict(0), verdict(packets * payload)]).toEqual([0, 1])
  })
})

describe('where it begins', () => {
  test('a device first read while it is metered: what it had counted before is not held against it', () => {
    const reconciler = new PeerReconciler({ settleMs: 60_000 })
    reconciler.read([peer(ANNA, 9_000_000, 9_000_000)], 0, CONTEXT)
    expect(reconciler.finish(1000, NONE)).toEqual(EXPLAINED)
  })

  test('a peer that comes later began at zero', () => {
    const reconciler = started()
    reconciler.read([peer(ANNA, 500, 700), peer(RAVI, 9_000_000, 0)], 1000, CONTEXT)
    expect(reconciler.finish(1000, NONE)).toMatchObject({
      compared: 2,
      unexplained: 1,
      worst: { publicKey: RAVI },
    })
  })

  test('a peer that was taken out and put in again: late reports of before are not missed in it', () => {
    const reconciler = started()
    reconciler.read([peer(ANNA, 500 + 1320, 700 + 5160)], 1000, CONTEXT)
    reconciler.read([peer(ANNA, 0, 0)], 2000, CONTEXT)
    reconciler.count(session(), fromAnna)
    for (let i = 3; i < 6; i++) reconciler.read([peer(ANNA, 0, 0)], i * 1000, CONTEXT)
    expect(reconciler.verdict()).toEqual(EXPLAINED)
    // What is too much for the new life is said.
    reconciler.read([peer(ANNA, 1_000_000, 0)], 7000, CONTEXT)
    expect(reconciler.finish(7000, NONE).unexplained).toBe(1)
  })

  test('a peer that is gone is not compared', () => {
    const reconciler = started()
    reconciler.read([], 1000, CONTEXT)
    expect(reconciler.finish(1000, NONE).compared).toBe(0)
  })
})

describe('with more open sessions than are remembered', () => {
  /** Four sessions, of which three are remembered: anna's transfer is that of all of them. */
  function overflowed() {
    const reconciler = started(60_000, 3)
    const report = (sequence: number, packets: number, endReason: FlowRecord['endReason']) =>
      reconciler.count(
        session({ sequence, endReason, packetsTx: packets, bytesTx: packets * 100 }),
        fromAnna,
      )
    for (let sequence = 1; sequence <= 4; sequence++) report(sequence, 1000, 'activeTimeout')
    let transfer = 500 + 4 * 1000 * 132
    let atMs = 0
    const read = (more: number) => {
      transfer += more
      atMs += 70_000
      reconciler.read([peer(ANNA, transfer, 9_000_000)], atMs, CONTEXT)
    }
    return { reconciler, report, read }
  }

  test('the comparison begins anew, and what the forgotten ones had before is no alarm', () => {
    const { reconciler, report, read } = overflowed()
    read(0)
    for (let sequence = 1; sequence <= 4; sequence++) report(sequence, 1010, 'idleTimeout')
    for (const more of [4 * 10 * 132, 0, 0]) read(more)
    expect(reconciler.verdict()).toEqual(EXPLAINED)
  })

  test('what passes and is not metered afterwards is said', () => {
    const { reconciler, report, read } = overflowed()
    read(0)
    for (let sequence = 1; sequence <= 4; sequence++) report(sequence, 1010, 'idleTimeout')
    read(0)
    for (const more of [10_000_000, 0, 0]) read(more)
    expect(reconciler.verdict().worst).toMatchObject({ publicKey: ANNA })
  })
})
