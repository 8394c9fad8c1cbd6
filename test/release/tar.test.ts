/** scripts/release/tar.ts against GNU tar. */
import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Entry, entriesOf, tar } from '../../scripts/release/tar.js'
import { temporaryDirectory } from '../support/temporary.js'

const SECONDS = 1_700_000_000
const LONG = `${'folder/'.repeat(20)}file`
const entries: Entry[] = [
  { path: LONG, content: Buffer.from('long'), mode: 0o644 },
  { path: 'program', content: Buffer.alloc(513, 'x'), mode: 0o755, owner: 65_532 },
  { path: 'empty', content: Buffer.alloc(0), mode: 0o600 },
  { path: 'link', content: { linkTo: LONG }, mode: 0o777 },
  { path: 'closed', content: 'folder', mode: 0o700 },
]

test('GNU tar reads names, links, modes, owners and times', () => {
  const folder = temporaryDirectory()
  const archive = join(folder, 'a.tar')
  writeFileSync(archive, tar(entries, SECONDS))
  const list = execFileSync('tar', ['-tvf', archive, '--numeric-owner', '--utc'], {
    encoding: 'utf8',
  })
  const lines = list.trimEnd().split('\n')
  expect(lines).toContain(`-rwxr-xr-x 65532/65532     513 2023-11-14 22:13 program`)
  expect(lines).toContain(`lrwxrwxrwx 0/0               0 2023-11-14 22:13 link -> ${LONG}`)
  expect(lines).toContain(`drwx------ 0/0               0 2023-11-14 22:13 closed/`)
  expect(lines).toHaveLength(entries.length + 20)
  const out = join(folder, 'out')
  mkdirSync(out)
  execFileSync('tar', ['-xf', archive, '-C', out, '--no-same-owner'])
  expect(readFileSync(join(out, LONG), 'utf8')).toBe('long')
  expect(readFileSync(join(out, 'program'))).toEqual(Buffer.alloc(513, 'x'))
  expect(readlinkSync(join(out, 'link'))).toBe(LONG)
  expect(lstatSync(join(out, 'empty')).mode & 0o777).toBe(0o600)
})

test('an extended attribute is in a record that GNU tar knows', () => {
  const folder = temporaryDirectory()
  const archive = join(folder, 'a.tar')
  const attributes = { 'user.note': Buffer.from([0, 10, 61, 255]) }
  writeFileSync(archive, tar([{ ...entries[1]!, attributes }], SECONDS))
  const list = execFileSync('tar', ['-tvvf', archive, '--xattrs'], { encoding: 'utf8' })
  expect(list).toMatch(/^\s*x:\s*4 user\.note$/m)
})

test('what is on disk comes out the same, whatever order and times it has', () => {
  const make = (names: readonly string[]): Buffer => {
    const folder = temporaryDirectory()
    for (const name of names) writeFileSync(join(folder, name), name)
    symlinkSync('a', join(folder, 'z'))
    return tar(
      entriesOf(folder, 'usr', (path) => path === 'left-out'),
      SECONDS,
    )
  }
  const one = make(['a', 'b', 'left-out'])
  expect(one.equals(make(['b', 'a']))).toBe(true)
  expect(one.includes('left-out')).toBe(false)
})
