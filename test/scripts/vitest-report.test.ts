/** What CI says of a run (scripts/vitest-report.mjs): runs of vitest itself on files that end badly. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'

const DIED = 'never ended (the process of its file died)'
const AT = 'test/scripts/bad-ends'

/** What is said, and how many passed and failed. */
function reported(report: string, log: string, code: number | null): [string, string] {
  const script = join(ROOT, 'scripts/vitest-report.mjs')
  const args = [script, report, log, String(code)]
  const { stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
  const lines = stdout.trimEnd().split('\n')
  return [lines.slice(0, -1).join('\n'), lines.at(-1)!]
}

function ran(...files: string[]): [string, string] {
  const [report, log] = ['report.json', 'log'].map((name) => join(temporaryDirectory(), name))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...[join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--config'],
      ...[join(ROOT, AT, 'vitest.config.ts'), '--reporter=default', '--reporter=json'],
      ...[`--outputFile.json=${report}`, ...files],
    ],
    { encoding: 'utf8' },
  )
  writeFileSync(log!, stdout + stderr)
  return reported(report!, log!, status)
}

test('a process that dies in a test: what never ended, and why', () => {
  const [said, counts] = ran('aborts.bad.ts')
  expect(counts).toBe('0 2')
  expect(said).toContain(`${DIED}: ${AT}/aborts.bad.ts > the first aborts\n`)
  expect(said).toContain(`${DIED}: ${AT}/aborts.bad.ts > the second never begins\n`)
  expect(said).not.toContain('skipped')
  expect(said).toContain('Native stack trace')
  expect(said).toContain('Worker exited unexpectedly')
})

test('every other way not to pass', () => {
  const [said, counts] = ran('no-begin.bad.ts', 'no-file.bad.ts', 'fails.bad.ts')
  expect(counts).toBe('2 4')
  expect(said).toContain(`never ended: ${AT}/no-begin.bad.ts (its process died before its first`)
  expect(said).toMatch(new RegExp(`failed: ${AT}/no-file.bad.ts\\n.*none\\.js`))
  expect(said).toMatch(/failed: .*fails\.bad\.ts > one is two\n.*expected 1 to be 2/)
  expect(said).toContain(`skipped: ${AT}/fails.bad.ts > one is three`)
  expect(said).toContain('Error: nobody waits for it')
})

test('a run without a report', () => {
  const log = join(temporaryDirectory(), 'log')
  writeFileSync(log, '')
  expect(reported('/nowhere', log, 124)).toEqual([
    '        no report: it took longer than it may (exit 124)',
    '0 1',
  ])
})
