#!/usr/bin/env node
/** The command line: finds the command, loads only it, runs it, and turns what it throws into a message and an exit code. */
import { Command, CommanderError } from 'commander'
import { type AnyCommand, buildCommand, type CommandContext } from './command.js'
import { suggestion } from './config.js'
import { AppError, EXIT } from './errors.js'
import { packageVersion } from './version.js'

/** Loaded on use: a command must not pay for the others' libraries. */
const COMMANDS: Readonly<Record<string, { summary: string; load: () => Promise<AnyCommand> }>> = {
  demo: {
    summary: 'Show it all: a server, a replayed tunnel, its sessions, the dashboard.',
    load: async () => (await import('./commands/demo.js')).command,
  },
  meter: {
    summary: 'Meter a tunnel interface and deliver its sessions to a server.',
    load: async () => (await import('./commands/meter.js')).command,
  },
  doctor: {
    summary: 'Check everything a meter needs.',
    load: async () => (await import('./commands/doctor.js')).command,
  },
  peers: {
    summary: 'Show the peers of a WireGuard interface.',
    load: async () => (await import('./commands/peers.js')).command,
  },
  replay: {
    summary: 'Read capture files as sessions: print them, or deliver them to a server.',
    load: async () => (await import('./commands/replay.js')).command,
  },
  spool: {
    summary: 'Look into a meter’s spool; resend or drop what the server refused.',
    load: async () => (await import('./commands/spool.js')).command,
  },
  serve: {
    summary: 'Run the server: stores sessions, answers queries, shows the dashboard.',
    load: async () => (await import('./commands/serve.js')).serveCommand,
  },
  keys: {
    summary: 'Create, list and revoke keys of a server.',
    load: async () => (await import('./commands/keys.js')).keysCommand,
  },
  export: {
    summary: 'Export connection logs of a server.',
    load: async () => (await import('./commands/export.js')).exportCommand,
  },
  catalog: {
    summary: 'Show, replace or import names of clients, users, sites and resources.',
    load: async () => (await import('./commands/catalog.js')).catalogCommand,
  },
  backup: {
    summary: 'Copy a data directory consistently.',
    load: async () => (await import('./commands/backup.js')).backupCommand,
  },
}

async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  let exitCode: number = EXIT.ok
  const program = new Command('tunmeter')
    .description('Exact, loss-free connection logs for WireGuard tunnels.')
    .version(packageVersion(), '-V, --version', 'Show the version.')
    .helpOption('-h, --help', 'Show this help.')
    .helpCommand(false)
    .exitOverride()
  const name = argv.find((a) => !a.startsWith('-'))
  const chosen = name === undefined ? undefined : COMMANDS[name]
  if (name !== undefined && chosen === undefined) {
    throw new AppError(
      'BAD_COMMAND',
      `there is no command "${name}"${suggestion(name, Object.keys(COMMANDS))}`,
      {
        exitCode: EXIT.usage,
        hint: 'See tunmeter --help.',
      },
    )
  }
  if (chosen !== undefined) {
    const command = buildCommand(await chosen.load(), context, (code) => {
      exitCode = code
    })
    program.addCommand(overrideExit(command))
  } else {
    for (const [other, { summary }] of Object.entries(COMMANDS))
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

function overrideExit(command: Command): Command {
  command.exitOverride()
  for (const sub of command.commands) overrideExit(sub)
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

const context: CommandContext = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
}
// A reader that goes away early (`| head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})
process.exitCode = await run(process.argv.slice(2), context).catch((error: unknown) =>
  report(error, context.stderr),
)
