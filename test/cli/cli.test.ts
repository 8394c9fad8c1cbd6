/** The command line as a user meets it: a real process, its output and its exit code. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

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
    for (const word of ['--version', '-V', '-v', 'version'])
      expect(run(word).stdout.trim(), word).toBe(version)
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

  test.each(['gateway Frankfurt', 'ü', 'a'.repeat(65)])('--meter-id %j is refused', (id) => {
    const way = ['--to', 'http://127.0.0.1:1', '--key', 'k']
    const { status, stderr } = run('meter', '--interface', 'none', '--meter-id', id, ...way)
    expect(status).toBe(2)
    expect(stderr).toContain(`--meter-id: "${id}": expected 1 to 64 of A-Z a-z 0-9 _ . : -`)
  })

  describe('a configuration file', () => {
    const withFile = (yaml: string, ...args: string[]) => {
      const file = join(temporaryDirectory(), 'tunmeter.yaml')
      writeFileSync(file, yaml)
      return { file, ...run(...args, '--config', file) }
    }

    test('an option without a value is not given', () => {
      const yaml = 'catalog:\npeers: ~\noutput: ""\nspool-max:\nconsolidate:\nformat: summary\n'
      const { status, stdout, stderr } = withFile(yaml, 'replay', 'fixtures/demo/site.pcap')
      expect([stderr, status]).toEqual(['', 0])
      expect(JSON.parse(stdout)).toMatchObject({ sessions: 192 })
    })

    test('what is wrong in it is said with file, option and place', () => {
      const yaml = 'interface: [wg0, ~, wg1]\nring: soon\nuser: { name: me }\nspol: x\n'
      const { file, status, stderr } = withFile(yaml, 'meter')
      expect(status).toBe(2)
      const lines = stderr.replaceAll(file, 'FILE').split('\n')
      expect(lines.map((line) => line.replace(/^tunmeter: /, '').trim())).toEqual(
        expect.arrayContaining([
          'interface in FILE: item 2 of the list is empty',
          'ring in FILE: "soon": expected a size as in 64MiB or 1GiB',
          'user in FILE: expected one value or a list',
          'FILE has no option "spol"; did you mean "spool"?',
        ]),
      )
    })

    test.each<[string, string[], string, string]>([
      ['--active-timeout', ['--active-timeout', '30s'], '', ''],
      ['TUNMETER_ACTIVE_TIMEOUT', [], '', '30s'],
      ['active-timeout in FILE', [], 'active-timeout: 30s', ''],
    ])('--consolidate with %s is refused by that name', (name, args, yaml, variable) => {
      const file = join(temporaryDirectory(), 'tunmeter.yaml')
      writeFileSync(file, yaml)
      const { status, stderr } = spawnSync(
        process.execPath,
        [
          ...['dist/cli.js', 'meter', '--interface', 'none', '--consolidate', ...args],
          ...['--to', 'http://127.0.0.1:1', '--key', 'k', '--config', file],
        ],
        { encoding: 'utf8', env: { PATH: process.env.PATH, TUNMETER_ACTIVE_TIMEOUT: variable } },
      )
      expect([status, stderr.replaceAll(file, 'FILE')]).toEqual([
        2,
        expect.stringContaining(
          `${name} reports open sessions, --consolidate only those that have ended: leave out`,
        ),
      ])
    })
  })
})
