/** A command in this process: what it prints and how it ends, without the start of another one. */
import { CommanderError } from 'commander'
import type { CommandContext } from '../../src/base/context.js'
import { AppError, EXIT } from '../../src/base/errors.js'
import { buildCommand } from '../../src/cli/command.js'
import { COMMANDS, loadCommand } from '../../src/cli/index.js'

class Stream {
  text = ''
  write(text: string | Uint8Array): boolean {
    this.text += typeof text === 'string' ? text : Buffer.from(text).toString()
    return true
  }
  once(): this {
    return this
  }
}

export interface RanHere {
  readonly output: { readonly stdout: string; readonly stderr: string }
  readonly finished: Promise<{ code: number; stdout: string; stderr: string }>
}

export function runHere(args: readonly string[], env: Record<string, string> = {}): RanHere {
  const [stdout, stderr] = [new Stream(), new Stream()]
  const output = {
    get stdout() {
      return stdout.text
    },
    get stderr() {
      return stderr.text
    },
  }
  const context = { env, stdin: process.stdin, stdout, stderr } as unknown as CommandContext
  const finished = run(args, context).then((code) => ({ code, ...output }))
  return { output, finished }
}

/** As src/cli.ts does; an error that is no AppError is the test's. */
async function run([name = '', ...rest]: readonly string[], context: CommandContext) {
  let code: number = EXIT.ok
  const entry = COMMANDS[name]
  if (entry === undefined) throw new Error(`there is no command ${name}`)
  const command = buildCommand(await loadCommand(name, entry), context, (done) => {
    code = done
  })
  // Commands that make private files set it for their process, which here is everybody's.
  const umask = process.umask()
  try {
    await command.exitOverride().parseAsync(rest, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (!(error instanceof AppError)) throw error
    context.stderr.write(`tunmeter: ${error.message}\n${error.hint ?? ''}`)
    return error.exitCode
  } finally {
    process.umask(umask)
  }
}
