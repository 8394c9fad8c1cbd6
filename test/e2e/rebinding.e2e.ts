/**
 * A destination whose DNS answer changes between check and connection: the address that was checked is the one that is
 * connected to, because each connection asks once. A later private answer is refused.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Tried } from '../support/rebinding-inside.js'
import { temporaryDirectory } from '../support/temporary.js'

const isRoot = process.getuid?.() === 0
const INSIDE = join(import.meta.dirname, '../support/rebinding-inside.ts')

/** Runs all cases in namespaces of their own, with a DNS server that this machine's resolver asks there. */
function triedInside(): Record<string, Tried> {
  const node = [process.execPath, '--import', 'tsx', INSIDE, temporaryDirectory()]
  const { stdout, stderr, status } = spawnSync('unshare', ['--net', '--mount', ...node], {
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as Record<string, Tried>
}

const REFUSED = {
  ...{ kind: 'blocked', status: null },
  text: expect.stringContaining('rebinding.example.org has a private'),
}

test.skipIf(!isRoot)(
  `the name is asked for once for each connection, and a private answer is never connected to${isRoot ? '' : ' (skipped: needs root)'}`,
  () => {
    const cases = triedInside()
    for (const [kind, status] of [
      ['webhook', 204],
      ['syslog', null],
    ] as const) {
      expect(cases[`${kind}: private after the first answer`]).toEqual({
        outcomes: [{ kind: 'delivered', status }, REFUSED],
        refused: ['127.0.0.1'],
        ...{ queries: 2, publicConnections: 1, privateConnections: 0 },
      })
      expect(cases[`${kind}: one of two is private`]).toEqual({
        outcomes: [REFUSED],
        refused: ['127.0.0.1'],
        ...{ queries: 1, publicConnections: 0, privateConnections: 0 },
      })
      expect(cases[`${kind}: metadata service`]).toEqual({
        outcomes: [REFUSED],
        refused: ['169.254.169.254'],
        ...{ queries: 1, publicConnections: 0, privateConnections: 0 },
      })
    }
  },
)
