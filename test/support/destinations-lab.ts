/**
 * Destinations on a real store for tests, with a receiver that answers as the test says. The exported variables are those
 * of the test that runs.
 */
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { createLogger } from '../../src/base/log.js'
import { LmdbControl } from '../../src/server/control/lmdb/lmdb-control.js'
import type { Courier } from '../../src/server/destinations/courier.js'
import { Destinations } from '../../src/server/destinations/destinations.js'
import { LmdbRecords } from '../../src/server/destinations/lmdb-records.js'
import { Secrets } from '../../src/server/destinations/secrets.js'
import type { Wanted } from '../../src/server/destinations/wanted.js'
import type { Session } from '../../src/session/session.js'
import { session as sessionOf } from './batches.js'
import { type Received, Receiver } from './receiver.js'
import { TestStore } from './store.js'

export const HOUR_MS = 3600e3
export const BASE_US = Date.now() * 1e3 - 3600e6

/** The same whenever it is asked for. */
export function session(n: number, change: Partial<Session> = {}): Session {
  const startTimeUs = BASE_US + n * 1e6
  return sessionOf(n, { startTimeUs, endTimeUs: startTimeUs + 1000, ...change })
}

export let t: TestStore
export let control: LmdbControl
export let receiver: Receiver
export let destinations: Destinations
export let records: LmdbRecords
/** Ahead of the machine's clock: what is put off is due when the test says so. */
let aheadMs = 0

function open(): Destinations {
  records = new LmdbRecords(control)
  return new Destinations({
    store: t.store,
    records,
    secrets: new Secrets(t.directory),
    guard: { allowPlain: true, allowPrivate: true },
    log: createLogger('error'),
    version: '1.2.3',
    clockMs: () => Date.now() + aheadMs,
  })
}

/** Call it once in a file of tests. */
export function useDestinations(): void {
  beforeEach(async () => {
    aheadMs = 0
    t = await TestStore.open()
    control = new LmdbControl(join(t.directory, 'control'))
    await control.putOrg('acme', { retentionDays: -1 })
    await control.putOrg('other', { retentionDays: -1 })
    receiver = await Receiver.start()
    destinations = open()
    await destinations.start()
  })
  afterEach(async () => {
    await destinations.stop()
    await receiver.close()
    await control.close()
    await t.close()
  })
}

/** The clock of the destinations. */
export function goOn(ms: number): void {
  aheadMs += ms
}

export function openAgain(): void {
  destinations = open()
}

export const wanted = (change: Partial<Wanted> = {}): Wanted => ({
  name: 'siem',
  kind: 'webhook',
  records: 'sessions',
  settings: { url: receiver.url, format: 'ndjson', gzip: false, headers: {} },
  secrets: {},
  query: '',
  columns: null,
  eventsMax: 1000,
  bytesMax: 2 ** 20,
  fillSeconds: 0,
  pseudonyms: null,
  openSeconds: 0,
  ...change,
})
export const add = (change: Partial<Wanted> = {}) => destinations.create('acme', wanted(change))
export const ids = (requests?: readonly Received[]) =>
  receiver.events(requests).map((e) => e.sessionId)
export const sent = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => session(from + i))
export const idOf = (n: number) => session(n).sessionId
/** The one that runs now. */
export const current = (courier: Courier): Courier =>
  destinations.mine().find(({ record }) => record.id === courier.record.id)!
/** What it waits for is over. */
export const later = async (courier: Courier) => {
  aheadMs += HOUR_MS
  await destinations.pause('acme', courier.record.id, false)
}

export async function restart(): Promise<void> {
  await destinations.stop()
  destinations = open()
  await destinations.start()
}
