/** Private files: what others put in the way is neither followed nor trusted. */
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { closeDirectory, writePrivateFile } from '../../src/base/private-files.js'
import { temporaryDirectory } from '../support/temporary.js'

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8)

test('a link in the place of the file is replaced, not followed', () => {
  const directory = temporaryDirectory()
  const [file, victim] = [join(directory, 'server.json'), join(directory, 'victim')]
  writeFileSync(victim, 'precious')
  symlinkSync(victim, file)
  writePrivateFile(file, 'mine')
  expect(readFileSync(victim, 'utf8')).toBe('precious')
  expect([lstatSync(file).isFile(), readFileSync(file, 'utf8'), modeOf(file)]).toEqual([
    true,
    'mine',
    '600',
  ])
})

test('a file that cannot be written leaves nothing beside it', () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'server.json'))
  expect(() => writePrivateFile(join(directory, 'server.json'), 'x')).toThrow(/EISDIR/)
  expect(readdirSync(directory)).toEqual(['server.json'])
})

test('a directory of ours that others may write is closed, one that is not there is not made', () => {
  const directory = temporaryDirectory()
  closeDirectory(join(directory, 'new'))
  expect(readdirSync(directory)).toEqual([])
  chmodSync(directory, 0o2777)
  closeDirectory(directory)
  expect(modeOf(directory)).toBe('2775')
})

test('a directory that is shared on purpose stays as it is and is refused', () => {
  const directory = temporaryDirectory()
  chmodSync(directory, 0o1777)
  expect(() => closeDirectory(directory)).toThrow(/others may write in it/)
  expect(modeOf(directory)).toBe('1777')
})

test.skipIf(process.getuid?.() !== 0)(
  'another user’s link is refused, our own is not (root)',
  () => {
    const directory = temporaryDirectory()
    const link = join(directory, 'sessions.duckdb')
    symlinkSync('/nowhere', link)
    closeDirectory(directory)
    lchownSync(link, 64_000, 64_000)
    expect(() => closeDirectory(directory)).toThrow(/a link that another user \(64000\) made/)
  },
)
