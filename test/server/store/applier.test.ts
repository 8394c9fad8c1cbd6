/** What is acknowledged before the database has it, when the database is busy or does not take it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { DuckDBConnection } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import { Database } from '../../../src/server/store/duckdb/database.js'
import { DuckStore } from '../../../src/server/store/duckdb/duck-store.js'
import type { SiteBatch } from '../../../src/server/store/duckdb/write/group-commit.js'
import type { Writer } from '../../../src/server/store/duckdb/write/writer.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, stored } from '../../support/store.js'
import { openWriter } from '../../support/writer.js'

const MiB = 2 ** 20
type Given = Omit<SiteBatch, 'receivedUs'>

const run = DuckDBConnection.prototype.run

let directory = ''
let database: Database
let writer: Writer
let other: DuckDBConnection
let letGo: () => void = () => undefined

function given(number: number, change: Partial<NonNullable<Given['batch']>> = {}): Given {
  const sessions = [1, 2, 3].map((i) => stored(session(number * 1000 + i), 'acme', 1, 'meter-1'))
  return { orgId: 'acme', siteId: 1, batch: batch(number, [], { ...change }), sessions }
}

const count = async (table = 'session') => {
  const rows = await other.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${table}`)
  return rows.getRows()[0]![0]
}

async function open(walBytes = 64 * MiB, behindSessions = 1e6): Promise<void> {
  database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
  writer = await openWriter(database, directory, { rollRows: 1e6, walBytes, behindSessions })
  other = await database.connect()
}

async function close(): Promise<void> {
  await writer.close()
  await database.close()
}

/** Resolves when a chore is at work; nothing is applied until letGo(). */
async function holdUp(): Promise<void> {
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  await new Promise<void>((begun) => {
    void writer.betweenGroups(() => {
      begun()
      return held
    })
  })
}

/** No commit of this meter until the transaction of another connection ends. */
async function refuseCommits(): Promise<void> {
  await other.run('BEGIN')
  await other.run('UPDATE meter SET received_us = received_us')
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-applier-'))
  await open()
  await writer.submit(given(1))
  await writer.applied()
})
afterEach(async () => {
  letGo()
  await close()
  rmSync(directory, { recursive: true, force: true })
})

test('a batch is acknowledged while the chores are at work, and read when they have ended', async () => {
  await holdUp()
  expect(await writer.submit(given(2))).toEqual({ batch: 2, stored: 3, repeated: false })
  expect(writer.stats.waitingBatches).toBe(1)
  expect(await count()).toBe(3)
  const reading = writer.applied()
  letGo()
  await reading
  expect(await count()).toBe(6)
  expect(writer.stats.waitingBatches).toBe(0)
})

test('what a batch is, is known before the database has it', async () => {
  await holdUp()
  const as = (crc: number) => writer.submit(given(2, { spoolId: 'a', crc } as never))
  const receipts = await Promise.all([as(7), as(7), as(8), writer.submit(given(1))])
  expect(receipts.map((r) => [r.repeated, r.conflict])).toEqual([
    [false, undefined],
    [true, undefined],
    [false, true],
    [true, undefined],
  ])
  expect(writer.stats.waitingBatches).toBe(1)
  letGo()
  await writer.applied()
  expect(await count()).toBe(6)
})

test('a read waits for what was acknowledged before it began, and for nothing later', async () => {
  await holdUp()
  await writer.submit(given(2))
  let read = false
  const reading = writer.applied().then(() => {
    read = true
  })
  await writer.submit(given(3))
  const later = writer.applied()
  expect(read).toBe(false)
  letGo()
  await reading
  expect(await count()).toBeGreaterThanOrEqual(6)
  await later
  expect(await count()).toBe(9)
})

test('a read that cannot wait any longer is answered, and counted', async () => {
  await holdUp()
  await writer.submit(given(2))
  expect(await writer.applied(1)).toEqual({ batches: 1, sessions: 3 })
  expect(writer.stats).toMatchObject({ lateReads: 1, waitingBatches: 1, waitingSessions: 3 })
})

test('what is acknowledged ahead of the database has a bound, and goes on below it', async () => {
  await close()
  await open(64 * MiB, 6)
  await holdUp()
  await writer.submit(given(2))
  await writer.submit(given(3))
  await expect(writer.submit(given(4))).rejects.toMatchObject({ code: 'STORE_BUSY' })
  expect(writer.stats).toMatchObject({ waitingBatches: 2, waitingSessions: 6 })
  letGo()
  await writer.applied()
  expect(await writer.submit(given(4))).toEqual({ batch: 4, stored: 3, repeated: false })
  await writer.applied()
  expect(await count()).toBe(12)
  expect(writer.stats).toMatchObject({ waitingBatches: 0, waitingSessions: 0 })
})

test('a read does not wait for what the database refuses, and asks for it again', async () => {
  await refuseCommits()
  await writer.submit(given(2))
  await writer.applied()
  expect(writer.stats).toMatchObject({ waitingBatches: 1, refusedBatches: 0 })
  await other.run('ROLLBACK')
  await writer.applied()
  expect(await count()).toBe(6)
  expect(writer.stats.waitingBatches).toBe(0)
})

test('a read during the chores after a refusal is answered', async () => {
  await refuseCommits()
  await writer.submit(given(2))
  await writer.applied()
  await holdUp()
  const reading = writer.applied()
  letGo()
  await reading
  await other.run('ROLLBACK')
  await writer.applied()
  expect(await count()).toBe(6)
})

test('the log holds no more of a batch than the database is given', async () => {
  const request = batch(2, [session(2001, { userId: 'not-to-be-stored' })])
  await writer.submit({ orgId: 'acme', siteId: 1, batch: request, sessions: [] })
  const log = join(directory, 'log')
  const text = readdirSync(log).map((name) => readFileSync(join(log, name), 'latin1'))
  expect(text.join('')).toContain('"batch":2')
  expect(text.join('')).not.toContain('not-to-be-stored')
})

test('losses that together are more than a whole number can say cost no batch', async () => {
  const sessionsDropped = { one: Number.MAX_SAFE_INTEGER, two: Number.MAX_SAFE_INTEGER }
  await writer.submit(given(2, { meterId: 'strange', report: report({ sessionsDropped }) }))
  await writer.applied()
  expect(await count()).toBe(6)
})

test('a batch that the database refuses keeps out no other, and is a loss that is shown', async () => {
  await holdUp()
  await writer.submit(given(2))
  // No caller sends such a thing: it stands for what a check has missed.
  await writer.submit(given(3, { meterId: 'strange', report: report({ startedAt: 'no time' }) }))
  await writer.submit(given(4))
  letGo()
  await writer.applied()
  expect(await count()).toBe(9)
  expect(writer.stats).toMatchObject({ waitingBatches: 0, refusedBatches: 1 })
  expect(await count("batch_gap WHERE reason = 'storeRefused' AND sessions = 3")).toBe(1)
})

test('the number of a batch that the database refuses is booked: it is not missing, too', async () => {
  await holdUp()
  const wrong = report({ startedAt: 'no time' })
  await writer.submit(given(2, { report: wrong }))
  await writer.submit(given(3))
  await writer.submit(given(1, { report: wrong, meterId: 'strange' }))
  letGo()
  await writer.applied()
  expect(writer.stats.refusedBatches).toBe(2)
  expect(await count("batch_gap WHERE reason = 'missing'")).toBe(0)
  expect(await count('meter_life WHERE last_batch = 3')).toBe(1)
  expect(await writer.submit(given(2, { report: wrong }))).toMatchObject({ repeated: true })
})

test('a server that is killed has what it acknowledged when it starts again, once', async () => {
  await holdUp()
  await writer.submit(given(2))
  await writer.submit({ ...given(3), batch: null })
  const copy = mkdtempSync(join(tmpdir(), 'tunmeter-applier-copy-'))
  try {
    cpSync(directory, copy, { recursive: true })
    for (const entries of [2, 0]) {
      const told: unknown[] = []
      // On a busy machine it says that sums took long, too.
      const progress = (what: string, facts: unknown) =>
        what.startsWith('sums') || told.push([what, facts])
      const store = await DuckStore.open({
        directory: copy,
        memoryBytes: 256 * MiB,
        threads: 1,
        readLogged,
        progress,
      })
      expect(await store.count('acme', ALWAYS)).toBe(9)
      expect(told).toEqual(
        entries === 0 ? [] : [['applying the log to the database', { entries, lost: 0 }]],
      )
      await store.close()
    }
    // The log is gone, as in a backup that was restored: another one begins.
    rmSync(join(copy, 'log'), { recursive: true })
    const store = await DuckStore.open({
      directory: copy,
      memoryBytes: 256 * MiB,
      threads: 1,
      readLogged,
    })
    await store.write({ ...given(5), batch: given(5).batch! })
    expect(await store.count('acme', ALWAYS)).toBe(12)
    await store.close()
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
})

test('the journal of an earlier version moves into the log', async () => {
  await close()
  const json = Buffer.from(JSON.stringify(given(2)))
  const hex = (value: number) => value.toString(16).padStart(8, '0')
  const entry = Buffer.concat([
    Buffer.from(`${hex(json.length)} ${hex(crc32(json))}\n`),
    json,
    Buffer.from('\n'),
  ])
  writeFileSync(join(directory, 'journal'), Buffer.concat([entry, entry, entry.subarray(0, 99)]))
  const store = await DuckStore.open({ directory, memoryBytes: 256 * MiB, threads: 1, readLogged })
  expect(await store.count('acme', ALWAYS)).toBe(6)
  await store.close()
  expect(readdirSync(directory)).toContain('journal.unread')
  expect(readdirSync(directory)).not.toContain('journal')
  await open()
})

test('while others have the turn, batches are applied, revisions of what is to be summed up, too', async () => {
  await close()
  database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
  // Due at once, and waiting for the turn.
  writer = await openWriter(database, directory, { rollRows: 1, walBytes: 64 * MiB })
  other = await database.connect()
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const holding = writer.mutex.run(() => held)
  const closing = writer.closeInterrupted()
  for (let number = 2; number <= 6; number++) await writer.submit(given(number))
  const more = { packetsTx: 99, bytesTx: 99_000 }
  const revised = [1, 2, 3].map((i) => stored(session(2000 + i, more), 'acme', 1, 'meter-1'))
  await writer.submit({ ...given(7), sessions: revised })
  expect(await writer.applied(Number.POSITIVE_INFINITY)).toBeNull()
  const rows = await other.runAndReadAll('SELECT count(*)::INT, sum(packets_tx)::INT FROM session')
  const expected = [18, 15 * 10 + 3 * 99]
  expect(rows.getRows()).toEqual([expected])
  letGo()
  await Promise.all([holding, closing])
  await writer.idle()
  const sums = `SELECT sum(sessions)::INT, sum(packets_tx)::INT FROM rollup_hour WHERE dim = 5`
  await writer.submit(given(8))
  await writer.applied()
  await writer.idle()
  expect((await other.runAndReadAll(sums)).getRows()).toEqual([[21, expected[1]! + 30]])
})

test('a chore that fails while sums are due leaves the way free', async () => {
  await close()
  database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
  writer = await openWriter(database, directory, { rollRows: 1, walBytes: 64 * MiB })
  other = await database.connect()
  const failing = vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
    this: DuckDBConnection,
    ...args
  ) {
    if (String(args[0]).includes('closing')) throw new Error('IO Error: no space left on device')
    return run.apply(this, args)
  })
  const closing = writer.closeInterrupted()
  const submitted = [2, 3, 4, 5, 6].map((number) => writer.submit(given(number)))
  await expect(closing).rejects.toThrow(/no space/)
  failing.mockRestore()
  await Promise.all(submitted)
  expect(await writer.applied(Number.POSITIVE_INFINITY)).toBeNull()
  expect(await count()).toBe(18)
})

test('a write-ahead log is not folded into a file that has no room for it', async () => {
  await close()
  await open(1)
  // Room for the batch, and none once it is in the write-ahead log.
  const room = vi.spyOn(database, 'freeBytes')
  room.mockImplementation(() => (database.walBytes() === 0 ? 1e12 : 10))
  await writer.submit(given(2))
  await writer.idle()
  expect(writer.stats).toMatchObject({ checkpoints: 0, failedCheckpoints: 1 })
  expect(database.walBytes()).toBeGreaterThan(0)
  room.mockRestore()
  await writer.submit(given(3))
  await writer.idle()
  expect(writer.stats).toMatchObject({ checkpoints: 1, failedCheckpoints: 1 })
  expect(database.walBytes()).toBe(0)
})
