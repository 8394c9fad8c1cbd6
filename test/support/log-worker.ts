/**
 * A store that checkpoints and sums up all the time, and four meters that send to it; every acknowledged batch is a line of
 * stdout. Runs until it is killed: DIRECTORY FIRST_BATCH
 */
import { writeSync } from 'node:fs'
import { readLogged } from '../../src/server/ingest/logged.js'
import { DuckStore } from '../../src/server/store/duckdb/duck-store.js'
import { batch } from './batches.js'
import { logSessions } from './log-sessions.js'

const MiB = 2 ** 20
const [directory = '', first = '1'] = process.argv.slice(2)

const store = await DuckStore.open({
  directory,
  memoryBytes: 256 * MiB,
  threads: 2,
  readLogged,
  rollRows: 300,
  walBytes: MiB / 4,
})

async function meter(siteId: number): Promise<void> {
  for (let number = Number(first); ; number++) {
    const meterId = `meter-${siteId}`
    const sessions = logSessions(siteId, number, Number(first))
    await store.write({ orgId: 'acme', siteId, batch: batch(number, [], { meterId }), sessions })
    const { waitingBatches, checkpoints } = store.stats()
    writeSync(1, `${siteId} ${number} ${waitingBatches} ${checkpoints}\n`)
  }
}

await Promise.all([1, 2, 3, 4].map(meter))
