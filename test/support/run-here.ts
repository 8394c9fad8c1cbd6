/**
 * A command in this process: what it prints and how it ends, without the start of another one. It is the compiled
 * program, as in test/support/process.ts; only what belongs to a process (src/cli.ts: signals, pipes that break) is not
 * there. Not for a meter, which gives up its process' rights, nor for commands that end by a signal, or that read a
 * capture from standard input.
 */
import { Readable, Writable } from 'node:stream'
import type { CommandContext } from '../../src/base/context.js'
import { ROOT, type StartOptions } from './process.js'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

type Main = typeof import('../../src/cli/main.js')

class Text extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

export interface RanHere {
  readonly output: { readonly stdout: string; readonly stderr: string }
  readonly finished: Promise<{ code: number; stdout: string; stderr: string }>
}

export function runHere(args: readonly string[], options: StartOptions = {}): RanHere {
  if (args[0] === 'meter') throw new Error('a meter would take the rights of this process')
  const [stdout, stderr] = [new Text(), new Text()]
  const output = {
    get stdout() {
      return stdout.text
    },
    get stderr() {
      return stderr.text
    },
  }
  const stdin = Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)])
  const env = { ...process.env, TUNMETER_KEY: '', ...options.env }
  const context = { env, stdin, stdout, stderr } as unknown as CommandContext
  const finished = main(args, context).then((code) => ({ code, ...output }))
  return { output, finished }
}

async function main(args: readonly string[], context: CommandContext): Promise<number> {
  const { report, runCommandLine } = (await import(`${ROOT}dist/cli/main.js`)) as Main
  // What ends with a command's process otherwise.
  const umask = process.umask()
  const before = SIGNALS.map((signal) => process.listeners(signal))
  return runCommandLine(args, context)
    .catch((error: unknown) => report(error, context.stderr))
    .finally(() => {
      process.umask(umask)
      for (const [i, signal] of SIGNALS.entries())
        for (const listener of process.listeners(signal))
          if (!before[i]!.includes(listener)) process.off(signal, listener)
    })
}

/** As run() of process.ts. */
export function run(
  args: readonly string[],
  options: StartOptions = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return runHere(args, options).finished
}
