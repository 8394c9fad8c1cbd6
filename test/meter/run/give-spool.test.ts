/** What root gives away when a meter starts: the spool's own files, wherever a link may point. */
import {
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { giveOutput, giveSpool } from '../../../src/meter/run/give-spool.js'
import { outputFiles, outputPlaces } from '../../../src/meter/run/local-outputs.js'
import { temporaryDirectory } from '../../support/temporary.js'

const METER = { name: 'user 64000', uid: 64_000, gid: 64_000 }
const ROOT = { name: 'root', uid: 0, gid: 0 }
const ownerOf = (...path: string[]) => statSync(join(...path)).uid

function fill(directory: string, names: readonly string[]): void {
  mkdirSync(directory, { recursive: true })
  for (const name of names) writeFileSync(join(directory, name), name)
}

describe.skipIf(process.getuid?.() !== 0)('as root', () => {
  test('a new spool is the account’s, the folders on the way to it stay root’s', () => {
    const home = temporaryDirectory()
    giveSpool(join(home, 'state/tunmeter/spool'), METER)
    expect(ownerOf(home, 'state/tunmeter/spool')).toBe(METER.uid)
    expect(statSync(join(home, 'state/tunmeter/spool')).mode & 0o777).toBe(0o700)
    for (const folder of ['state', 'state/tunmeter']) {
      expect(ownerOf(home, folder)).toBe(0)
      expect(statSync(join(home, folder)).mode & 0o777).toBe(0o711)
    }
  })

  test('a spool changes its owner there and back, with what was moved aside; other files do not', () => {
    const spool = join(temporaryDirectory(), 'spool')
    fill(spool, ['meter.json', 'data.mdb', 'ran.0.json', 'notes.txt'])
    fill(join(spool, 'damaged-1'), ['data.mdb', 'notes.txt'])
    const owners = () =>
      ['', 'meter.json', 'data.mdb', 'ran.0.json', 'damaged-1', 'damaged-1/data.mdb'].map((name) =>
        ownerOf(spool, name),
      )
    giveSpool(spool, METER)
    expect(owners()).toEqual(Array(6).fill(METER.uid))
    expect([ownerOf(spool, 'notes.txt'), ownerOf(spool, 'damaged-1/notes.txt')]).toEqual([0, 0])
    giveSpool(spool, ROOT)
    expect(owners()).toEqual(Array(6).fill(0))
  })

  test('a folder with other things and no spool is refused and left as it was', () => {
    const home = temporaryDirectory()
    fill(join(home, 'www'), ['index.html'])
    expect(() => giveSpool(join(home, 'www'), METER)).toThrow(/holds other files and no spool/)
    expect([ownerOf(home, 'www'), ownerOf(home, 'www/index.html')]).toEqual([0, 0])
  })

  test('the folder of an output that is refused is named by its option', () => {
    const home = temporaryDirectory()
    fill(join(home, 'www'), ['index.html'])
    const [output, ipfix] = outputFiles(
      outputPlaces({ output: join(home, 'out/'), ipfix: join(home, 'www') }),
    )
    expect([output?.option, ipfix?.option]).toEqual(['--output', '--ipfix'])
    expect(() => giveOutput(ipfix!.folder, ipfix!.option, METER)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(': --ipfix DIR') }),
    )
  })

  test.each(['state/spool', 'state/link/spool'])(
    'a link of the meter’s user at %s leads root nowhere',
    (path) => {
      const home = temporaryDirectory()
      fill(join(home, 'victim/spool'), ['meter.json'])
      mkdirSync(join(home, 'state'))
      chownSync(join(home, 'state'), METER.uid, METER.gid)
      const link = join(home, path === 'state/spool' ? path : 'state/link')
      symlinkSync(join(home, path === 'state/spool' ? 'victim/spool' : 'victim'), link)
      lchownSync(link, METER.uid, METER.gid)
      expect(() => giveSpool(join(home, path), METER)).toThrow(
        /symbolic link that root did not lay/,
      )
      // Root's own link in a folder that is not root's may be moved there by its owner.
      lchownSync(link, 0, 0)
      expect(() => giveSpool(join(home, path), METER)).toThrow(
        /symbolic link that root did not lay/,
      )
      expect(ownerOf(home, 'victim/spool/meter.json')).toBe(0)
    },
  )

  test.each(['spool', 'spool/below'])('a file at %s is named, not the descriptor', (path) => {
    const home = temporaryDirectory()
    fill(home, ['spool'])
    expect(() => giveSpool(join(home, path), METER)).toThrow(
      `cannot use the spool directory: spool on the way to ${join(home, path)} is not a directory`,
    )
  })

  test('a link of root’s in a folder of root’s is followed', () => {
    const home = temporaryDirectory()
    fill(join(home, 'disk/spool'), ['meter.json'])
    symlinkSync('disk', join(home, 'state'))
    giveSpool(join(home, 'state/spool'), METER)
    expect(ownerOf(home, 'disk/spool/meter.json')).toBe(METER.uid)
  })

  test('a link in the spool to somebody else’s file is refused, symbolic or hard', () => {
    const home = temporaryDirectory()
    fill(home, ['shadow'])
    for (const lay of [symlinkSync, linkSync]) {
      const spool = join(home, lay.name)
      fill(spool, ['meter.json'])
      lay(join(home, 'shadow'), join(spool, 'data.mdb'))
      expect(() => giveSpool(spool, METER)).toThrow(/data.mdb in it is no file of a spool's own/)
    }
    expect(ownerOf(home, 'shadow')).toBe(0)
  })
})
