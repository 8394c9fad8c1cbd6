import { expect, test, vi } from 'vitest'
import { openBatch } from '../../../src/meter/ship/rebatch.js'
import { Batcher } from '../../../src/meter/spool/batcher.js'
import { BATCH_BYTES_MAX } from '../../../src/session/batch.js'
import { aPeerEvent } from '../../support/peer-events.js'
import { aSession } from '../../support/sessions.js'
import { aSpool, REPORT } from '../../support/spools.js'

/** A batcher whose disk does with each batch what `disk` says; 10 batches wait. */
async function behind(disk: () => Promise<number>): Promise<{ batcher: Batcher; lost: number[] }> {
  const { spool } = await aSpool()
  const lost: number[] = []
  vi.spyOn(spool, 'append').mockImplementation(disk)
  vi.spyOn(spool, 'lost').mockImplementation((gap) => void lost.push(gap.sessions))
  const batcher = new Batcher({ spool, report: () => REPORT, ageMs: null, sessionsMax: 5 })
  for (let i = 0; i < 50; i++) batcher.add(aSession())
  return { batcher, lost }
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise((resolve) => setImmediate(() => resolve('pending')))
  return (await Promise.race([promise, turn])) === 'pending'
}

test('while the disk is behind the reader waits, until few batches are left', async () => {
  const writes: (() => void)[] = []
  const { batcher } = await behind(
    () => new Promise((resolve) => writes.push(() => resolve(writes.length))),
  )
  const relieved = batcher.relieved()
  for (let left = 10; left > 2; left--) {
    expect(await isPending(relieved), `${left} left`).toBe(true)
    await vi.waitUntil(() => writes.length === 11 - left)
    writes.at(-1)!()
    await vi.waitUntil(() => batcher.heldSessions === (left - 1) * 5)
  }
  await relieved
})

test('given up, a disk that takes batches is still waited for, and nothing is lost', async () => {
  const writes: (() => void)[] = []
  const { batcher, lost } = await behind(
    () => new Promise((resolve) => writes.push(() => resolve(writes.length))),
  )
  batcher.abandon()
  const relieved = batcher.relieved()
  expect(await isPending(relieved)).toBe(true)
  for (let i = 0; i < 8; i++) {
    await vi.waitUntil(() => writes.length > i)
    writes[i]!()
  }
  await relieved
  expect(lost).toEqual([])
})

test('a disk that refuses makes nobody wait', async () => {
  const { batcher } = await behind(() => Promise.reject(new Error('no')))
  await batcher.relieved()
  expect(batcher.heldSessions).toBe(50)
  batcher.abandon()
  await batcher.flush()
})

test('given up, what the disk refuses is lost, and counted', async () => {
  const { batcher, lost } = await behind(() => Promise.reject(new Error('no')))
  batcher.abandon()
  await batcher.flush()
  expect(lost).toEqual(Array.from({ length: 10 }, () => 5))
})

test('a batch ends before the session that would make its JSON too long', async () => {
  const { spool } = await aSpool()
  const batcher = new Batcher({ spool, report: () => REPORT, ageMs: null })
  const userId = 'u'.repeat(3_000)
  for (let i = 0; i < 5_000; i++) batcher.add(aSession({ userId, sourcePort: i }))
  await batcher.flush()
  const ports: number[] = []
  for (let next = await spool.next(); next !== null; next = await spool.next()) {
    expect(next.entry.textBytes).toBeLessThan(BATCH_BYTES_MAX)
    const { sessions } = await openBatch(next.body)
    expect(sessions.length).toBe(next.entry.sessions)
    ports.push(...sessions.map((s) => s.sourcePort))
  }
  expect(ports).toEqual(Array.from({ length: 5_000 }, (_, i) => i))
})

test('events of peers go with the next batch, a thousand in each, and make one where there are no sessions', async () => {
  const { spool } = await aSpool()
  const batcher = new Batcher({ spool, report: () => REPORT, ageMs: 1 })
  const events = Array.from({ length: 2_500 }, (_, i) => aPeerEvent({ timeUs: i }))
  batcher.add(aSession())
  batcher.addPeerEvents(events)
  await vi.waitUntil(() => spool.depth().batches === 3, { timeout: 30_000 })
  const times: number[] = []
  for (let next = await spool.next(); next !== null; next = await spool.next()) {
    const { sessions, peerEvents = [] } = await openBatch(next.body)
    expect(sessions.length).toBe(times.length === 0 ? 1 : 0)
    expect(next.entry.peerEvents).toBe(peerEvents.length)
    times.push(...peerEvents.map(({ timeUs }) => timeUs))
  }
  expect(times).toEqual(events.map(({ timeUs }) => timeUs))
})

test('events of peers are bounded in memory while the disk refuses, and a gap tells the time of the lost ones', async () => {
  const { spool } = await aSpool()
  const lost: number[] = []
  vi.spyOn(spool, 'append').mockRejectedValue(new Error('no'))
  vi.spyOn(spool, 'lost').mockImplementation((gap) => void lost.push(gap.sessions))
  const batcher = new Batcher({ spool, report: () => REPORT, ageMs: null, heldBytesMax: 2 ** 20 })
  const events = Array.from({ length: 1_000 }, () => aPeerEvent())
  for (let i = 0; i < 5; i++) batcher.addPeerEvents(events)
  expect(lost).toEqual([0, 0, 0])
  batcher.abandon()
  await batcher.flush()
})

test('peer events that do not fit beside the sessions follow in a batch of their own', async () => {
  const { spool } = await aSpool()
  const batcher = new Batcher({ spool, report: () => REPORT, ageMs: null })
  const text = '10.8.0.2/32 '.repeat(41)
  const change = { allowedIps: text, allowedIpsBefore: text }
  batcher.addPeerEvents(Array.from({ length: 999 }, () => aPeerEvent(change)))
  // Cut by their bytes.
  for (let i = 0; i < 4_900; i++) batcher.add(aSession({ userId: 'u'.repeat(1_500) }))
  await batcher.flush()
  const counts: number[] = []
  for (let next = await spool.next(); next !== null; next = await spool.next()) {
    const opened = await openBatch(next.body)
    expect(JSON.stringify(opened).length).toBeLessThanOrEqual(BATCH_BYTES_MAX)
    counts.push(opened.peerEvents?.length ?? 0)
  }
  expect(counts[0]).toBeLessThan(999)
  expect(counts.reduce((sum, one) => sum + one)).toBe(999)
})
