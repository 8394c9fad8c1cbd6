/** The command line: finds the command, loads only this one, runs it, and turns errors into messages and exit codes. */
import { Command, CommanderError, type OutputConfiguration } from 'commander'
import { suggestion } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { systemFault } from '../base/system-fault.js'
import { packageVersion } from '../base/version.js'
import { type AnyCommand, buildCommand, pathOf } from './command.js'
import { unknownVariables } from './environment.js'
import { COMMANDS, installedCommands, loadCommand } from './index.js'

/** @returns the exit code. @throws the errors that report() prints */
export async function runCommandLine(
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  let exitCode: number = EXIT.ok
  const program = new Command('tunmeter')
    .description('Exact, loss-free connection logs for WireGuard tunnels.')
    .version(packageVersion(), '-V, --version', 'Show the version.')
    .helpOption('-h, --help', 'Show this help.')
    .helpCommand(false)
    .exitOverride()
    .configureOutput(outputOf(context))
  const argv = asOptions(args)
  const [name, ...words] = argv.filter((a) => !a.startsWith('-'))
  const chosen = name === undefined ? undefined : COMMANDS[name]
  if (name !== undefined && chosen === undefined) {
    throw unknownCommand(name, Object.keys(COMMANDS), 'tunmeter --help')
  }
  if (name !== undefined && chosen !== undefined) {
    const spec = await loadCommand(name, chosen)
    checkSubcommand(spec, words)
    const command = buildCommand(spec, context, (code) => {
      exitCode = code
    })
    for (const fault of unknownVariables(context.env)) context.stderr.write(`tunmeter: ${fault}\n`)
    program.addCommand(command)
    inherit(command, context)
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

/** People also type `help NAME`, `version` and `-v`. */
function asOptions(args: readonly string[]): readonly string[] {
  const [first, ...rest] = args
  if (first === 'help') return [...rest, '--help']
  return (first === 'version' || first === '-v') && rest.length === 0 ? ['--version'] : args
}

/** Refuses an unknown subcommand. Commander would show the group's help and exit with 0. */
function checkSubcommand(spec: AnyCommand, words: readonly string[], path = spec.name): void {
  const [name, ...rest] = words
  if (spec.subcommands === undefined || name === undefined) return
  const chosen = spec.subcommands.find((sub) => sub.name === name)
  if (chosen === undefined)
    throw unknownCommand(
      `${path} ${name}`,
      spec.subcommands.map((sub) => `${path} ${sub.name}`),
      `tunmeter ${path} --help`,
    )
  checkSubcommand(chosen, rest, `${path} ${name}`)
}

function unknownCommand(name: string, known: readonly string[], help: string): AppError {
  return new AppError('BAD_COMMAND', `there is no command "${name}"${suggestion(name, known)}`, {
    exitCode: EXIT.usage,
    hint: `See ${help}.`,
  })
}

function outputOf({ stdout, stderr }: CommandContext): OutputConfiguration {
  return {
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
    // Commander words its usage faults itself; they get the prefix of all messages.
    outputError: (text, write) => write(text.replace(/^error: /, 'tunmeter: ')),
  }
}

function inherit(command: Command, context: CommandContext): void {
  command.exitOverride().configureOutput(outputOf(context)).helpCommand(false)
  command.showHelpAfterError(`  See ${pathOf(command)} --help.`)
  for (const sub of command.commands) inherit(sub, context)
}

const LINE_BYTES_MAX = 16 * 1024

/** Prints the error with its hint. @returns the exit code */
export function report(thrown: unknown, stderr: NodeJS.WriteStream): number {
  const error = thrown instanceof AppError ? thrown : systemFault(thrown)
  if (error === null) {
    stderr.write(
      `tunmeter: this is a bug, please report it: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`,
    )
    return EXIT.failed
  }
  // Names of files, keys and interfaces are in it: some are other people's.
  const lines = error.message.split('\n').map((line) => printable(line, LINE_BYTES_MAX))
  stderr.write(lines.map((line) => `tunmeter: ${line}\n`).join(''))
  if (error.hint !== undefined) stderr.write(`  ${printable(error.hint, LINE_BYTES_MAX)}\n`)
  return error.exitCode
}
