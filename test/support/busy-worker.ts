/**
 * A store that does all it can do at once, until it is killed: DIRECTORY, then the first batch of each site (busy-store.ts).
 * Lines of stdout: `a SITE BATCH` when a batch is acknowledged, `p PHASE` and `e PHASE` when one begins and has ended;
 * `e erase BATCH`: what site 3 had sent when it began.
 */
import { EventEmitter, once } from 'node:events'
import { rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { AppError } from '../../src/base/errors.js'
import { readLogged } from '../../src/server/ingest/logged.js'
import { DuckStore } from '../../src/server/store/duckdb/duck-store.js'
import { batch } from './batches.js'
import {
  CUT_US,
  GONE,
  NOW_US,
  ORG,
  type Phase,
  SITES,
  type SiteId,
  sessionsOf,
} from './busy-store.js'
import { ALWAYS } from './store.js'

const MiB = 2 ** 20
const [directory = '', ...firsts] = process.argv.slice(2)

const store = await DuckStore.open({
  directory,
  memoryBytes: 256 * MiB,
  threads: 2,
  readLogged,
  rollRows: 300,
  walBytes: MiB / 4,
  clockUs: () => NOW_US,
})
/**
 * Batches that each site may have sent. It grows with what else the store has done, so that on a slow machine, too, a life
 * has few enough sessions to be checked.
 */
let allowed = 10
const ALLOWED_FOR_PHASE = 3
const phases = new EventEmitter()
const acknowledged = new Map<SiteId, number>()

const say = (...words: readonly (string | number)[]): number => writeSync(1, `${words.join(' ')}\n`)

async function meter(siteId: SiteId, first: number): Promise<void> {
  for (let number = first; ; number++) {
    while (number - first >= allowed) await once(phases, 'ended')
    const what = batch(number, [], { meterId: `meter-${siteId}` })
    const request = { orgId: ORG, siteId, batch: what, sessions: sessionsOf(siteId, number) }
    while (!(await isTaken(store.write(request)))) await setTimeout(10)
    acknowledged.set(siteId, number)
    say('a', siteId, number)
  }
}

/** False: the store is behind, and a meter sends the batch again later. */
function isTaken(writing: Promise<unknown>): Promise<boolean> {
  return writing.then(
    () => true,
    (error: unknown) => {
      if (error instanceof AppError && error.code === 'STORE_BUSY') return false
      throw error
    },
  )
}

async function again(phase: Phase, work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    say('p', phase)
    const result = await work()
    say('e', phase, String(result))
    allowed += ALLOWED_FOR_PHASE
    phases.emit('ended')
  }
}

const byTime = { key: 'startTime', descending: false } as const
const copy = join(directory, 'copy')
await Promise.all([
  ...SITES.map((siteId, i) => meter(siteId, Number(firsts[i] ?? 1))),
  again('retention', () => store.expire(ORG, CUT_US)),
  again('erase', async () => {
    const upTo = acknowledged.get(3) ?? 0
    await store.erase(ORG, { userId: GONE })
    return upTo
  }),
  again('backup', async () => {
    rmSync(copy, { recursive: true, force: true })
    await store.backup(copy)
  }),
  again('export', async () => {
    for await (const _ of store.csv(ORG, ALWAYS, byTime));
  }),
  again('close', () => store.closeInterrupted()),
])
