#!/usr/bin/env node
/** The command line: finds the command, loads only it, runs it, and turns what it throws into a message and an exit code. */
import { Command, CommanderError } from 'commander'
import { suggestion } from './base/config.js'
import type { CommandContext } from './base/context.js'
import { AppError, EXIT } from './base/errors.js'
import { packageVersion } from './base/version.js'
import { type AnyCommand, buildCommand } from './cli/command.js'
import { unknownVariables } from './cli/environment.js'
import { COMMANDS, installedCommands, loadCommand } from './cli/index.js'

async function run(given: readonly string[], context: CommandContext): Promise<number> {
  let exitCode: number = EXIT.ok
  const program = new Command('tunmeter')
    .description('Exact, loss-free connection logs for WireGuard tunnels.')
    .version(packageVersion(), '-V, --version', 'Show the version.')
    .helpOption('-h, --help', 'Show this help.')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError })
  // `help NAME` is what people type.
  const argv = given[0] === 'help' ? [...given.slice(1), '--help'] : given
  const [name, ...words] = argv.filter((a) => !a.startsWith('-'))
  const chosen = name === undefined ? undefined : COMMANDS[name]
  if (name !== undefined && chosen === undefined) {
    throw unknownCommand(name, Object.keys(COMMANDS), 'tunmeter --help')
  }
  if (name !== undefined && chosen !== undefined) {
    const spec = await loadCommand(name, chosen)
    checkSubcommand(spec, words[0])
    const command = buildCommand(spec, context, (code) => {
      exitCode = code
    })
    for (const fault of unknownVariables(context.env)) context.stderr.write(`tunmeter: ${fault}\n`)
    program.addCommand(inherit(command))
  } else {
    for (const [other, { summary }] of installedCommands())
      program.command(other).description(summary)
  }
  try {
    if (argv.length === 0) program.help({ error: true })
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    // Help, version and usage faults: commander has printed them already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    throw error
  }
  return exitCode
}

/** Commander would show the group's help and call it a success. */
function checkSubcommand(spec: AnyCommand, name: string | undefined): void {
  if (spec.subcommands === undefined || name === undefined) return
  const known = spec.subcommands.map((sub) => sub.name)
  if (known.includes(name)) return
  throw unknownCommand(
    `${spec.name} ${name}`,
    known.map((k) => `${spec.name} ${k}`),
    `tunmeter ${spec.name} --help`,
  )
}

function unknownCommand(name: string, known: readonly string[], help: string): AppError {
  return new AppError('BAD_COMMAND', `there is no command "${name}"${suggestion(name, known)}`, {
    exitCode: EXIT.usage,
    hint: `See ${help}.`,
  })
}

/** Usage faults are commander's words, and look like ours. */
function outputError(text: string, write: (text: string) => void): void {
  write(text.replace(/^error: /, 'tunmeter: '))
}

function inherit(command: Command): Command {
  command.exitOverride().configureOutput({ outputError }).helpCommand(false)
  for (const sub of command.commands) inherit(sub)
  return command
}

function report(error: unknown, stderr: NodeJS.WriteStream): number {
  if (!(error instanceof AppError)) {
    stderr.write(
      `tunmeter: this is a bug, please report it: ${error instanceof Error ? error.stack : String(error)}\n`,
    )
    return EXIT.failed
  }
  const lines = error.message.split('\n')
  stderr.write(lines.map((line) => `tunmeter: ${line}\n`).join(''))
  if (error.hint !== undefined) stderr.write(`  ${error.hint}\n`)
  return error.exitCode
}

function reportOutput(fault: NodeJS.ErrnoException, stderr: NodeJS.WriteStream): number {
  if (fault.code === 'EPIPE') return EXIT.ok
  return report(new AppError('OUTPUT_FAILED', `cannot write the output: ${fault.message}`), stderr)
}

const context: CommandContext = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
}
// Node opens its debugger at this signal, for everybody who may connect to loopback, in processes that hold keys and may
// read interfaces. A debugger is asked for with --inspect.
process.on('SIGUSR1', () => undefined)
// Commands see their own failed writes and end in order; what is left is to say it. A reader that goes away early
// (`| head`) is no failure of ours.
let outputFault: NodeJS.ErrnoException | null = null
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  outputFault ??= error
})
process.stderr.on('error', () => undefined)
let isSaid = false
process.exitCode = await run(process.argv.slice(2), context).catch((error: unknown) => {
  // A meter that writes for this reader only: it says what is lost, and that is a failure.
  isSaid = error instanceof AppError && error.code === 'OUTPUT_CLOSED'
  return outputFault === null || isSaid ? report(error, context.stderr) : EXIT.failed
})
// The fault of the last write comes with the next turn.
await new Promise((resolve) => setImmediate(resolve))
if (outputFault !== null && !isSaid) process.exitCode = reportOutput(outputFault, context.stderr)
