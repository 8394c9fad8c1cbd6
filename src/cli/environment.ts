/**
 * The names that options have in the environment, of all commands: a variable that is none of them is a slip.
 * Here as a list, since asking the commands would load all of them; a test compares.
 */
import { suggestion } from '../base/config.js'

const PREFIX = 'TUNMETER_'

export const OPTION_NAMES = `

`
  .trim()
  .split(/\s+/)

/** One sentence for each variable that no command reads. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = OPTION_NAMES.map((name) => PREFIX + name)
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && env[name] !== '' && !known.includes(name))
    .map(
      (name) =>
        `the environment’s ${name} is ignored: no option has that name${suggestion(name, known)}`,
    )
}
