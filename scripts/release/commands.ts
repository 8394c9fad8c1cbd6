/** The command line as data, for man pages and completions. */
import { envName, kebabCase, type OptionTable } from '../../src/base/config.js'
import { type AnyCommand, CONFIG_HELP, optionHelp } from '../../src/cli/command.js'
import { COMMANDS } from '../../src/cli/index.js'

export interface DescribedOption {
  /** `--spool-max` */
  readonly flag: string
  readonly help: string
  /** Placeholder of the value; absent for a switch. */
  readonly value?: string
  readonly choices: readonly string[]
  readonly required: boolean
  readonly environment: string
}

export interface Described {
  readonly name: string
  readonly summary: string
  readonly arguments: string
  readonly details: string
  readonly options: readonly DescribedOption[]
  /** The commands of a group, which has no options itself. */
  readonly subcommands: readonly Described[]
}

export async function describeCommands(withServer: boolean): Promise<Described[]> {
  const entries = Object.values(COMMANDS).filter(({ needsServer }) => withServer || !needsServer)
  const described: Described[] = []
  for (const { load } of entries) described.push(describe(await load()))
  return described
}

function describe(spec: AnyCommand): Described {
  const { name, summary } = spec
  const nothing = { name, summary, arguments: '', details: '', options: [], subcommands: [] }
  if (spec.subcommands !== undefined)
    return { ...nothing, subcommands: spec.subcommands.map(describe) }
  const options = Object.entries(spec.options as OptionTable).map(([key, option]) => ({
    flag: `--${kebabCase(key)}`,
    help: optionHelp(key, option),
    ...(option.value !== undefined && { value: option.value }),
    choices: option.choices ?? [],
    required: option.required,
    environment: envName(key),
  }))
  const config = {
    flag: '--config',
    help: CONFIG_HELP,
    value: 'FILE',
    choices: [],
    required: false,
    environment: envName('config'),
  }
  return {
    ...nothing,
    arguments: spec.arguments ?? '',
    details: spec.details ?? '',
    options: [...options, config],
  }
}
