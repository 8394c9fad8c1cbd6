/** A file that is written completely or not at all. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { writeWhole } from '../../src/base/whole-file.js'
import { temporaryDirectory } from '../support/temporary.js'

test('a body that breaks at once leaves nothing, and the file of before', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'log.csv')
  writeFileSync(path, 'of before')
  for (let time = 0; time < 50; time++) {
    const body = new Readable({ read: () => body.destroy(new Error('gone')) })
    const through = new PassThrough()
    await expect(writeWhole(path, body, through, () => undefined)).rejects.toMatchObject({
      code: 'EXPORT_BROKEN_OFF',
    })
    // What was asked of the thread pool before has been done when this is.
    await Promise.all([1, 2, 3, 4].map(() => stat(directory)))
    expect(readdirSync(directory)).toEqual(['log.csv'])
  }
  expect(readFileSync(path, 'utf8')).toBe('of before')
})

test('a path that leads through a file is an error of the user', async () => {
  const path = join(temporaryDirectory(), 'file')
  writeFileSync(path, '')
  const written = writeWhole(
    join(path, 'log.csv'),
    Readable.from(['a']),
    new PassThrough(),
    () => undefined,
  )
  await expect(written).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
})

test('a whole body replaces the file', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'log.csv')
  writeFileSync(path, 'of before')
  await writeWhole(path, Readable.from(['a', 'b']), new PassThrough(), () => undefined)
  expect(readFileSync(path, 'utf8')).toBe('ab')
  expect(readdirSync(directory)).toEqual(['log.csv'])
})
