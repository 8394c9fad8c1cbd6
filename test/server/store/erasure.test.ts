/** Erasing a person in DuckDB: no trace of the id stays in the sums or the log. For every engine: contract/persons.test.ts. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GroupCommit } from '../../../src/server/store/duckdb/write/group-commit.js'
import { batch, report, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

let t: TestStore
beforeEach(async () => {
  t = await TestStore.open()
  t.nowUs = Date.now() * 1e3
})
afterEach(() => t.close())

const OTTO = { clientId: 3, userId: 'otto' }
const alive = () => ({ report: report({ at: new Date().toISOString() }) })

async function usageByUser(): Promise<Record<string, number[]>> {
  const asked = { fromMonth: '1970-01', toMonth: '2199-12', groupBy: 'user' } as const
  const rows = await t.store.usage('acme', asked)
  return Object.fromEntries(rows.map((row) => [row.id, [row.sessions, row.bytesTx]]))
}

test('the sums by the hour in the file have the id no more', async () => {
  const sessions = Array.from({ length: 500 }, (_, i) => session(i + 1, OTTO))
  await t.send('acme', 1, batch(1, [...sessions, session(501, { userId: 'max' })], alive()))
  await t.store.erase('acme', { userId: 'otto' })
  await t.store.close()
  const file = await DuckDBInstance.create(join(t.directory, 'sessions.duckdb'))
  const connection = await file.connect()
  const found = await connection.runAndReadAll('SELECT DISTINCT id FROM rollup_hour')
  const ids = found.getRows().map(([id]) => id)
  connection.closeSync()
  file.closeSync()
  await t.reopen()
  expect(ids).toContain('max')
  expect(ids).not.toContain('otto')
})

const inLog = (text: string) =>
  readdirSync(join(t.directory, 'log')).some((name) =>
    readFileSync(join(t.directory, 'log', name)).includes(text),
  )

test('the log has the person no more, and a start brings nobody back', async () => {
  await t.send('acme', 1, batch(1, [session(1, OTTO), session(2)], alive()))
  expect(inLog('otto')).toBe(true)
  expect(await t.store.erase('acme', { userId: 'otto' })).toBe(1)
  expect(inLog('otto')).toBe(false)
  await t.reopen()
  expect(await t.store.count('acme', ALWAYS)).toBe(1)
})

test('what the database has not taken yet could come back: nothing is erased then', async () => {
  await t.send('acme', 1, batch(1, [session(1, OTTO)], alive()))
  const refusing = vi
    .spyOn(GroupCommit.prototype, 'commit')
    .mockRejectedValue(new Error('IO Error: No space left on device'))
  await t.send('acme', 1, batch(2, [session(2, OTTO)], alive()))
  const asked = t.store.erase('acme', { userId: 'otto' })
  await expect(asked).rejects.toMatchObject({ code: 'STORE_BUSY' })
  expect(inLog('otto')).toBe(true)
  refusing.mockRestore()
  expect(await t.store.erase('acme', { userId: 'otto' })).toBe(2)
  expect(inLog('otto')).toBe(false)
})

test('a loss stays as long as what is beside it is kept, whatever its cause', async () => {
  const DAY_US = 86_400e6
  const startTimeUs = t.nowUs - 500 * DAY_US
  const old = { startTimeUs, endTimeUs: startTimeUs + 1e6 }
  const at = new Date(startTimeUs / 1e3).toISOString()
  const full = { reason: 'spoolFull', sessions: 3, from: at, to: at }
  await t.send(
    'acme',
    1,
    batch(1, [session(1, { ...OTTO, ...old }), session(2, old)], { ...alive(), gaps: [full] }),
  )
  await t.store.erase('acme', { userId: 'otto' })
  const lost = async () => {
    const gaps = await t.store.gaps('acme', startTimeUs - DAY_US, startTimeUs + DAY_US)
    return gaps.map(({ reason }) => reason).sort()
  }
  await t.store.expireUsage('2020-01')
  expect(await lost()).toEqual(['erased', 'spoolFull'])
  await t.store.expire('acme', t.nowUs - 400 * DAY_US)
  await t.store.expireUsage('2020-01')
  expect(await lost()).toEqual([])
})

test('pseudonyms: sums by the hour that were made before are under them, and what was deleted by retention, too', async () => {
  const sessions = Array.from({ length: 500 }, (_, i) => session(i + 1, OTTO))
  await t.send('acme', 1, batch(1, sessions, alive()))
  await t.store.expire('acme', sessions[100]!.endTimeUs)
  const before = await usageByUser()
  await t.store.pseudonymise('acme', { clientId: 3 }, [])
  const after = await usageByUser()
  expect(Object.values(after)).toEqual(Object.values(before))
  expect(Object.keys(after)).toEqual([expect.stringMatching(/^pseudonym-/)])
})
