/** docs/delivery.md names a test for each promise: they must be there under these names. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ROOT } from '../support/process.js'

const page = readFileSync(`${ROOT}docs/delivery.md`, 'utf8')
const runner = readFileSync(`${ROOT}test/faults/run.ts`, 'utf8')
const promises = page
  .slice(page.indexOf('| promise |'), page.indexOf('## The last long run'))
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))

test('there are promises', () => {
  expect(promises.length).toBeGreaterThan(20)
})

test.each(promises)('%s', (_, backing = '') => {
  const named = [...backing.matchAll(/\(([a-z])\)|([\w/-]+\.test\.ts)((?:,? "[^"]+")*)/g)]
  expect(named.length).toBeGreaterThan(0)
  for (const [, scenario, file, names = ''] of named) {
    if (scenario !== undefined) {
      expect(runner).toContain(`id: '${scenario}'`)
      continue
    }
    expect(existsSync(`${ROOT}test/${file}`), file).toBe(true)
    const text = readFileSync(`${ROOT}test/${file}`, 'utf8')
    for (const [, name = ''] of names.matchAll(/"([^"]+)"/g)) expect(text).toContain(name)
  }
})
