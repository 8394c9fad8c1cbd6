/**
 * (f) the interface goes down, is deleted and made again, while sessions come between. In network namespaces of its
 * own: what runs here is flaps-inside.ts.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Result } from './run.js'

const INSIDE = fileURLToPath(new URL('./flaps-inside.ts', import.meta.url))

export async function interfaceFlaps(directory: string, flaps: number): Promise<Result> {
  if (process.geteuid?.() !== 0) {
    return { passed: false, skipped: 'needs root to make network namespaces', facts: {} }
  }
  // The meter gives up root, and then has to enter it.
  chmodSync(directory, 0o755)
  const [here, there] = [`tmf-a-${process.pid}`, `tmf-b-${process.pid}`]
  try {
    for (const name of [here, there]) execFileSync('ip', ['netns', 'add', name])
    const { stdout, stderr, status } = spawnSync(
      'ip',
      [
        ...['netns', 'exec', here, process.execPath, '--import', 'tsx'],
        ...[INSIDE, directory, there, String(flaps)],
      ],
      { encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(stderr.slice(-2000))
    return JSON.parse(stdout) as Result
  } finally {
    for (const name of [here, there]) spawnSync('ip', ['netns', 'del', name])
  }
}
