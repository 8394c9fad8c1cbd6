/** Completion of commands, options and their values for bash, zsh and fish. */
import type { Described, DescribedOption } from './commands.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

const PATHS = new Set(['FILE', 'DIR', 'PATH'])

/** The kind of value of an option: an interface, a path, or anything else. */
function kindOf({ flag, value }: DescribedOption): 'interface' | 'path' | 'other' {
  if (flag === '--interface') return 'interface'
  return value !== undefined && PATHS.has(value) ? 'path' : 'other'
}

type Worded = readonly [words: string, command: Described]

/** All commands by their words, a group before its subcommands. */
function worded(commands: readonly Described[], before = ''): readonly Worded[] {
  return commands.flatMap((command) => {
    const words = `${before}${command.name}`
    return [[words, command] as const, ...worded(command.subcommands, `${words} `)]
  })
}

/** Commands that take options. */
function leaves(commands: readonly Described[]): readonly Worded[] {
  return worded(commands).filter(([, { subcommands }]) => subcommands.length === 0)
}

function groups(commands: readonly Described[]): readonly Worded[] {
  return worded(commands).filter(([, { subcommands }]) => subcommands.length > 0)
}

const names = (commands: readonly Described[]) => commands.map(({ name }) => name).join(' ')

export function completion(shell: Shell, commands: readonly Described[]): string {
  return { bash, zsh, fish }[shell](commands)
}

function bash(commands: readonly Described[]): string {
  const values = leaves(commands).flatMap(([words, { options }]) =>
    options
      .filter(({ choices }) => choices.length > 0)
      .map(({ flag, choices }) => `    '${words} ${flag}') echo '${choices.join(' ')}' ;;`),
  )
  const paths = leaves(commands).flatMap(([words, { options }]) =>
    options.filter((o) => kindOf(o) === 'path').map(({ flag }) => `'${words} ${flag}'`),
  )
  return `# bash completion of tunmeter
_tunmeter_words() {
  case $1 in
    '') echo '${names(commands)}' ;;
${groups(commands)
  .map(([words, { subcommands }]) => `    '${words}') echo '${names(subcommands)}' ;;`)
  .join('\n')}
${leaves(commands)
  .map(
    ([words, { options }]) =>
      `    '${words}') echo '${[...options.map(({ flag }) => flag), '--help'].join(' ')}' ;;`,
  )
  .join('\n')}
  esac
}

_tunmeter_values() {
  case $1 in
${values.join('\n')}
    *' --interface') (cd /sys/class/net && echo *) ;;
    ${paths.join(' | ')}) echo / ;;
  esac
}

_tunmeter() {
  local current=\${COMP_WORDS[COMP_CWORD]} command='' words at=2
  [ "$COMP_CWORD" -gt 1 ] && command=\${COMP_WORDS[1]}
  while [ "$COMP_CWORD" -gt "$at" ]; do
    case $command in
      ${groups(commands)
        .map(([words]) => `'${words}'`)
        .join(' | ')}) command="$command \${COMP_WORDS[at++]}" ;;
      *) break ;;
    esac
  done
  words=$(_tunmeter_values "$command \${COMP_WORDS[COMP_CWORD - 1]}")
  COMPREPLY=()
  # No words here, so that bash completes file names (-o default).
  [ "$words" = / ] && return
  [ -n "$words" ] || words=$(_tunmeter_words "$command")
  case $words in
    --*) [[ $current == -* ]] || return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o default -F _tunmeter tunmeter
`
}

function zsh(commands: readonly Described[]): string {
  const quoted = (words: string) => words.replaceAll("'", "'\\''")
  const described = (list: readonly Described[]) =>
    list.map(({ name, summary }) => `'${name}:${quoted(summary)}'`).join(' ')
  const argument = (o: DescribedOption) => {
    const help = quoted(o.help.replace(/[[\]:\\]/g, '\\$&'))
    if (o.value === undefined) return `'${o.flag}[${help}]'`
    const kind = { interface: '_net_interfaces', path: '_files', other: '' }[kindOf(o)]
    const what = o.choices.length > 0 ? `(${o.choices.join(' ')})` : kind
    return `'${o.flag}[${help}]:${o.value.replaceAll(':', '\\:')}:${what}'`
  }
  const cases = leaves(commands).map(
    ([words, { options, arguments: positional }]) =>
      `    '${words}')\n      _arguments ${[...options.map(argument), ...(positional === '' ? [] : ["'*:file:_files'"])].join(' \\\n        ')} ;;`,
  )
  return `#compdef tunmeter
_tunmeter() {
  local -a found
  local command
  if (( CURRENT == 2 )); then
    found=(${described(commands)})
    _describe command found
    return
  fi
  command=$words[2]
  shift words
  (( CURRENT-- ))
${groups(commands)
  .map(
    ([words, { subcommands }]) => `  case $command in
    '${words}')
      if (( CURRENT == 2 )); then
        found=(${described(subcommands)})
        _describe command found
        return
      fi
      command="$command $words[2]"
      shift words
      (( CURRENT-- )) ;;
  esac`,
  )
  .join('\n')}
  case $command in
${cases.join('\n')}
  esac
}

_tunmeter "$@"
`
}

function fish(commands: readonly Described[]): string {
  const quoted = (words: string) => `'${words.replace(/[\\']/g, '\\$&')}'`
  const option = (condition: string, o: DescribedOption) => {
    const kind = { interface: "-xa '(command ls /sys/class/net)'", path: '-rF', other: '-x' }[
      kindOf(o)
    ]
    const value =
      o.value === undefined ? '-f' : o.choices.length > 0 ? `-xa '${o.choices.join(' ')}'` : kind
    return `complete -c tunmeter -n '${condition}' -l ${o.flag.slice(2)} ${value} -d ${quoted(o.help)}`
  }
  const seen = (name: string) => `__fish_seen_subcommand_from ${name}`
  const below = (command: Described, condition: string): string[] => {
    const { subcommands, options } = command
    const here =
      subcommands.length === 0 ? condition : `${condition}; and not ${seen(names(subcommands))}`
    return [
      ...subcommands.flatMap((sub) => [
        `complete -c tunmeter -n '${here}' -f -a ${sub.name} -d ${quoted(sub.summary)}`,
        ...below(sub, `${condition}; and ${seen(sub.name)}`),
      ]),
      ...options.map((o) => option(condition, o)),
    ]
  }
  const lines = commands.flatMap((command) => [
    `complete -c tunmeter -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
    ...below(command, seen(command.name)),
  ])
  return `# fish completion of tunmeter\n${lines.join('\n')}\n`
}
