/** `tunmeter store`: DuckDB to ClickHouse and back, with real ones; what was stopped goes on, and what differs is named. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ClickHouseSide } from '../../src/server/store/clickhouse/copy-side.js'
import { ClickHouseSessions } from '../../src/server/store/clickhouse/sessions.js'
import { copySessions, type Day, differences } from '../../src/server/store/copy/sessions.js'
import { DuckSide } from '../../src/server/store/duckdb/copy-side.js'
import type { SessionLog } from '../../src/server/store/store.js'
import type { Session } from '../../src/session/session.js'
import { batch, report, session } from '../support/batches.js'
import { ClickHouseRig, whyNoClickHouse } from '../support/clickhouse.js'
import { MemoryMeta } from '../support/memory-meta.js'
import { runHere } from '../support/run-here.js'
import { ALWAYS, stored, TestStore } from '../support/store.js'
import { temporaryDirectory } from '../support/temporary.js'

const missing = whyNoClickHouse()
const DAY_US = 86_400e6
const DAYS = 4
const ORGS = ['acme', 'globex'] as const
const MiB = 2 ** 20

/** Sessions of some days, of any kind; the open ones last. */
function sessionsOf(org: number): Session[] {
  const start = Date.UTC(2026, 10, 1) * 1e3
  const all = Array.from({ length: 40 }, (_, i) => {
    const startTimeUs = start + (i % DAYS) * DAY_US + i * 60e6
    return session(i + 1, {
      ...{ startTimeUs, endTimeUs: startTimeUs + i * 1000, clientId: i % 3 === 0 ? null : i },
      ...{ userId: i % 2 === 0 ? `O'Brien\\${org} ä` : null, bytesTx: 2 ** 50 + i },
      ...(i % 5 === 0 && { sourceIp: 'fd00::5', destIp: 'fd00::7', clientEndpoint: 'a|b~c' }),
      ...(i >= 30 && { endReason: 'activeTimeout' as const }),
    })
  })
  return all
}

describe.skipIf(missing !== null)(`store${missing === null ? '' : ` (${missing})`}`, () => {
  let rig: ClickHouseRig
  let t: TestStore
  beforeAll(async () => {
    ;[rig, t] = await Promise.all([ClickHouseRig.start(), TestStore.open()])
    for (const [i, org] of ORGS.entries()) {
      const [ended, open] = [sessionsOf(i).slice(0, 35), sessionsOf(i).slice(35)]
      await t.send(
        org,
        1,
        batch(1, ended, { report: report({ startedAt: '2026-11-01T00:00:00.000Z' }) }),
      )
      await t.send(
        org,
        1,
        batch(2, open, { report: report({ startedAt: '2026-11-05T00:00:00.000Z' }) }),
      )
    }
    // Some are closed, as their run is over, and others open.
    expect(await t.store.closeInterrupted()).toBe(10)
    await t.store.close()
  })
  afterAll(async () => {
    await rig?.stop()
    if (t !== undefined) rmSync(t.directory, { recursive: true, force: true })
  })

  const urlOf = (database: string) => `${rig.url.replace('http', 'clickhouse')}/${database}`

  async function store(...args: string[]) {
    const { code, stdout, stderr } = await runHere(['store', ...args]).finished
    return { code, stdout, stderr }
  }

  async function rowsOf(log: SessionLog): Promise<unknown[]> {
    const found: unknown[] = []
    // Whether one is open depends on what meters have said, which is not copied.
    for (const org of ORGS)
      for await (const rows of log.rows(org, ALWAYS, { key: 'startTime', descending: false }))
        for (const { open: _o, interrupted: _i, ...row } of rows) found.push(row)
    return found
  }

  async function duckRows(directory: string): Promise<unknown[]> {
    const other = await TestStore.open()
    await other.reopen({ directory })
    const rows = await rowsOf(other.store)
    await other.close()
    return rows
  }

  async function clickRows(database: string): Promise<unknown[]> {
    const sessions = await ClickHouseSessions.open({
      url: rig.url,
      database,
      meta: new MemoryMeta(),
    })
    const rows = await rowsOf(sessions)
    await sessions.close()
    return rows
  }

  test('there and back: every session is the same, and a second copy writes nothing', async () => {
    const database = await rig.database()
    const right = await duckRows(t.directory)
    expect(right).toHaveLength(80)
    const there = await store('copy', '--data', t.directory, '--store', urlOf(database))
    expect(there).toMatchObject({ code: 0 })
    expect(there.stderr).toContain('copied 80 sessions of 8 days; 0 days were there already')
    expect(there.stdout).toMatch(/^counts and sums of all \d+ hours are equal\n$/)
    expect(await clickRows(database)).toEqual(right)
    const again = await store('copy', '--data', t.directory, '--store', urlOf(database))
    expect(again.stderr).toContain('copied 0 sessions of 0 days; 8 days were there already')
    const directory = join(temporaryDirectory(), 'new')
    const back = ['copy', '--back', '--data', directory, '--store', urlOf(database)]
    expect(await store(...back)).toMatchObject({ code: 0, stdout: there.stdout })
    expect(await duckRows(directory)).toEqual(right)
    expect(await store(...back)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('holds a database already'),
    })
  })

  test.each(['there', 'back'])(
    '%s, stopped in the middle: the rest follows, each once',
    async (way) => {
      const database = await rig.database()
      const file = await DuckSide.open(t.directory, 256 * MiB)
      const click = await ClickHouseSide.open({ url: rig.url, database }, 'target')
      const other = await DuckSide.open(temporaryDirectory(), 256 * MiB)
      try {
        if (way === 'back') await copySessions(file, click)
        const [from, to] = way === 'there' ? [file, click] : [click, other]
        let writes = 0
        const breaking = {
          hours: () => to.hours(),
          read: (day: Day) => to.read(day),
          write: (day: Day, sessions: ReturnType<typeof from.read>) =>
            ++writes === 4 ? Promise.reject(new Error('broken')) : to.write(day, sessions),
        }
        await expect(copySessions(from, breaking)).rejects.toThrow('broken')
        expect(await copySessions(from, to)).toEqual({ sessions: 50, days: 5, equalDays: 3 })
        expect(differences(await from.hours(), await to.hours())).toEqual([])
      } finally {
        await file.close()
        await click.close()
        await other.close()
      }
    },
  )

  test('check: what differs is named by its hour; tables that lose on a crash are wrong', async () => {
    const database = await rig.database()
    const address = ['--store', urlOf(database)]
    expect(await store('check', ...address)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the database has no sessions of tunmeter'),
    })
    await store('copy', '--data', t.directory, ...address)
    const fine = await store('check', '--data', t.directory, ...address)
    expect(fine).toMatchObject({ code: 0 })
    expect(fine.stdout).toMatch(/^ClickHouse 26\./)
    expect(fine.stdout).toContain('session: ReplacingMergeTree')
    expect(fine.stdout).toMatch(/\n80 stored reports of sessions, [\d.]+ bytes each; 4 days in/)
    expect(fine.stdout).toContain('not replicated')
    const log = await ClickHouseSessions.open({ url: rig.url, database, meta: new MemoryMeta() })
    const [more] = sessionsOf(0)
    await log.writeLoose('acme', 2, [stored(more!, 'acme', 2, 'newt')])
    await log.close()
    const more1 = await store('check', '--data', t.directory, ...address)
    expect(more1.code).toBe(1)
    expect(more1.stdout).toContain(
      'acme 2026-11-01T00:00:00.000Z: 10 sessions in the source, 11 sessions in the target',
    )
    await rig.query(`ALTER TABLE ${database}.session MODIFY SETTING fsync_after_insert = 0`)
    const wrong = await store('check', ...address)
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toContain('WRONG  session is not synced')
  })

  test.each([
    ['no address', []],
    ['another scheme', ['--store', 'postgresql://u:secret@h/db']],
    ['no database', ['--store', 'clickhouse://u:secret@h']],
    ['no text of an address', ['--store', 'secret']],
  ])('%s: says what is wrong, and no password', async (_, args) => {
    const { code, stderr } = await store('copy', '--data', t.directory, ...args)
    expect(code).toBe(2)
    expect(stderr).toContain('clickhouse://')
    expect(stderr).not.toContain('secret')
  })

  test('a directory without a database', async () => {
    const args = ['--data', temporaryDirectory(), '--store', urlOf('test_1')]
    expect(await store('copy', ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('holds no database'),
    })
  })
})
