/** Simulated meters over a real store, and the question what is missing. The truth is what a test did. */
import { afterEach, beforeEach } from 'vitest'
import { completenessOf } from '../../src/server/query/completeness.js'
import type { Hole } from '../../src/server/query/holes.js'
import type { Span } from '../../src/server/store/store.js'
import type { Batch, MeterReport } from '../../src/session/batch.js'
import { batch, report } from './batches.js'
import { TestStore } from './store.js'

export const MINUTE_US = 60e6
const SILENCE_US = 600e6
export const T0_US = Date.UTC(2026, 10, 27, 2) * 1e3

/** The store of the present test. */
export let t: TestStore

/** Opens a store at T0_US for each test of the file, and closes it. */
export function eachWithItsStore(): void {
  beforeEach(async () => {
    t = await TestStore.open()
    t.nowUs = T0_US
  })
  afterEach(() => t.close())
}

export const iso = (us: number) => new Date(us / 1e3).toISOString()
export const at = (minutes: number) => T0_US + minutes * MINUTE_US

/** A meter whose reports a test makes one by one. */
export class SimulatedMeter {
  #batch = 0
  #startedUs = 0
  readonly meterId: string
  readonly siteId: number

  constructor(meterId: string, siteId = 1) {
    this.meterId = meterId
    this.siteId = siteId
  }

  start(us: number): void {
    this.#startedUs = us
  }

  /** A batch that never comes. */
  lose(): void {
    this.#batch++
  }

  make(us: number, change: Partial<MeterReport> = {}, more: Partial<Batch> = {}): Batch {
    this.#batch++
    const its = report({ startedAt: iso(this.#startedUs), at: iso(us), ...change })
    return batch(this.#batch, [], { meterId: this.meterId, spoolId: 's1', report: its, ...more })
  }

  async report(us: number, change: Partial<MeterReport> = {}, more: Partial<Batch> = {}) {
    t.nowUs = us
    await t.send('acme', this.siteId, this.make(us, change, more))
  }
}

/** One run that reports each minute of the range; `reports` may leave some out. */
export async function run(meter: SimulatedMeter, from: number, to: number) {
  meter.start(at(from))
  for (let minute = from; minute <= to; minute++) await meter.report(at(minute))
}

export async function ask(
  from: number,
  to: number,
  siteIds: readonly number[] = [],
  removedUs?: number,
) {
  const range: Span = { fromUs: at(from), toUs: at(to) }
  const coverage = await t.store.coverage('acme', range, siteIds.length > 0 ? siteIds : undefined)
  const meters = coverage.meters.map((m) => (removedUs === undefined ? m : { ...m, removedUs }))
  return completenessOf(
    { ...coverage, meters },
    {
      range,
      nowUs: t.nowUs,
      silenceUs: SILENCE_US,
      siteIds: [...siteIds],
    },
  )
}

/** cause, from and to in minutes. */
export function shown(holes: readonly Hole[]): unknown[] {
  const minutes = (us: number): number => Math.round(((us - T0_US) / MINUTE_US) * 10) / 10
  return holes.map((h) => [h.cause, minutes(h.fromUs), minutes(h.toUs)])
}
export const holesOf = async (from: number, to: number) =>
  shown((await ask(from, to))[0]!.meters.flatMap((m) => m.holes))
