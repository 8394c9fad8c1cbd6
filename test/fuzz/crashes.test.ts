/**
 * Every input that ever broke a fuzz target (native/fuzz/crashes/TARGET), and the committed inputs to begin with
 * (native/fuzz/seeds/TARGET), run again under ASan and UBSan. `npm run fuzz` looks for new ones.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
// @ts-expect-error plain JavaScript, shared with scripts/fuzz.mjs, which runs before anything is built.
import { targetSources } from '../../scripts/fuzz/sources.mjs'
import { run } from '../support/lab.js'
import { buildTool } from '../support/native-tool.js'

const FUZZ = fileURLToPath(new URL('../../native/fuzz', import.meta.url))
const TARGETS = ['packets', 'pcap', 'pcapng', 'gzip', 'prefixes', 'rows', 'queue', 'csv']

let replay = ''
beforeAll(async () => {
  replay = await buildTool('fuzz_replay', targetSources('fuzz_replay.cc'))
}, 240_000)

function inputs(target: string): string[] {
  return ['crashes', 'seeds']
    .map((kind) => join(FUZZ, kind, target))
    .filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)))
}

test.each(TARGETS)('%s', async (target) => {
  const files = inputs(target)
  expect(files.length).toBeGreaterThan(0)
  const { stdout } = await run(replay, [target, ...files])
  expect(stdout.trim().split('\n')).toHaveLength(files.length)
})

test('an unknown target is refused, with those that there are', async () => {
  const { code, stderr } = await run(replay, ['nothing'], { allow: [2] })
  expect([code, stderr.trim()]).toEqual([
    2,
    `no such fuzz target: nothing; there are: ${TARGETS.join(' ')}`,
  ])
})
