/** The journal when the database does not take what it holds, or the file is not to be written. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Database } from '../../../src/server/store/duckdb/database.js'
import type { SiteBatch } from '../../../src/server/store/duckdb/write/group-commit.js'
import { Journal } from '../../../src/server/store/duckdb/write/journal.js'
import {
  APPLY_SESSIONS_MAX,
  JOURNAL_SESSIONS_MAX,
} from '../../../src/server/store/duckdb/write/journaled.js'
import { Writer } from '../../../src/server/store/duckdb/write/writer.js'
import { batch, report, session } from '../../support/batches.js'
import { stored } from '../../support/store.js'

const MiB = 2 ** 20

let directory = ''
let database: Database
let writer: Writer
let other: DuckDBConnection
let letGo: () => void = () => undefined

function given(number: number, change: Partial<SiteBatch['batch']> = {}): SiteBatch {
  const sessions = [1, 2, 3].map((i) => stored(session(number * 1000 + i), 'acme', 1, 'meter-1'))
  return { orgId: 'acme', siteId: 1, batch: batch(number, [], { ...change }), sessions }
}

const submit = (b: SiteBatch) => writer.submit(b.orgId, b.siteId, b.batch, b.sessions)
const count = async () => {
  const rows = await other.runAndReadAll('SELECT count(*)::DOUBLE FROM session')
  return rows.getRows()[0]![0]
}

async function open(walBytes = 64 * MiB): Promise<void> {
  database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
  const options = { directory, clockUs: () => Date.now() * 1e3, rollRows: 1e6, walBytes }
  writer = (await Writer.open(database, options)).writer
  other = await database.connect()
}

async function close(): Promise<void> {
  await writer.close()
  await database.close()
}

/** Resolves when the chores are at work; one of them waits for somebody else's turn then, until letGo(). */
async function holdUp(): Promise<void> {
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const first = writer.closeInterrupted().then(() => void writer.turns.run(() => held))
  void writer.closeInterrupted()
  await first
}

/** No commit of this meter until the transaction of another connection ends. */
async function refuseCommits(): Promise<void> {
  await other.run('BEGIN')
  await other.run('UPDATE meter SET received_us = received_us')
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-journal-faults-'))
  await open()
  await submit(given(1))
})
afterEach(async () => {
  letGo()
  await close()
  rmSync(directory, { recursive: true, force: true })
})

test('a read does not wait for what the database refuses, and asks for it again', async () => {
  await holdUp()
  await submit(given(2))
  await refuseCommits()
  letGo()
  await writer.idle()
  expect(writer.stats.journalBytes).toBeGreaterThan(0)
  await writer.applied()
  await other.run('ROLLBACK')
  expect(await count()).toBe(3)
  await writer.applied()
  expect(await count()).toBe(6)
  expect(writer.stats.journalBytes).toBe(0)
})

test('a read that comes during the chores after a refusal is answered', async () => {
  await holdUp()
  await submit(given(2))
  await refuseCommits()
  letGo()
  await writer.idle()
  await holdUp()
  const reading = writer.applied()
  letGo()
  await reading
  await other.run('ROLLBACK')
  await writer.applied()
  expect(await count()).toBe(6)
})

test('a batch that waits is committed before all that was journaled', async () => {
  await holdUp()
  const full = (number: number): SiteBatch => {
    const ids = Array.from({ length: APPLY_SESSIONS_MAX }, (_, i) => number * 10_000 + i)
    return { ...given(number), sessions: ids.map((i) => stored(session(i), 'acme', 1, 'meter-1')) }
  }
  const journaled = JOURNAL_SESSIONS_MAX / APPLY_SESSIONS_MAX - 1
  for (let number = 2; number < 2 + journaled; number++) await submit(full(number))
  const waiting = submit(full(100))
  letGo()
  await waiting
  expect(writer.stats.journalBytes).toBeGreaterThan(0)
  await writer.applied()
  expect(writer.stats).toMatchObject({ journalBytes: 0, journaledBatches: journaled })
  expect(await count()).toBe(3 + (journaled + 1) * APPLY_SESSIONS_MAX)
})

test('the journal holds no more of a batch than the database is given', async () => {
  await holdUp()
  const request = batch(2, [session(2001, { userId: 'not-to-be-stored' })])
  await submit({ orgId: 'acme', siteId: 1, batch: request, sessions: [] })
  expect(writer.stats.journaledBatches).toBe(1)
  expect(readFileSync(join(directory, 'journal'), 'utf8')).not.toContain('not-to-be-stored')
})

test('losses that together are more than a whole number can say cost no batch', async () => {
  const sessionsDropped = { one: Number.MAX_SAFE_INTEGER, two: Number.MAX_SAFE_INTEGER }
  await submit(given(2, { meterId: 'strange', report: report({ sessionsDropped }) }))
  expect(await count()).toBe(6)
})

/** No caller sends such a thing: it stands for what a check has missed. */
function refusedAlways(number: number): SiteBatch {
  return given(number, { meterId: 'strange', report: report({ startedAt: 'no time' }) })
}

test('a batch that the database refuses keeps out no other, nor the next start', async () => {
  await holdUp()
  await submit(given(2))
  await submit(refusedAlways(3))
  await submit(given(4))
  letGo()
  await writer.applied()
  expect(await count()).toBe(9)
  // The file does not grow while it cannot be cut back.
  const { journalBytes } = writer.stats
  expect(journalBytes).toBeGreaterThan(0)
  await holdUp()
  const waiting = submit(given(5))
  letGo()
  await waiting
  expect(writer.stats).toMatchObject({ journalBytes, journaledBatches: 3 })
  await close()
  await open()
  expect(await count()).toBe(12)
  expect(writer.stats.journalBytes).toBe(0)
  const aside = await Journal.open(join(directory, 'journal.refused'))
  await aside.journal.close()
  expect(aside.leftovers.batches.map((b) => b.batch?.batch)).toEqual([3])
})

test('a log is not folded into a file that has no room for it', async () => {
  await close()
  await open(1)
  const room = vi.spyOn(database, 'freeBytes').mockReturnValue(10)
  await submit(given(2))
  await writer.idle()
  expect(writer.stats).toMatchObject({ folds: 0, failedFolds: 1 })
  expect(database.walBytes()).toBeGreaterThan(0)
  room.mockRestore()
  await submit(given(3))
  await writer.idle()
  expect(writer.stats).toMatchObject({ folds: 1, failedFolds: 1 })
  expect(database.walBytes()).toBe(0)
})
