/** Runs a script in a network namespace of its own; what it prints last is its Result. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Result } from './scenarios.js'

/** `script` gets the directory, the name of a second, empty namespace, and then `args`. */
export function runInNamespace(script: string, directory: string, ...args: string[]): Result {
  if (process.geteuid?.() !== 0) {
    return { passed: false, skipped: 'needs root to make network namespaces', facts: {} }
  }
  // The meter gives up root, and then has to enter it.
  chmodSync(directory, 0o755)
  const [here, there] = [`tmf-a-${process.pid}`, `tmf-b-${process.pid}`]
  const path = fileURLToPath(new URL(script, import.meta.url))
  try {
    for (const name of [here, there]) execFileSync('ip', ['netns', 'add', name])
    const node = [process.execPath, '--import', 'tsx', path, directory, there, ...args]
    const { stdout, stderr, status } = spawnSync('ip', ['netns', 'exec', here, ...node], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(stderr.slice(-2000))
    return JSON.parse(stdout) as Result
  } finally {
    for (const name of [here, there]) spawnSync('ip', ['netns', 'del', name])
  }
}
