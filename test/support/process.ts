/** The program as users start it: dist/cli.js in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CLI = `${ROOT}dist/cli.js`

export interface Finished {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  /** What has been written so far. */
  readonly output: { stdout: string; stderr: string }
  readonly finished: Promise<Finished>
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: Uint8Array
}

/** What a process with pipes for its output writes, and how it ends. */
export function follow(child: ChildProcess): Pick<Started, 'output' | 'finished'> {
  const output = { stdout: '', stderr: '' }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...output }))
  })
  return { output, finished }
}

/** Killed when the test ends, if it still runs then. */
export function start(args: readonly string[], options: StartOptions = {}): Started {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, TUNMETER_KEY: '', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => undefined).end(options.input)
  const { output, finished } = follow(child)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await finished
  })
  return { child, output, finished }
}

export function run(args: readonly string[], options: StartOptions = {}): Promise<Finished> {
  return start(args, options).finished
}
