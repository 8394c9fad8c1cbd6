/** Man pages in the man(7) macros: tunmeter(1) and one for each command. */
import type { Described, DescribedOption } from './commands.ts'

/**
 * Returns texts by file name.
 * @param date of the release, as YYYY-MM-DD
 */
export function manPages(
  commands: readonly Described[],
  version: string,
  date: string,
): Map<string, string> {
  const head = (name: string) =>
    `.TH ${name.toUpperCase()} 1 ${date} "tunmeter ${version}" "User Commands"`
  const pages = new Map([['tunmeter.1', mainPage(head('tunmeter'), commands)]])
  for (const command of commands) {
    const name = `tunmeter-${command.name}`
    pages.set(`${name}.1`, commandPage(head(name), name, command))
  }
  return pages
}

function mainPage(head: string, commands: readonly Described[]): string {
  return page([
    head,
    ...section('NAME', ['tunmeter \\- exact, loss\\-free connection log for WireGuard tunnels']),
    ...section('SYNOPSIS', ['.B tunmeter', '.I COMMAND', '.RI [ OPTION .\\|.\\|.]']),
    ...section(
      'COMMANDS',
      commands.flatMap(({ name, summary }) => ['.TP', `.BR tunmeter\\-${name} (1)`, text(summary)]),
    ),
    ...section('ENVIRONMENT', [
      text(
        'Every option can be given as TUNMETER_NAME, in capitals and with underscores: TUNMETER_SPOOL_MAX for --spool-max. The command line counts first, then the environment, then the file of --config.',
      ),
    ]),
    ...section('EXIT STATUS', [
      ...['.TP', '.B 0', 'Done.'],
      ...['.TP', '.B 1', 'Failed; standard error says what and what to do.'],
      ...['.TP', '.B 2', 'Wrong options, file or key: trying again does not help.'],
    ]),
    ...section('FILES', [
      ...['.TP', '.I /etc/tunmeter/meter.yaml', 'Options of the meter\\(aqs unit.'],
      ...['.TP', '.I /etc/tunmeter\\-server/server.yaml', 'Options of the server\\(aqs unit.'],
    ]),
  ])
}

function commandPage(head: string, name: string, command: Described): string {
  const parts = command.subcommands.length > 0 ? leavesOf(command) : [command]
  const usage = (part: Described) => [
    `.B tunmeter ${part === command ? command.name : `${command.name} ${part.name}`}`,
    '.RI [ OPTION .\\|.\\|.]',
    ...(part.arguments === '' ? [] : [text(part.arguments)]),
    '.br',
  ]
  return page([
    head,
    ...section('NAME', [`${escaped(name)} \\- ${text(command.summary.replace(/\.$/, ''))}`]),
    ...section('SYNOPSIS', parts.flatMap(usage).slice(0, -1)),
    ...parts.flatMap((part) =>
      part === command
        ? [
            ...section('OPTIONS', part.options.flatMap(option)),
            ...details(part.details, '.SH NOTES'),
          ]
        : [
            ...section(`${command.name} ${part.name}`.toUpperCase(), [text(part.summary)]),
            ...part.options.flatMap(option),
            ...details(part.details, '.PP'),
          ],
    ),
    ...section('SEE ALSO', ['.BR tunmeter (1)']),
  ])
}

/** The commands with options below a group; names include those of groups in between. */
function leavesOf({ subcommands }: Described): readonly Described[] {
  return subcommands.flatMap((sub) =>
    sub.subcommands.length === 0
      ? [sub]
      : leavesOf(sub).map((leaf) => ({ ...leaf, name: `${sub.name} ${leaf.name}` })),
  )
}

function option({ flag, value, help, required }: DescribedOption): string[] {
  const shown =
    value === undefined ? `.B ${escaped(flag)}` : `.BI ${escaped(flag)} " ${escaped(value)}"`
  return ['.TP', shown, text(`${help}${required ? ' Required.' : ''}`)]
}

/** Examples and tables: lines unchanged. */
function details(lines: string, heading: string): string[] {
  return lines === '' ? [] : [heading, '.nf', ...lines.split('\n').map(text), '.fi']
}

function section(title: string, lines: readonly string[]): string[] {
  return [`.SH ${escaped(title)}`, ...lines]
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`
}

function escaped(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replace(
      /[^\0-\x7f]/gu,
      (c) => `\\[u${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}

/** A line of text that man(7) cannot read as a request. */
function text(line: string): string {
  return escaped(line).replace(/^\./, '\\&.')
}
