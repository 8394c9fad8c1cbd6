import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isJournal } from '../../src/base/log.js'
import { ROOT } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'

/** Lines that a process logs to a file, which the environment calls the journal's or not. */
async function logged(isTheJournal: boolean): Promise<string[]> {
  const path = join(temporaryDirectory(), 'stderr')
  const file = openSync(path, 'w')
  const { dev, ino } = fstatSync(file)
  const script = `import { createLogger } from '${ROOT}dist/base/log.js'
    const log = createLogger('trace')
    log.error('e'); log.warn('w'); log.info('i'); log.debug('d')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', file],
    env: { ...process.env, JOURNAL_STREAM: isTheJournal ? `${dev}:${ino}` : `${dev}:1` },
  })
  await new Promise((resolve) => child.once('close', resolve))
  closeSync(file)
  return readFileSync(path, 'utf8').trim().split('\n')
}

test('lines for the journal begin with their priority, and are JSON after it', async () => {
  const lines = await logged(true)
  expect(lines.map((line) => line.slice(0, 3))).toEqual(['<3>', '<4>', '<6>', '<7>'])
  expect(lines.map((line) => JSON.parse(line.slice(3)).msg)).toEqual(['e', 'w', 'i', 'd'])
})

test('other lines are JSON alone, also when a parent has the journal and this process has not', async () => {
  expect((await logged(false)).map((line) => JSON.parse(line).msg)).toEqual(['e', 'w', 'i', 'd'])
  expect(isJournal({})).toBe(false)
})

test('a log that cannot be written ends nothing', async () => {
  const full = openSync('/dev/full', 'w')
  const script = `import { createLogger } from '${ROOT}dist/base/log.js'
    const log = createLogger('info')
    for (let i = 0; i < 3; i++) log.info('i')
    await new Promise((resolve) => setImmediate(resolve))
    console.log('went on')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', full],
  })
  closeSync(full)
  let printed = ''
  child.stdout!.on('data', (data) => {
    printed += data
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect({ code, printed }).toEqual({ code: 0, printed: 'went on\n' })
})
