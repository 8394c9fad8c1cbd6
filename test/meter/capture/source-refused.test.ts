/** What is no capture gets an error that says what it is and what to do. */
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { pcapHeader } from '../../support/capture-files.js'
import { run } from '../../support/lab.js'
import {
  dumpFile,
  parseDumps,
  STATUS,
  sourceDumpTool,
  sourceFiles,
} from '../../support/source-dump.js'

const files = sourceFiles()

describe('what is no capture is refused with advice', () => {
  const cases: [string, () => string, string, RegExp][] = [
    [
      'a missing file',
      () => join(files.directory, 'nope'),
      'FILE_MISSING',
      /nope: cannot be opened: No such file/,
    ],
    [
      'a directory',
      () => files.directory,
      'FILE_UNREADABLE',
      /is a directory\. Name the capture files in it/,
    ],
    ['an empty file', () => files.write('empty', Buffer.alloc(0)), 'NOT_A_CAPTURE', /is empty/],
    [
      'text',
      () => files.write('t', Buffer.from('{"a": 1}')),
      'NOT_A_CAPTURE',
      /begins with 7b 22 61 22 3a 20 31 7d \("\{"a": 1\}"\)/,
    ],
    [
      'zstd',
      () => files.write('z', Buffer.from('28b52ffd0000', 'hex')),
      'NOT_A_CAPTURE',
      /is zstd data.*zstd -dc/,
    ],
    [
      'gzip twice',
      () => files.write('gg', gzipSync(gzipSync(pcapHeader()))),
      'NOT_A_CAPTURE',
      /\(unpacked\) is gzip data inside/,
    ],
    [
      'an empty gzip',
      () => files.write('ge', gzipSync(Buffer.alloc(0))),
      'NOT_A_CAPTURE',
      /\(unpacked\) is empty/,
    ],
    [
      'snoop',
      () => files.write('s', Buffer.from('snoop\0\0\0\0\0\0\x02')),
      'NOT_A_CAPTURE',
      /snoop capture.*editcap/,
    ],
  ]
  test.each(cases)('%s', async (_, path, code, message) => {
    const dump = await dumpFile(path())
    expect(dump).toMatchObject({ packets: [], status: STATUS.failed, code })
    expect(dump.message).toMatch(message)
  })

  test.skipIf(process.getuid?.() !== 0)(
    'a file that may not be read (needs root to change user)',
    async () => {
      const path = files.write('secret', pcapHeader())
      await run('chmod', ['0600', path])
      await run('chmod', ['0711', files.directory])
      const tool = join(files.directory, 'tool')
      await run('install', ['-m', '0755', await sourceDumpTool(), tool])
      const { stdout } = await run('setpriv', ['--reuid', '65534', '--clear-groups', tool, path])
      expect(parseDumps(stdout)[0]).toMatchObject({
        status: STATUS.failed,
        code: 'FILE_UNREADABLE',
        message: expect.stringContaining('Permission denied'),
      })
    },
  )
})
