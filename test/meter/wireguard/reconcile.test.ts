import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  controlBytesMax,
  dataMessageBytes,
  InterfaceReconciler,
} from '../../../src/meter/wireguard/reconcile.js'
import { explainControl, paddingOf } from '../../support/wireguard-messages.js'

const volume = (packets: number, bytes: number) => ({ packets, bytes })
/** Nothing passed while the sides were read. */
const still = (
  kernel: ReturnType<typeof volume>,
  metered: ReturnType<typeof volume>,
  index = 1,
) => ({ before: kernel, metered, after: kernel, index })

describe('against the interface', () => {
  test('all that came since the start was metered', () => {
    const reconciler = new InterfaceReconciler()
    expect(reconciler.compare(still(volume(100, 9000), volume(0, 0)))).toBeNull()
    expect(reconciler.compare(still(volume(150, 14_000), volume(50, 5000)))).toEqual({
      packets: { low: 0, high: 0 },
      bytes: { low: 0, high: 0 },
      exact: true,
    })
  })

  test('a packet that was not seen, and one too many', () => {
    const reconciler = new InterfaceReconciler()
    reconciler.compare(still(volume(0, 0), volume(0, 0)))
    expect(reconciler.compare(still(volume(10, 1000), volume(9, 940)))).toMatchObject({
      packets: { low: 1, high: 1 },
      bytes: { low: 60, high: 60 },
      exact: true,
    })
    expect(reconciler.compare(still(volume(11, 1100), volume(12, 1200)))).toMatchObject({
      packets: { low: -1, high: -1 },
      bytes: { low: -100, high: -100 },
    })
  })

  test('traffic while the sides are read: the truth is bracketed, and exact when it is quiet again', () => {
    const reconciler = new InterfaceReconciler()
    // 1,000 packets of 100 bytes had passed before the meter began; it reads late or early.
    const busy = {
      before: volume(1010, 101_000),
      metered: volume(12, 1200),
      after: volume(1015, 101_500),
      index: 1,
    }
    expect(reconciler.compare(busy)).toBeNull()
    // The offset is 998 to 1003 by the first comparison, 997 to 1001 by this one: 998 to 1001.
    const next = {
      before: volume(1100, 110_000),
      metered: volume(103, 10_300),
      after: volume(1104, 110_400),
      index: 1,
    }
    expect(reconciler.compare(next)).toEqual({
      packets: { low: -4, high: 3 },
      bytes: { low: -400, high: 300 },
      exact: false,
    })
    expect(reconciler.compare(still(volume(1200, 120_000), volume(200, 20_000)))).toEqual({
      packets: { low: 0, high: 0 },
      bytes: { low: 0, high: 0 },
      exact: true,
    })
  })

  test('what a quiet time showed stays in a busy one; a moment behind has lost nothing', () => {
    const reconciler = new InterfaceReconciler()
    const seconds = (count: number, kernel: number, metered: number) => {
      const one = still(volume(kernel, kernel * 100), volume(metered, metered * 100))
      return Array.from({ length: count }, () => reconciler.compare(one)).at(-1)
    }
    seconds(1, 0, 0)
    expect(seconds(9, 10, 7)).toMatchObject({ packets: { low: 3, high: 3 } })
    expect(seconds(1, 10, 10)).toMatchObject({ packets: { low: 0, high: 0 } })
    seconds(10, 20, 18)
    const busy = {
      before: volume(20, 2000),
      metered: volume(118, 11_800),
      after: volume(220, 22_000),
    }
    expect(reconciler.compare(busy)).toMatchObject({
      packets: { low: 2, high: 102 },
      bytes: { low: 200, high: 10_200 },
      exact: false,
    })
  })

  test('the interface made anew: counters begin at zero, the meter goes on', () => {
    const reconciler = new InterfaceReconciler()
    reconciler.compare(still(volume(100, 9000), volume(0, 0)))
    reconciler.compare(still(volume(150, 14_000), volume(50, 5000)))
    expect(reconciler.compare(still(volume(2, 200), volume(52, 5200)))).toBeNull()
    expect(reconciler.restarts).toBe(1)
    expect(reconciler.compare(still(volume(5, 500), volume(54, 5400)))).toMatchObject({
      packets: { low: 1, high: 1 },
      bytes: { low: 100, high: 100 },
    })
  })

  test('what was unexplained before the interface was made anew stays', () => {
    const reconciler = new InterfaceReconciler()
    reconciler.compare(still(volume(100, 9000), volume(0, 0)))
    reconciler.compare(still(volume(157, 14_700), volume(50, 5000)))
    for (const [kernel, metered] of [
      [2, 52],
      [1, 53],
    ] as const)
      expect(
        reconciler.compare(still(volume(kernel, kernel * 100), volume(metered, metered * 100))),
      ).toBeNull()
    expect(reconciler.compare(still(volume(5, 500), volume(56, 5600)))).toEqual({
      packets: { low: 8, high: 8 },
      bytes: { low: 800, high: 800 },
      exact: true,
    })
  })

  for (const [known, indices] of [
    ['by its index', [3, 4]],
    ['without an index, by what its counters lack', [undefined, undefined]],
  ] as const)
    test(`the interface made anew, and busier than before: noticed ${known}`, () => {
      const reconciler = new InterfaceReconciler()
      const at = (kernel: number, metered: number, index: number | undefined) => {
        const { before, after } = still(volume(kernel, kernel * 100), volume(0, 0))
        const sides = { before, after, metered: volume(metered, metered * 100) }
        return reconciler.compare(index === undefined ? sides : { ...sides, index })
      }
      at(0, 0, indices[0])
      at(50, 50, indices[0])
      expect(at(80, 130, indices[1])).toBeNull()
      expect(reconciler.restarts).toBe(1)
      expect(at(90, 140, indices[1])).toMatchObject({ packets: { low: 0, high: 0 } })
      expect(reconciler.restarts).toBe(1)
    })
})

describe('against a peer', () => {
  for (const [bytes, mtu, want] of [
    [84, 1420, 12],
    [96, 1420, 0],
    [0, 1420, 0],
    [1, 1420, 15],
    // 1420 is no multiple of 16: padding ends there and not at 1424.
    [1420, 1420, 0],
    [1410, 1420, 10],
    [1409, 1420, 11],
  ] as const)
    test(`${bytes} octets at an MTU of ${mtu} are padded by ${want}`, () => {
      expect(paddingOf(bytes, mtu)).toBe(want)
    })

  test('data messages: a packet, its padding, 32 octets', () => {
    expect(dataMessageBytes(volume(2, 184))).toEqual({ low: 248, high: 278 })
    // One super-packet that was cut in three.
    expect(dataMessageBytes(volume(1, 3000), { messages: 3 })).toEqual({ low: 3176, high: 3341 })
  })

  for (const [bytes, want] of [
    [0, [0, 0, 0, 0]],
    [32, [1, 0, 0, 0]],
    [148, [0, 1, 0, 0]],
    [180, [1, 1, 0, 0]],
    [92, [0, 0, 1, 0]],
    [240, [0, 1, 1, 0]],
    [149, null],
    [31, null],
  ] as const)
    test(`${bytes} octets of control messages`, () => {
      const found = explainControl(bytes)
      expect(
        found && [found.keepalives, found.initiations, found.responses, found.cookies],
      ).toEqual(want)
    })
})

test('the real tunnel: what the clients were counted is their packets, messages and handshakes', () => {
  // wg show's counters of the golden capture's site began with the handshake of the world's making and hold
  // a little traffic from before the capture, so they are at least what the capture needs.
  const directory = join(import.meta.dirname, '../../../fixtures/wireguard')
  const json = (file: string) => JSON.parse(readFileSync(join(directory, file), 'utf8'))
  for (const peer of json('peers.json').peers) {
    const rows = json('expected.json').sessions.filter(
      (row: { peerPublicKey: string }) => row.peerPublicKey === peer.publicKey,
    )
    const fromPeer = rows.reduce(
      (sum: { packets: number; bytes: number }, row: Record<string, number | string>) => {
        const way = String(row.sourceAddr).startsWith('10.') ? 'Rx' : 'Tx'
        return volume(
          sum.packets + Number(row[`packets${way}`]),
          sum.bytes + Number(row[`bytes${way}`]),
        )
      },
      volume(0, 0),
    )
    const data = dataMessageBytes(fromPeer)
    expect(peer.rxBytes).toBeGreaterThanOrEqual(data.low)
    expect(peer.rxBytes).toBeLessThanOrEqual(data.high + controlBytesMax(20))
  }
})
