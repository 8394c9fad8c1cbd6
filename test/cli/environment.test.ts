import { expect, test } from 'vitest'
import { envName } from '../../src/base/config.js'
import type { AnyCommand } from '../../src/cli/command.js'
import { OPTION_NAMES, unknownVariables } from '../../src/cli/environment.js'
import { COMMANDS } from '../../src/cli/index.js'

function namesOf(command: AnyCommand): string[] {
  return command.subcommands === undefined
    ? Object.keys(command.options as object).map(envName)
    : command.subcommands.flatMap(namesOf)
}

test('the list of names is that of all commands', async () => {
  const commands = await Promise.all(Object.values(COMMANDS).map(({ load }) => load()))
  const names = new Set(commands.flatMap(namesOf).concat(envName('config')))
  expect(OPTION_NAMES.map((name) => `TUNMETER_${name}`)).toEqual([...names].sort())
})

test('a misspelt variable is named with the nearest one; others’ and empty ones are not', () => {
  const env = { TUNMETER_FORMTA: 'csv', TUNMETER_DATA: 'x', TUNMETER_NONE: '', PATH: '/bin' }
  expect(unknownVariables(env)).toEqual([
    'the environment’s TUNMETER_FORMTA is ignored: no option has that name; did you mean "TUNMETER_FORMAT"?',
  ])
})
