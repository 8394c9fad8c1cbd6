/** Runs a program to its end. */
import { spawnSync } from 'node:child_process'

/**
 * @returns standard output
 * @throws Error with the last lines of its output
 */
export function run(
  command: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): string {
  const result = spawnSync(command, [...args], {
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
  })
  if (result.status === 0) return result.stdout
  const printed = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`
  const tail = printed.split('\n').slice(-30).join('\n')
  throw new Error(`${command} ${args.join(' ')} failed\n${tail}`)
}
