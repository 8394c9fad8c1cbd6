import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { placeOf, standOf } from '../../../src/meter/run/interface-place.js'
import { LEDGER_FILES, RunLedger, type Stand } from '../../../src/meter/run/run-ledger.js'
import { temporaryDirectory } from '../../support/temporary.js'

const AT_MS = Date.UTC(2026, 10, 22, 12)
const iso = (ms: number) => new Date(ms).toISOString()

function stand(bytes: number, atMs: number, peers: Record<string, number> = {}): Stand {
  return { atMs, index: 3, bytes, peers }
}

async function ranUntil(directory: string, last: Stand, boot = 'boot'): Promise<void> {
  const ledger = RunLedger.open(directory, AT_MS - 60_000, boot)
  await ledger.note({ wg0: { ...last, atMs: last.atMs - 5_000, bytes: 0 } }, last.atMs - 5_000)
  await ledger.note({ wg0: last }, last.atMs)
}

test('the first run reports nothing, and says since when it watches, then and later', async () => {
  const directory = temporaryDirectory()
  const first = RunLedger.open(directory, AT_MS, 'boot')
  expect([first.isFirstRun, first.began('wg0', stand(0, AT_MS))]).toEqual([true, null])
  await first.note({ wg0: stand(0, AT_MS) }, AT_MS)
  const second = RunLedger.open(directory, AT_MS + 9_000, 'boot')
  expect([second.isFirstRun, second.watchingSince]).toEqual([false, iso(AT_MS)])
})

test('what passed since the last note is a gap, with the bytes of the interface and of each peer', async () => {
  const directory = temporaryDirectory()
  await ranUntil(directory, stand(1000, AT_MS, { a: 10, b: 20, gone: 5 }))
  const next = RunLedger.open(directory, AT_MS + 60_000, 'boot')
  const now = stand(4000, AT_MS + 60_000, { a: 15, b: 2020, new: 7 })
  expect(next.began('wg0', now, AT_MS + 60_000)).toEqual({
    reason: 'unmetered',
    sessions: 0,
    interface: 'wg0',
    from: iso(AT_MS),
    to: iso(AT_MS + 60_000),
    bytes: 3000,
    peers: [
      { publicKey: 'b', bytes: 2000 },
      { publicKey: 'a', bytes: 5 },
    ],
  })
  expect(next.began('wg0', now)).toBeNull()
  expect(next.began('eth0', now)).toBeNull()
})

test.each<[string, Partial<Stand>, string]>([
  ['after a reboot', {}, 'other boot'],
  ['of an interface that was made anew', { index: 4 }, 'boot'],
  ['of counters that went back', { bytes: 10 }, 'boot'],
])('%s the time is a gap, the bytes are not known', async (_, change, boot) => {
  const directory = temporaryDirectory()
  await ranUntil(directory, stand(1000, AT_MS))
  const gap = RunLedger.open(directory, AT_MS + 1, boot).began('wg0', {
    ...stand(5000, AT_MS + 1),
    ...change,
  })
  expect(gap).toMatchObject({ reason: 'unmetered', from: iso(AT_MS) })
  expect(gap).not.toHaveProperty('bytes')
})

test('a clock that was set back meanwhile makes the times of both clocks a gap, within a boot', async () => {
  const directory = temporaryDirectory()
  const first = RunLedger.open(directory, AT_MS - 60_000, 'boot')
  await first.note({ wg0: stand(1000, AT_MS) }, AT_MS, 100_000)
  const nowMs = AT_MS - 20_000
  const began = (boot: string) =>
    RunLedger.open(directory, nowMs, boot).began('wg0', stand(1500, nowMs), nowMs, 130_000)
  expect(began('boot')).toMatchObject({
    ...{ reason: 'unmeteredSetBack', bytes: 500 },
    ...{ from: iso(nowMs - 30_000), to: iso(AT_MS + 30_000) },
  })
  // For how long it did not run, nobody knows then.
  expect(began('other')).toMatchObject({ from: iso(nowMs), to: iso(AT_MS) })
})

test.each(LEDGER_FILES)('a note that was cut off (%s) leaves the other one', async (name) => {
  const directory = temporaryDirectory()
  await ranUntil(directory, stand(1000, AT_MS))
  const path = join(directory, name)
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20))
  const gap = RunLedger.open(directory, AT_MS + 1, 'boot').began('wg0', stand(5000, AT_MS + 1))
  expect([iso(AT_MS), iso(AT_MS - 5_000)]).toContain(gap!.from)
})

test('the latest note counts, also when the clock was set back before it', async () => {
  const directory = temporaryDirectory()
  const ledger = RunLedger.open(directory, AT_MS, 'boot')
  for (const [set, bytes] of [
    [0, 1000],
    [5_000, 2000],
    [-3_600_000, 3000],
  ] as const)
    await ledger.note({ wg0: stand(bytes, AT_MS + set) }, AT_MS + set)
  const next = RunLedger.open(directory, AT_MS, 'boot')
  expect(next.began('wg0', stand(3500, AT_MS), AT_MS)).toMatchObject({
    from: iso(AT_MS - 3_600_000),
    bytes: 500,
  })
})

test('an interface that has not come back keeps the time at which it was read last', async () => {
  const directory = temporaryDirectory()
  await ranUntil(directory, stand(1000, AT_MS))
  const without = RunLedger.open(directory, AT_MS + 10_000, 'boot')
  await without.end({}, AT_MS + 20_000)
  const gap = RunLedger.open(directory, AT_MS + 30_000, 'boot').began('wg0', null)
  expect(gap!.from).toBe(iso(AT_MS))
})

test('an interface has one place, and its counters', () => {
  expect(placeOf('lo')).toMatch(/^[0-9a-f]{16}$/)
  expect(placeOf('lo')).toBe(placeOf('lo'))
  expect(standOf('lo', [], undefined, AT_MS)).toMatchObject({ index: 1, atMs: AT_MS })
  expect([placeOf('nope0'), standOf('nope0', [])]).toEqual([null, null])
})

test('who was connected in the run before is known until this run has begun to read the interface', async () => {
  const directory = temporaryDirectory()
  await ranUntil(directory, { ...stand(1000, AT_MS), connected: ['a', 'b'] })
  const next = RunLedger.open(directory, AT_MS + 1, 'boot')
  expect(next.connectedBefore('wg0')).toEqual({ atUs: AT_MS * 1e3, publicKeys: ['a', 'b'] })
  expect(next.connectedBefore('wg1')).toBeNull()
  next.began('wg0', stand(1, AT_MS + 1))
  expect(next.connectedBefore('wg0')).toBeNull()
})
