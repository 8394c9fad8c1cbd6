/** What a killed export left beside its file. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { writeWhole } from '../../src/base/whole-file.js'
import { temporaryDirectory } from '../support/temporary.js'

test('the next export to the same file writes over it', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'week.csv')
  writeFileSync(`${file}.partial`, 'longer than what is to be written')
  await writeWhole(file, Readable.from([Buffer.from('whole')]), new PassThrough(), () => undefined)
  expect(readdirSync(directory)).toEqual(['week.csv'])
  expect(readFileSync(file, 'utf8')).toBe('whole')
})
