/**
 * A configuration file with every option of a command: options set in the file `example` are set,
 * all others are comments.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { type Described, describeCommands } from './commands.ts'

/** @param example a file in the form of --config */
export async function commentedOptions(command: string, example: string): Promise<string> {
  const text = readFileSync(example, 'utf8')
  const set = (parse(text) ?? {}) as Readonly<Record<string, unknown>>
  const { options } = (await describeCommands(true)).find(({ name }) => name === command)!
  const head = text.split('\n').filter((line) => line.startsWith('#'))
  return `${[...head, ...options.flatMap((option) => lines(option, set))].join('\n')}\n`
}

function lines(
  { flag, help, value }: Described['options'][number],
  set: Readonly<Record<string, unknown>>,
): string[] {
  const name = flag.slice(2)
  if (name === 'config') return []
  const line = name in set ? `${name}: ${set[name]}` : `#${name}: ${value ?? 'true'}`
  return ['', `# ${help}`, line]
}
