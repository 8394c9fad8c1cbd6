/** The one writer under constant load. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Database } from '../../src/store/duckdb/database.js'
import { Writer } from '../../src/store/duckdb/writer.js'
import { batch, session } from '../support/batches.js'
import { stored } from '../support/store.js'

const MiB = 2 ** 20
/** Ten batches or so. */
const WAL_BYTES = 256 * 1024

let directory = ''
let database: Database
let writer: Writer

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-writer-'))
  database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
  // So few that a roll-up is due after each group.
  const options = { directory, clockUs: () => Date.now() * 1e3, rollRows: 1, walBytes: WAL_BYTES }
  writer = (await Writer.open(database, options)).writer
})
afterEach(async () => {
  await writer.close()
  await database.close()
  rmSync(directory, { recursive: true, force: true })
})

function submit(number: number) {
  const sessions = Array.from({ length: 200 }, (_, i) =>
    stored(session(number * 1000 + i), 'acme', 1, 'meter-1'),
  )
  return writer.submit('acme', 1, batch(number, []), sessions)
}

test('roll-ups that follow one another do not keep the log from being folded', async () => {
  let number = 0
  // Another batch waits whenever a group is committed.
  const sender = async () => {
    while (number < 400 && writer.stats.folds < 2) await submit(++number)
  }
  await Promise.all(Array.from({ length: 8 }, sender))
  expect(writer.stats.folds).toBeGreaterThanOrEqual(2)
})
