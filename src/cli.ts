#!/usr/bin/env node
/** The process of the command line (cli/main.ts): its streams, its signals and how it ends. */
import type { CommandContext } from './base/context.js'
import { AppError, EXIT } from './base/errors.js'
import { systemFault } from './base/system-fault.js'

function reportOutput(fault: NodeJS.ErrnoException, stderr: NodeJS.WriteStream): number {
  if (fault.code === 'EPIPE') return EXIT.ok
  return report(new AppError('OUTPUT_FAILED', `cannot write the output: ${fault.message}`), stderr)
}

// Node opens its debugger at this signal, for everybody who may connect to loopback, in processes that hold keys and may
// read interfaces. A debugger is asked for with --inspect.
process.on('SIGUSR1', () => undefined)
// Opening its files takes many descriptors at once.
const { report, runCommandLine } = await import('./cli/main.js').catch((error: unknown) => {
  const { message, hint } = systemFault(error) ?? {}
  if (message === undefined) throw error
  process.stderr.write(`tunmeter: ${message}\n  ${hint}\n`)
  process.exit(EXIT.failed)
})

const context: CommandContext = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
}
// What nothing awaits, in a callback, say. The end is as of a kill: nothing is known to be whole any more.
process.on('uncaughtException', (error) => process.exit(report(error, process.stderr)))
// Commands see their own failed writes and end in order; what is left is to say it. A reader that goes away early
// (`| head`) is no failure of ours.
let outputFault: NodeJS.ErrnoException | null = null
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  outputFault ??= error
})
process.stderr.on('error', () => undefined)
let isSaid = false
process.exitCode = await runCommandLine(process.argv.slice(2), context).catch((error: unknown) => {
  // A meter that writes for this reader only: it says what is lost, and that is a failure.
  isSaid = error instanceof AppError && error.code === 'OUTPUT_CLOSED'
  return outputFault === null || isSaid ? report(error, context.stderr) : EXIT.failed
})
// The fault of the last write comes with the next turn.
await new Promise((resolve) => setImmediate(resolve))
if (outputFault !== null && !isSaid) process.exitCode = reportOutput(outputFault, context.stderr)
