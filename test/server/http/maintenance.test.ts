/** Retention by the clock: what is too old goes, by itself and soon after a change, and its totals stay. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import { LmdbControl } from '../../../src/server/control/lmdb/lmdb-control.js'
import { TrustedClock } from '../../../src/server/control/trusted-clock.js'
import { AGAIN_MS, Maintenance } from '../../../src/server/http/maintenance.js'
import { ServerMetrics } from '../../../src/server/http/metrics.js'
import { GroupCommit } from '../../../src/server/store/duckdb/write/group-commit.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const DAY_US = 86400e6
const DAY_MS = 86400e3
const TEN_MINUTES_MS = 600_000

let t: TestStore
let control: LmdbControl
let maintenance: Maintenance

/** Time passes by the store's clock; the wall clock is ahead of it, and the last time believed is the store's. */
function clockAt(aheadDays: number): TrustedClock {
  const monotonicMs = () => t.nowUs / 1e3
  return new TrustedClock({
    wallMs: () => monotonicMs() + aheadDays * DAY_MS,
    monotonicMs,
    lastMs: monotonicMs(),
  })
}

function maintenanceOf(store: TestStore['store']): Maintenance {
  return new Maintenance({
    store,
    control,
    metrics: new ServerMetrics(() => store.stats()),
    log: createLogger('error'),
    usageDays: 400,
    auditDays: 400,
    clock: clockAt(0),
  })
}

beforeEach(async () => {
  // Only the clock of its schedule: the database needs real time.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  t = await TestStore.open()
  control = new LmdbControl(join(t.directory, 'control'))
  await control.putOrg('acme', { retentionDays: -1 })
  maintenance = maintenanceOf(t.store)
})
afterEach(async () => {
  await maintenance.stop()
  vi.useRealTimers()
  await control.close()
  await t.close()
})

const age = (days: number) => ({
  startTimeUs: t.nowUs - days * DAY_US,
  endTimeUs: t.nowUs - days * DAY_US + 1e6,
})
const count = () => t.store.count('acme', ALWAYS)
const months = () =>
  t.store.usage('acme', { fromMonth: '2024-01', toMonth: '2030-12', groupBy: 'client' })

test('a change by another process applies within ten minutes, and time passing too', async () => {
  await t.send('acme', 1, batch(1, [session(1, age(0)), session(2, age(8)), session(3, age(40))]))
  maintenance.start()
  await maintenance.soon()
  expect(await count()).toBe(3)
  await control.putOrg('acme', { retentionDays: 30 }, { deletesNow: true })
  vi.advanceTimersByTime(TEN_MINUTES_MS)
  await maintenance.soon('nobody')
  expect(await count()).toBe(2)
  t.nowUs += 23 * DAY_US
  vi.advanceTimersByTime(TEN_MINUTES_MS)
  await maintenance.soon('nobody')
  expect(await count()).toBe(1)
})

test('a change by the API applies at once; 0 deletes everything', async () => {
  await t.send('acme', 1, batch(1, [session(1, age(0)), session(2, age(8))]))
  await control.putOrg('acme', { retentionDays: 7 }, { deletesNow: true })
  await maintenance.soon('acme')
  expect(await count()).toBe(1)
  await control.putOrg('acme', { retentionDays: 0 }, { deletesNow: true })
  await maintenance.soon('acme')
  expect(await count()).toBe(0)
})

test('a run that the store is late for comes again when the store has what was acknowledged', async () => {
  await control.putOrg('acme', { retentionDays: 7 }, { deletesNow: true })
  await t.reopen({ readWaitMs: 1 })
  maintenance = maintenanceOf(t.store)
  const commit = GroupCommit.prototype.commit
  let letGo = (): void => undefined
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const holding = vi.spyOn(GroupCommit.prototype, 'commit')
  holding.mockImplementation(async function (this: GroupCommit, ...args) {
    await held
    return commit.apply(this, args)
  })
  onTestFinished(() => holding.mockRestore())
  await t.send('acme', 1, batch(1, [session(1, age(0)), session(2, age(8))]))
  const expire = vi.spyOn(t.store, 'expire')
  maintenance.start()
  await vi.waitUntil(() => expire.mock.settledResults[0]?.type === 'fulfilled')
  letGo()
  await maintenance.soon('nobody')
  await vi.waitUntil(async () => (await count()) === 2)
  vi.advanceTimersByTime(AGAIN_MS)
  await maintenance.soon('nobody')
  expect(await count()).toBe(1)
})

describe('a shorter retention', () => {
  const nowMs = () => t.nowUs / 1e3
  const put = (retentionDays: number) =>
    control.putOrg('acme', { retentionDays }, { nowMs: nowMs() })
  const left = async (): Promise<number> => {
    await maintenance.soon('acme')
    return count()
  }
  beforeEach(async () => {
    const ages = [0, 8, 40].map((days, i) => session(i + 1, age(days)))
    await t.send('acme', 1, batch(1, ages))
  })

  test('deletes after 24 hours, not before', async () => {
    await put(7)
    expect(await left()).toBe(3)
    t.nowUs += DAY_US - 1e6
    expect(await left()).toBe(3)
    t.nowUs += 1e6
    expect(await left()).toBe(1)
  })

  test('taken back within them, it deletes nothing', async () => {
    await put(0)
    await put(-1)
    t.nowUs += 2 * DAY_US
    expect(await left()).toBe(3)
  })

  test('made shorter again meanwhile, the longest one still counts, for 24 hours more', async () => {
    await put(30)
    t.nowUs += DAY_US / 2
    await put(0)
    t.nowUs += 0.9 * DAY_US
    expect(await left()).toBe(3)
    t.nowUs += 0.1 * DAY_US
    expect(await left()).toBe(0)
  })

  test('deletes no audit entries before the sessions: both are there when it is taken back', async () => {
    const when = { nowMs: nowMs(), deletesNow: true }
    await control.putOrg('acme', { retentionDays: 1000 }, when)
    const event = {
      event: 'keyCreated',
      trail: 'acme',
      address: null,
      by: null,
      facts: {},
    } as const
    await control.audit.record({ ...event, atMs: nowMs() - 700 * DAY_MS })
    const made = { events: ['keyCreated'], limit: 10 } as const
    const entries = async () => (await control.audit.page('acme', made)).entries.length
    await put(30)
    await maintenance.soon()
    expect(await entries()).toBe(1)
    await put(1000)
    await maintenance.soon()
    expect(await entries()).toBe(1)
    await put(30)
    t.nowUs += DAY_US
    await maintenance.soon()
    expect(await entries()).toBe(0)
  })

  test('and half taken back, it deletes by the half after them', async () => {
    await put(0)
    await put(30)
    t.nowUs += DAY_US
    expect(await left()).toBe(2)
  })

  test('a name that changes meanwhile changes nothing of it', async () => {
    await put(7)
    await control.putOrg('acme', { name: 'Acme' })
    expect(await left()).toBe(3)
  })
})

test('monthly totals outlive the sessions by 400 days, and no longer', async () => {
  await control.putOrg('acme', { retentionDays: 30 })
  await t.send('acme', 1, batch(1, [session(1, { ...age(10), bytesTx: 111 })]))
  const before = await months()
  expect(before).toMatchObject([{ month: '2026-11', id: '1', sessions: 1, bytesTx: 111 }])
  for (const days of [60, 380]) {
    t.nowUs += days * DAY_US
    await maintenance.soon()
    if (days === 60) expect([await count(), await months()]).toEqual([0, before])
  }
  expect(await months()).toEqual([])
})

test('sessions of an earlier run of a meter are closed by the clock', async () => {
  await t.send('acme', 1, batch(1, [session(1, { ...age(0), endReason: 'activeTimeout' })]))
  const next = report({ startedAt: '2026-11-21T00:00:00.000Z' })
  await t.send('acme', 1, batch(2, [], { report: next }))
  maintenance.start()
  await maintenance.soon('nobody')
  expect(await t.store.closeInterrupted()).toBe(0)
  expect(await t.store.count('acme', { ...ALWAYS, state: 'interrupted' })).toBe(1)
})

test('a start with a wrong clock deletes nothing that is not due, and the next one knows the time', async () => {
  await control.putOrg('acme', { retentionDays: 30 }, { deletesNow: true })
  await t.send('acme', 1, batch(1, [session(1, age(0)), session(2, age(29)), session(3, age(40))]))
  const wrong = new Maintenance({
    store: t.store,
    control,
    metrics: new ServerMetrics(() => t.store.stats()),
    log: createLogger('silent'),
    usageDays: 400,
    auditDays: 400,
    clock: clockAt(60),
  })
  await wrong.soon()
  await wrong.stop()
  expect(await count()).toBe(2)
  expect(await control.believedMs()).toBe(t.nowUs / 1e3)
})

test('what is stored of a removed organisation goes, also when the server ended before; others keep theirs', async () => {
  await control.putOrg('other', { retentionDays: -1 })
  for (const org of ['acme', 'other']) await t.send(org, 1, batch(1, [session(1), session(2)]))
  const files = async () => [
    await count(),
    (await t.store.meters('acme')).length,
    (await months()).length,
  ]
  expect(await files()).toEqual([2, 1, 1])
  await control.removeOrg('acme')
  // As a server that starts again finds it.
  maintenance.start()
  await maintenance.soon()
  expect(await files()).toEqual([0, 0, 0])
  expect([await control.removals.going(), await t.store.count('other', ALWAYS)]).toEqual([[], 2])
  await t.reopen()
  expect((await t.store.meters('other')).length).toBe(1)
})

test('it goes on after a run that could not read the settings', async () => {
  const orgs = vi.spyOn(control, 'orgs').mockImplementationOnce(() => {
    throw new Error('the database does not answer')
  })
  await maintenance.soon()
  await maintenance.soon()
  expect(orgs).toHaveBeenCalledTimes(2)
})
