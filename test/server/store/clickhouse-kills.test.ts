/**
 * Reports of sessions in any order, from two servers at once, sent again and grouped otherwise, while ClickHouse is
 * killed: what is there in the end is each session once, as its best report says.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ClickHouseSessions } from '../../../src/server/store/clickhouse/sessions.js'
import type { StoredSession } from '../../../src/server/store/store.js'
import { session } from '../../support/batches.js'
import { ClickHouseRig, whyNoClickHouse } from '../../support/clickhouse.js'
import { MemoryMeta } from '../../support/memory-meta.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS, stored } from '../../support/store.js'

const missing = whyNoClickHouse()
const BATCHES = rounds(40, 200)
const KILLS = 3
const DAY_US = 86_400e6
const BASE_US = Date.UTC(2026, 10, 1) * 1e3

/** Reproducible, so that a failure can be looked at. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

interface Report {
  readonly sequence: number
  readonly ended: boolean
  readonly packets: number
}

function rowOf({ sequence, ended, packets }: Report): StoredSession {
  const startTimeUs = BASE_US + (sequence % 3) * DAY_US + sequence
  const change = {
    ...{ startTimeUs, endTimeUs: startTimeUs + packets },
    ...{ packetsTx: packets, packetsRx: 1, bytesTx: packets * 100, bytesRx: ended ? 1 : 0 },
    ...{ payloadTx: 0, payloadRx: 0, sourcePort: 40_000 },
    endReason: ended ? ('endOfFlowDetected' as const) : ('activeTimeout' as const),
  }
  return stored(session(sequence, change), 'acme', 1, 'meter-1')
}

const isBetter = (a: Report, b: Report | undefined) =>
  b === undefined || (a.ended === b.ended ? a.packets > b.packets : a.ended)

describe.skipIf(missing !== null)(`under kills${missing === null ? '' : ` (${missing})`}`, () => {
  let rig: ClickHouseRig
  beforeAll(async () => {
    rig = await ClickHouseRig.start()
  })
  afterAll(() => rig?.stop())

  test('each session once, as its best report', { timeout: 600_000 }, async () => {
    const options = { url: rig.url, database: await rig.database(), meta: new MemoryMeta() }
    const servers = [
      await ClickHouseSessions.open(options),
      await ClickHouseSessions.open(options),
    ] as const
    const draw = random(7)
    const best = new Map<number, Report>()
    let [next, failed, again] = [0, 0, 0]

    /** As the applier does: the same batch until it is written. */
    const send = async (batch: readonly Report[], server: number) => {
      const sessions = batch.map(rowOf)
      const group = { orgId: 'acme', siteId: 1, meterId: 'meter-1', runStartedUs: 1, sessions }
      for (let at = server; ; at++) {
        const written = await servers[at % 2]!.write([group]).catch(() => null)
        if (written !== null) {
          expect(written.losses).toEqual([])
          return
        }
        failed++
        await sleep(20)
      }
    }
    const worker = async () => {
      while (next < BATCHES) {
        const n = next++
        const batch = Array.from({ length: 1 + draw(40) }, () => ({
          ...{ sequence: 1 + draw(300), ended: draw(2) === 1, packets: 1 + draw(50) },
        }))
        for (const one of batch)
          if (isBetter(one, best.get(one.sequence))) best.set(one.sequence, one)
        await send(batch, n)
        if (draw(4) > 0) continue
        again++
        await send(batch.toReversed().slice(0, 1 + draw(batch.length)), n + 1)
      }
    }
    const workers = Promise.all([worker(), worker(), worker()])
    for (let kill = 1; kill <= KILLS; kill++) {
      while (next < (BATCHES * kill) / (KILLS + 1)) await sleep(2)
      await rig.kill()
      await rig.start()
    }
    await workers
    expect(again).toBeGreaterThan(0)
    expect(failed).toBeGreaterThan(0)

    const found: string[] = []
    const sort = { key: 'startTime', descending: false } as const
    for (const server of servers) {
      found.length = 0
      for await (const rows of server.rows('acme', ALWAYS, sort))
        for (const { sessionId, endReason, packetsTx, bytesTx, bytesRx } of rows)
          found.push(`${sessionId} ${endReason} ${packetsTx} ${bytesTx} ${bytesRx}`)
      const right = [...best.values()].map((one) => {
        const { sessionId, endReason, packetsTx, bytesTx, bytesRx } = rowOf(one)
        return `${sessionId} ${endReason} ${packetsTx} ${bytesTx} ${bytesRx}`
      })
      expect(found.sort()).toEqual(right.sort())
      await server.close()
    }
  })
})
