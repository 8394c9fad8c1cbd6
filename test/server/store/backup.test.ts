/** A copy is there whole or not at all, and one that fails harms neither an earlier one nor the next. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DuckDBConnection } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { AppError, messageOf } from '../../../src/base/errors.js'
import { LmdbControl } from '../../../src/server/control/lmdb/lmdb-control.js'
import { readLogged } from '../../../src/server/ingest/logged.js'
import { Backups, moveBackup, writeBackup } from '../../../src/server/store/backup.js'
import { DuckStore } from '../../../src/server/store/duckdb/duck-store.js'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'
import { temporaryDirectory } from '../../support/temporary.js'

const MiB = 2 ** 20
const SESSIONS = 2000
/** So that a disk can be full in each part of a copy. */
const MORE_SESSIONS = 18_000
const noRoot = process.geteuid?.() === 0 ? null : 'a small disk needs root'

let t: TestStore
let control: LmdbControl
let source: { store: DuckStore; control: LmdbControl }
let work: string
beforeEach(async () => {
  work = temporaryDirectory()
  t = await TestStore.open()
  control = new LmdbControl(t.directory)
  await control.putOrg('acme')
  source = { store: t.store, control }
  await t.send('acme', 1, batch(1, sessions(0, SESSIONS)))
})
afterEach(async () => {
  await control.close()
  await t.close()
})

const sessions = (from: number, length: number) =>
  Array.from({ length }, (_, i) => session(from + i + 1, { bytesTx: (from + i) ** 3 }))

async function expectWhole(copy: string, rows = SESSIONS): Promise<void> {
  expect(readdirSync(copy).toSorted()).toEqual(['control.mdb', 'sessions.duckdb'])
  // Opening it makes other files beside.
  const opened = join(temporaryDirectory(), 'opened')
  execFileSync('cp', ['-r', copy, opened])
  const store = await DuckStore.open({
    directory: opened,
    memoryBytes: 256 * MiB,
    threads: 1,
    readLogged,
  })
  expect(await store.count('acme', ALWAYS)).toBe(rows)
  await store.close()
  const keys = new LmdbControl(opened)
  expect(keys.orgs().map((org) => org.orgId)).toEqual(['acme'])
  await keys.close()
}

function smallDisk(bytes: number): string {
  const disk = join(work, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', disk])
  onTestFinished(() => void execFileSync('umount', ['-l', disk]))
  return disk
}

const sizeOf = (copy: string) =>
  readdirSync(copy).reduce((bytes, name) => bytes + statSync(join(copy, name)).size, 0)

test('a failed copy of the store is let go of, and several come one after the other', async () => {
  const { run } = DuckDBConnection.prototype
  const copy = join(work, 'copy')
  const full = vi.spyOn(DuckDBConnection.prototype, 'run').mockImplementation(function (
    this: DuckDBConnection,
    ...given
  ) {
    if (given[0].startsWith('COPY FROM')) throw new Error('IO Error: No space left on device')
    return run.apply(this, given)
  })
  await expect(t.store.backup(copy)).rejects.toMatchObject({ code: 'STORE_FULL' })
  full.mockRestore()
  expect(readdirSync(copy)).toEqual([])
  await Promise.all([writeBackup(source, join(work, 'a')), writeBackup(source, join(work, 'b'))])
  for (const name of ['a', 'b']) await expectWhole(join(work, name))
})

test.skipIf(noRoot)(
  'wherever the disk is full, earlier copies stay and nothing is left',
  {
    timeout: 120_000,
  },
  async () => {
    const all = SESSIONS + MORE_SESSIONS
    await t.send('acme', 1, batch(2, sessions(SESSIONS, MORE_SESSIONS)))
    await writeBackup(source, join(work, 'first'))
    const size = sizeOf(join(work, 'first'))
    const disk = smallDisk(16 * size)
    const good = join(disk, 'good')
    const next = join(disk, 'next')
    await writeBackup(source, good)
    await t.send('acme', 1, batch(3, sessions(all, 1)))
    const causes = new Set<string>()
    // In the file itself, in its log, as that is folded: until there is room enough.
    for (let room = 0; readdirSync(disk).length === 1; room += size / 4) {
      const { bavail, bsize } = statfsSync(disk)
      writeFileSync(join(disk, 'filler'), Buffer.alloc(bavail * bsize - Math.ceil(room), 1))
      const failure = await writeBackup(source, next).catch((error: AppError) => error)
      rmSync(join(disk, 'filler'))
      if (!(failure instanceof AppError)) break
      expect(failure).toMatchObject({ code: 'STORE_FULL', message: expect.stringContaining(next) })
      const { cause } = failure.cause as Error
      causes.add(/CHECKPOINT|commit|Could not write file/.exec(messageOf(cause))![0])
      expect(readdirSync(disk)).toEqual(['good'])
    }
    expect([...causes].toSorted()).toEqual(['CHECKPOINT', 'Could not write file', 'commit'])
    await expectWhole(good, all)
    await expectWhole(next, all + 1)
    await t.send('acme', 1, batch(4, sessions(all + 1, 1)))
    expect(await t.store.count('acme', ALWAYS)).toBe(all + 2)
  },
)

test('when the second file fails, the first is not left alone', async () => {
  const good = join(work, 'good')
  await writeBackup(source, good)
  const store = {
    backup: async (directory: string) => {
      await t.store.backup(directory)
      mkdirSync(join(directory, 'control.mdb'))
    },
  }
  await expect(writeBackup({ store, control }, join(work, 'next'))).rejects.toThrow()
  expect(readdirSync(work)).toEqual(['good'])
  await expectWhole(good)
})

test('a name that is taken is refused, and what is there stays', async () => {
  const good = join(work, 'good')
  await writeBackup(source, good)
  await expect(writeBackup(source, good)).rejects.toMatchObject({ code: 'EXISTS' })
  await expect(t.store.backup(good)).rejects.toMatchObject({ code: 'EXISTS' })
  await expectWhole(good)
})

test('what a killed process left is removed; what is another’s is not', async () => {
  const dead = spawnSync('true').pid
  const left = (name: string, file: string) => {
    mkdirSync(join(work, name))
    writeFileSync(join(work, name, file), 'half')
    return name
  }
  const kept = [
    left(`next.${process.ppid}.partial`, 'sessions.duckdb'),
    left(`other.${dead}.partial`, 'sessions.duckdb'),
    left(`next.${spawnSync('true').pid}.partial`, 'thesis.tex'),
    left('next.partial', 'sessions.duckdb'),
  ]
  left(`next.${dead}.partial`, 'sessions.duckdb.wal')
  left(`next.${process.pid}.partial`, 'control.mdb')
  await writeBackup(source, join(work, 'next'))
  expect(readdirSync(work).toSorted()).toEqual([...kept, 'next'].toSorted())
  await expectWhole(join(work, 'next'))
})

test('a server’s backups have names of their own, and it removes what its predecessor left', async () => {
  const directory = join(work, 'backups')
  mkdirSync(join(directory, `2026-11-01.${spawnSync('true').pid}.partial`), { recursive: true })
  const backups = new Backups(source, directory, () => Date.UTC(2026, 10, 22))
  const made = await Promise.all([backups.next(), backups.next()])
  expect(made.map((copy) => basename(copy))).toEqual([
    '2026-11-22T00-00-00-000Z',
    '2026-11-22T00-00-00-001Z',
  ])
  expect(readdirSync(directory)).toHaveLength(2)
  for (const copy of made) await expectWhole(copy)
})

test.skipIf(noRoot)('moved to another file system it is whole there, or nowhere', async () => {
  const made = () => {
    const from = join(work, 'made')
    return writeBackup(source, from).then(() => from)
  }
  await moveBackup(await made(), join(work, 'near', 'copy'))
  await expectWhole(join(work, 'near', 'copy'))
  const disk = smallDisk(1.5 * sizeOf(join(work, 'near', 'copy')))
  await moveBackup(await made(), join(disk, 'deep', 'copy'))
  await expectWhole(join(disk, 'deep', 'copy'))
  await expect(moveBackup(await made(), join(disk, 'deep', 'next'))).rejects.toMatchObject({
    code: 'STORE_FULL',
  })
  expect(readdirSync(join(disk, 'deep'))).toEqual(['copy'])
  expect(readdirSync(work).toSorted()).toEqual(['disk', 'near'])
  await expectWhole(join(disk, 'deep', 'copy'))
})
