/** The other processes of the demo: this same program, started again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AppError } from '../base/errors.js'
import { atTheEnd } from '../meter/run/ending.js'

const CLI = fileURLToPath(new URL('../cli.js', import.meta.url))
const POLL_MS = 20
const START_TIMEOUT_MS = 30_000

export interface ChildServer {
  readonly url: string
  /** Resolves when the server has ended, to its last output. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

/** @throws AppError DEMO_FAILED with what the server said */
export async function startServerProcess(data: string, listen: string): Promise<ChildServer> {
  const address = join(data, 'server.json')
  rmSync(address, { force: true })
  const child = spawn(
    process.execPath,
    [CLI, 'serve', '--data', data, '--listen', listen, '--log-level', 'warn'],
    // A process group of its own: Ctrl-C reaches the demo, and the demo stops the server.
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  )
  const kill = atTheEnd(() => child.kill('SIGTERM'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4096)
  })
  const closed = once(child, 'close')
  const ended = closed.then(() => said.trim() || `exit code ${child.exitCode}`)
  const stop = async (): Promise<void> => {
    kill()
    await closed
  }
  const giveUpMs = Date.now() + START_TIMEOUT_MS
  while (!existsSync(address)) {
    if (child.exitCode !== null || Date.now() > giveUpMs) {
      await stop()
      throw new AppError('DEMO_FAILED', `the server did not start: ${await ended}`)
    }
    await sleep(POLL_MS)
  }
  const { url } = JSON.parse(readFileSync(address, 'utf8')) as { url: string }
  return { url, ended, stop }
}

export async function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  await once(child, 'close')
  return { code: child.exitCode, stderr }
}
