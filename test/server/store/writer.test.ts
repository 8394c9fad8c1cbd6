/** The one writer under constant load. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBConnection } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Database } from '../../../src/server/store/duckdb/database.js'
import type { Writer } from '../../../src/server/store/duckdb/write/writer.js'
import { batch, session } from '../../support/batches.js'
import { stored } from '../../support/store.js'
import { openWriter } from '../../support/writer.js'

const MiB = 2 ** 20
/** Ten batches or so. */
const WAL_BYTES = 256 * 1024

let directory = ''
let database: Database
let writer: Writer

async function open(rollRows: number): Promise<void> {
  database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
  writer = await openWriter(database, directory, { rollRows, walBytes: WAL_BYTES })
}

async function close(): Promise<void> {
  await writer.close()
  await database.close()
}

/** @returns what to call when they work again */
function refuseRollups(): () => void {
  const { run } = DuckDBConnection.prototype
  const spy = vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
    this: DuckDBConnection,
    ...given
  ) {
    if (given[0].startsWith('UPDATE rollup_state')) return Promise.reject(new Error('refused'))
    return run.apply(this, given)
  })
  return () => spy.mockRestore()
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-writer-'))
})
afterEach(async () => {
  await close()
  rmSync(directory, { recursive: true, force: true })
})

function submit(number: number) {
  const sessions = Array.from({ length: 200 }, (_, i) =>
    stored(session(number * 1000 + i), 'acme', 1, 'meter-1'),
  )
  return writer.submit({ orgId: 'acme', siteId: 1, batch: batch(number, []), sessions })
}

test('roll-ups that follow one another do not keep the log from being folded', async () => {
  // A roll-up is due after each group.
  await open(1)
  let number = 0
  // Another batch waits whenever a group is committed.
  const sender = async () => {
    while (number < 400 && writer.stats.checkpoints < 2) await submit(++number)
  }
  await Promise.all(Array.from({ length: 8 }, sender))
  expect(writer.stats.checkpoints).toBeGreaterThanOrEqual(2)
})

test('sums that could not be made for long are made a part at a time', async () => {
  await open(400)
  const accept = refuseRollups()
  // Commits of 200, numbered from 1: eight are the most at once.
  for (let number = 1; number <= 20; number++) {
    await submit(number)
    await writer.idle()
  }
  accept()
  const { run } = DuckDBConnection.prototype
  const rolled: string[] = []
  const spy = vi.spyOn(DuckDBConnection.prototype, 'run')
  spy.mockImplementation(function (this: DuckDBConnection, ...given) {
    if (given[0].startsWith('UPDATE rollup_state')) rolled.push(/\d+/.exec(given[0])![0])
    return run.apply(this, given)
  })
  await submit(21)
  await submit(22)
  await writer.idle()
  spy.mockRestore()
  const steps = rolled.map((upTo, i) => Number(upTo) - Number(rolled[i - 1] ?? 0))
  expect(Math.max(...steps)).toBe(8)
  expect(steps.reduce((sum, commits) => sum + commits, 0)).toBeGreaterThanOrEqual(21)
  const connection = await database.connect()
  const left = await connection.runAndReadAll(
    `SELECT (SELECT sum(sessions) FROM rollup_hour WHERE dim = 4)::DOUBLE,
       (SELECT count(*) FROM session, rollup_state WHERE arrival <= rolled)::DOUBLE`,
  )
  const [summed, counted] = left.getRows()[0]!
  expect(summed).toBe(counted)
})

test('sums that cannot be made are tried again with more sessions, and keep nobody from starting', async () => {
  await open(400)
  const accept = refuseRollups()
  for (const number of [1, 2, 3, 4, 5]) {
    await submit(number)
    await writer.idle()
  }
  // After 400 sessions and after 400 more.
  expect(writer.stats.failedRollups).toBe(2)
  await close()
  await open(400)
  expect(writer.stats.failedRollups).toBe(1)
  await submit(6)
  await writer.idle()
  expect(writer.stats.failedRollups).toBe(1)
  accept()
  await submit(7)
  await writer.idle()
  const connection = await database.connect()
  const rows = await connection.runAndReadAll(
    'SELECT count(*)::DOUBLE FROM session, rollup_state WHERE arrival > rolled',
  )
  expect(rows.getRows()[0]![0]).toBe(0)
  expect(writer.stats.failedRollups).toBe(1)
})
