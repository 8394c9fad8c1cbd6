/** Batches that are acknowledged while the database is busy with itself. */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Database } from '../../../src/server/store/duckdb/database.js'
import { DuckStore } from '../../../src/server/store/duckdb/duck-store.js'
import type { SiteBatch } from '../../../src/server/store/duckdb/write/group-commit.js'
import { Journal } from '../../../src/server/store/duckdb/write/journal.js'
import { JOURNAL_SESSIONS_MAX } from '../../../src/server/store/duckdb/write/journaled.js'
import { Writer } from '../../../src/server/store/duckdb/write/writer.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, stored } from '../../support/store.js'

const MiB = 2 ** 20

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-journal-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function given(number: number, count = 3, change: { bytesTx?: number } = {}): SiteBatch {
  const sessions = Array.from({ length: count }, (_, i) =>
    stored(session(number * 1000 + i, change), 'acme', 1, 'meter-1'),
  )
  return { orgId: 'acme', siteId: 1, batch: batch(number, []), sessions }
}

describe('the file', () => {
  const file = () => join(directory, 'journal')

  test('holds what was appended, in order, until it is cleared', async () => {
    const first = await Journal.open(file())
    expect(first.leftovers).toEqual({ batches: [], unreadBytes: 0 })
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    const kept = [given(1), given(2, 0), given(3, 1)]
    await first.journal.append(kept.slice(0, 2))
    await first.journal.append(kept.slice(2))
    await first.journal.close()
    const second = await Journal.open(file())
    expect(second.leftovers.batches).toEqual(JSON.parse(JSON.stringify(kept)))
    expect(second.journal.bytes).toBe(statSync(file()).size)
    await second.journal.clear()
    await second.journal.append([given(9)])
    await second.journal.close()
    const third = await Journal.open(file())
    expect(third.leftovers.batches.map((b) => b.batch?.batch)).toEqual([9])
    await third.journal.close()
  })

  test('an entry that was cut off or damaged is dropped, those before it are kept', async () => {
    const { journal } = await Journal.open(file())
    await journal.append([given(1)])
    const whole = statSync(file()).size
    await journal.append([given(2)])
    await journal.close()
    const bytes = readFileSync(file())
    const place = fc.record({
      at: fc.integer({ min: whole, max: bytes.length - 1 }),
      cut: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(place, async ({ at, cut }) => {
        const changed = Buffer.from(bytes)
        changed[at]! ^= 1
        writeFileSync(file(), cut ? bytes.subarray(0, at) : changed)
        const opened = await Journal.open(file())
        expect(opened.leftovers.batches.map((b) => b.batch?.batch)).toEqual(
          // The last byte is only an end of line.
          !cut && at === bytes.length - 1 ? [1, 2] : [1],
        )
        const unread = opened.leftovers.unreadBytes
        expect(existsSync(`${file()}.unread`)).toBe(unread > 0)
        rmSync(`${file()}.unread`, { force: true })
        await opened.journal.close()
      }),
    )
  })

  test('it goes on by itself after a write and the cut back have failed', async () => {
    const { journal } = await Journal.open(file())
    await journal.append([given(1)])
    const handle = await openFile(file())
    const inside = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    const faults = [
      vi.spyOn(inside, 'datasync').mockRejectedValue(full),
      vi.spyOn(inside, 'truncate').mockRejectedValue(full),
    ]
    try {
      await expect(journal.append([given(2)])).rejects.toBe(full)
      await expect(journal.append([given(3)])).rejects.toThrow()
    } finally {
      for (const fault of faults) fault.mockRestore()
    }
    await journal.append([given(4)])
    await journal.close()
    const { journal: again, leftovers } = await Journal.open(file())
    expect(leftovers.batches.map((b) => b.batch?.batch)).toEqual([1, 4])
    expect(leftovers.unreadBytes).toBe(0)
    await again.close()
  })

  test('a file of something else is no journal', async () => {
    appendFileSync(file(), 'zzzzzzzz 00000000\n{}\n'.repeat(1000))
    const { journal, leftovers } = await Journal.open(file())
    expect(leftovers).toEqual({ batches: [], unreadBytes: 22_000 - 1000 })
    await journal.close()
  })
})

describe('while the chores are held up', () => {
  let database: Database
  let writer: Writer
  let letGo: () => void = () => undefined
  const count = async (where = 'true') => {
    const c = await database.lend()
    const rows = await c.runAndReadAll(`SELECT count(*)::DOUBLE FROM session WHERE ${where}`)
    database.release(c)
    return rows.getRows()[0]![0]
  }
  const submit = (b: SiteBatch) => writer.submit(b.orgId, b.siteId, b.batch, b.sessions)

  beforeEach(async () => {
    database = await Database.open({ directory, memoryBytes: 256 * MiB, threads: 1 })
    const options = {
      directory,
      clockUs: () => Date.now() * 1e3,
      rollRows: 1e6,
      walBytes: 64 * MiB,
    }
    writer = (await Writer.open(database, options)).writer
    await submit(given(1))
    // Somebody else's turn, for which the chore that is asked for waits.
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    void writer.turns.run(() => held)
    void writer.closeInterrupted()
  })
  afterEach(async () => {
    letGo()
    await writer.close()
    await database.close()
  })

  test('a batch is acknowledged, and in the database as soon as they have ended', async () => {
    expect(await submit(given(2))).toEqual({ batch: 2, stored: 3, repeated: false })
    expect(writer.stats).toMatchObject({ journaledBatches: 1, queuedBatches: 0, queuedSessions: 0 })
    expect(writer.stats.journalBytes).toBeGreaterThan(0)
    expect(await count()).toBe(3)
    let applied = false
    const reading = writer.applied().then(() => {
      applied = true
    })
    expect(applied).toBe(false)
    letGo()
    await reading
    expect(await count()).toBe(6)
    await writer.idle()
    expect(writer.stats.journalBytes).toBe(0)
  })

  test('of a number that is known nothing is written again', async () => {
    await submit(given(2))
    const { journalBytes } = writer.stats
    const again = [submit(given(1)), submit(given(2)), submit(given(3)), submit(given(3))]
    expect((await Promise.all(again)).map((receipt) => receipt.repeated)).toEqual([
      true,
      true,
      false,
      true,
    ])
    expect(writer.stats.journalBytes).toBeLessThan(3 * journalBytes)
    expect(writer.stats.journaledBatches).toBe(2)
    letGo()
    await writer.idle()
    expect(await count()).toBe(9)
    expect((await submit(given(3))).repeated).toBe(true)
  })

  test('what a journaled batch says of a session that is there counts', async () => {
    const better = given(1)
    const sessions = better.sessions.map((s) => ({ ...s, packetsTx: 999, bytesTx: 7 }))
    await submit({ ...better, batch: batch(2, []), sessions })
    letGo()
    await writer.idle()
    expect(await count('bytes_tx = 7')).toBe(3)
    expect(await count()).toBe(3)
  })

  test('it takes so many sessions and no more; the rest waits for the database', async () => {
    const some = { ...given(2), sessions: [] as SiteBatch['sessions'] }
    const many = Array.from({ length: JOURNAL_SESSIONS_MAX - 3 }, () => given(1).sessions[0]!)
    // The same id again and again: only their number matters.
    await submit({ ...some, sessions: many })
    let acknowledged = 0
    const waiting = [given(3), given(4)].map((b) => submit(b).then(() => acknowledged++))
    await setImmediate()
    expect(acknowledged).toBe(0)
    expect(writer.stats).toMatchObject({ journaledBatches: 1, queuedBatches: 2, queuedSessions: 6 })
    letGo()
    await Promise.all(waiting)
    expect(await count()).toBe(9)
  })

  test('a server that is killed then has them when it starts again, once', async () => {
    await submit(given(2))
    await submit({ ...given(3), batch: null })
    const copy = mkdtempSync(join(tmpdir(), 'tunmeter-journal-copy-'))
    try {
      cpSync(directory, copy, { recursive: true })
      for (const journaled of [2, 0]) {
        const told: unknown[] = []
        const store = await DuckStore.open({
          directory: copy,
          memoryBytes: 256 * MiB,
          threads: 1,
          progress: (what, facts) => told.push([what, facts]),
        })
        expect(await store.count('acme', ALWAYS)).toBe(9)
        expect(told).toEqual(
          journaled === 0
            ? []
            : [
                [
                  'the journal of a server that was killed is in the store',
                  { batches: journaled, unreadBytes: 0 },
                ],
              ],
        )
        // As when it was killed after the commit and before the journal was cleared.
        if (journaled > 0) cpSync(join(directory, 'journal'), join(copy, 'journal.again'))
        await store.close()
        expect(statSync(join(copy, 'journal')).size).toBe(0)
      }
      cpSync(join(copy, 'journal.again'), join(copy, 'journal'))
      const store = await DuckStore.open({ directory: copy, memoryBytes: 256 * MiB, threads: 1 })
      expect(await store.count('acme', ALWAYS)).toBe(9)
      await store.close()
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  })
})
