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

  test.each([
    [['nonsense', '--help'], 'there is no command "nonsense"'],
    [['keys', 'lits'], 'there is no command "keys lits"; did you mean "keys list"?'],
    [['keys', 'nonsense', '--help'], 'there is no command "keys nonsense"'],
  ])('%j is no command, also with --help', (args, message) => {
    const { status, stdout, stderr } = run(...args)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })

  test('help, also of a command, as people type it', () => {
    expect(run('help')).toMatchObject({ status: 0, stdout: run('--help').stdout })
    expect(run('help', 'keys', 'create')).toMatchObject({
      status: 0,
      stdout: run('keys', 'create', '--help').stdout,
    })
  })

  test('a misspelt variable is named, and the command runs', () => {
    const env = { PATH: process.env.PATH, TUNMETER_FORMTA: 'csv' }
    const args = ['dist/cli.js', 'keys', 'list', '--help']
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(/^tunmeter: .*TUNMETER_FORMTA is ignored.*"TUNMETER_FORMAT"\?\n$/),
    ])
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
