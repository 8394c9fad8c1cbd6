/** The command line as a user meets it: a real process, its output and its exit code. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['dist/cli.js', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  })

describe('tunmeter', () => {
  test('without arguments shows the commands and fails as a usage error', () => {
    const { status, stderr } = run()
    expect(status).toBe(2)
    for (const command of ['replay', 'meter', 'serve', 'demo']) expect(stderr).toContain(command)
  })

  test('--version is the package version', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(run('--version').stdout.trim()).toBe(version)
  })

  test('a misspelt command is refused with the nearest one', () => {
    const { status, stderr } = run('replya')
    expect(status).toBe(2)
    expect(stderr).toContain('there is no command "replya"; did you mean "replay"?')
  })

  test('a misspelt option is refused by name', () => {
    const { status, stderr } = run('replay', '--fromat', 'csv', 'x.pcap')
    expect(status).toBe(2)
    expect(stderr).toContain('--fromat')
  })

  test.each(['replay', 'meter', 'serve', 'demo'])(
    '%s --help shows options with defaults',
    (command) => {
      const { status, stdout } = run(command, '--help')
      expect(status).toBe(0)
      expect(stdout).toMatch(/Default:\s/)
      expect(stdout).toContain('--config <FILE>')
    },
  )
})
