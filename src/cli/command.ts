/** Defines a command, and makes a command line from its option table. */
import { Command } from 'commander'
import {
  envName,
  givenAs,
  kebabCase,
  type OptionTable,
  type OptionValues,
  resolveOptions,
} from '../base/config.js'
import { readConfigFile } from '../base/config-file.js'
import type { CommandContext } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { plural } from '../base/quantity.js'

export interface CommandSpec<S extends OptionTable> {
  readonly name: string
  /** Positional arguments as commander writes them: `<file...>`, `[name]`. */
  readonly arguments?: string
  readonly summary: string
  /** Shown below the options: examples, exit codes, what to read next. */
  readonly details?: string
  readonly options: S
  /** Options of another command. --config may name that command's file; these options are then ignored. */
  readonly fileOf?: OptionTable
  /** Resolves to the exit code; throws AppError for a failure. */
  readonly run: (
    args: readonly string[],
    options: OptionValues<S>,
    context: CommandContext,
    /** Names the place where an option was set, for messages; undefined: its default holds. */
    origin: (name: keyof S & string) => string | undefined,
  ) => Promise<number>
  readonly subcommands?: never
}

/** A command that only groups others: `keys` groups `keys create` and `keys list`. */
export interface CommandGroup {
  readonly name: string
  readonly summary: string
  readonly subcommands: readonly AnyCommand[]
}

// biome-ignore lint/suspicious/noExplicitAny: the table's types matter inside a command only.
export type AnyCommand = CommandSpec<any> | CommandGroup

export function defineCommand<const S extends OptionTable>(spec: CommandSpec<S>): CommandSpec<S> {
  return spec
}

/** The help of --config, which every command has. */
export const CONFIG_HELP = 'Read options from this YAML file: names as above, without the dashes.'

export function optionHelp(name: string, option: OptionTable[string]): string {
  const shownDefault = option.defaultText === '' ? '' : ` Default: ${option.defaultText}.`
  const secret = option.secret ? ` Safer: the environment, ${envName(name)}.` : ''
  return `${option.help.replace(/\.?$/, '.')}${shownDefault}${secret}`
}

/**
 * Builds commander's command for a spec; `done` receives the exit code.
 * Every command takes `--config FILE` besides its own options.
 */
export function buildCommand(
  spec: AnyCommand,
  context: CommandContext,
  done: (code: number) => void,
): Command {
  const command = new Command(spec.name)
    .description(spec.summary)
    .helpOption('-h, --help', 'Show this help.')
  if (spec.subcommands !== undefined) {
    for (const sub of spec.subcommands) command.addCommand(buildCommand(sub, context, done))
    return command
  }
  if (spec.arguments !== undefined) command.arguments(spec.arguments)
  for (const [name, option] of Object.entries(spec.options as OptionTable)) {
    const flag = `--${kebabCase(name)}`
    const help = optionHelp(name, option)
    if (option.value === undefined) command.option(flag, help)
    // Always collected into a list, so that a repeated flag is refused rather than silently overwritten.
    else
      command.option(`${flag} <${option.value}>`, help, (text: string, all: string[] = []) => [
        ...all,
        text,
      ])
  }
  command.option('--config <FILE>', CONFIG_HELP)
  if (spec.details !== undefined) command.addHelpText('after', `\n${spec.details}`)
  // Refused below, with the option that may have been meant.
  command.allowExcessArguments()
  return command.action(async () => {
    checkArguments(command, spec.options)
    const { config, ...flags } = command.opts<{ config?: string } & Record<string, unknown>>()
    const path = config ?? context.env[envName('config')]
    const file = path === undefined ? undefined : readConfigFile(path)
    const sources = { flags, env: context.env, ...(file && { file }) }
    const options = resolveOptions(spec.options, sources, spec.fileOf)
    done(await spec.run(command.args, options, context, (name) => givenAs(name, sources)))
  })
}

/** Shows no argument, because a key may be among them. @throws AppError BAD_OPTIONS for more than the command takes */
function checkArguments(command: Command, options: OptionTable): void {
  const { registeredArguments: known, args } = command
  if (args.length <= known.length || known.at(-1)?.variadic) return
  const names = known.map((one) => one.name().toUpperCase()).join(' ')
  const required = Object.entries(options).find(([, option]) => option.required)
  const meant =
    names === '' && required !== undefined
      ? `Name it: --${kebabCase(required[0])} ${required[1].value}. `
      : ''
  const path = pathOf(command)
  const takes = names === '' ? 'only options' : `only ${names}`
  throw new AppError(
    'BAD_OPTIONS',
    `"${path}" takes ${takes}, and got ${plural(args.length, 'argument')}`,
    {
      hint: `${meant}See ${path} --help.`,
      exitCode: EXIT.usage,
    },
  )
}

/** `tunmeter catalog push`. */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}
