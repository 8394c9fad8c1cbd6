/** Man pages and completions that a release generates from the commands' option tables. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Described, describeCommands } from '../../scripts/release/commands.js'
import { completion, type Shell } from '../../scripts/release/completion.js'
import { manPages } from '../../scripts/release/man.js'

const has = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0

let commands: Described[]
let folder: string
beforeAll(async () => {
  commands = await describeCommands(true)
  folder = mkdtempSync(join(tmpdir(), 'tunmeter-command-line-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

function allOptions({ options, subcommands }: Described): readonly { flag: string }[] {
  return [...options, ...subcommands.flatMap(allOptions)]
}

describe('man pages', () => {
  test.skipIf(!has('groff'))('have every option, and groff has nothing to say about them', () => {
    const pages = manPages(commands, '1.2.3', '2026-01-31')
    expect([...pages.keys()]).toContain('tunmeter-keys.1')
    for (const [name, text] of pages) {
      const { stdout, stderr } = spawnSync(
        'groff',
        ['-ww', '-man', '-Tutf8', '-P-cbou', write(name, text)],
        { encoding: 'utf8' },
      )
      expect(stderr, name).toBe('')
      const command = commands.find((c) => name === `tunmeter-${c.name}.1`)
      for (const { flag } of command ? allOptions(command) : [])
        expect(stdout, name).toContain(flag)
    }
  })

  test('take no line of a text for a request', () => {
    const odd: Described = {
      ...{
        name: 'odd',
        summary: ".so a file, it's \\n",
        arguments: '',
        subcommands: [],
        options: [],
      },
      details: ".de x\n'br\n\\n(.g",
    }
    const page = manPages([odd], '1', '2026-01-31').get('tunmeter-odd.1')!
    expect(page).toContain('\n\\&.de x\n\\(aqbr\n\\en(.g\n')
    expect(page).not.toMatch(/^(\.so|\.de|'br)/m)
  })
})

/** What the shell offers for the last word of a line. */
const OFFERS: Readonly<Record<Shell, (line: string) => string[]>> = {
  bash: (line) => {
    const words = line.split(' ')
    const script = `source ${write('bash', completion('bash', commands))}
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}
      _tunmeter; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['--norc', '-euc', script], { encoding: 'utf8' }).split('\n')
  },
  fish: (line) => {
    const script = `source ${write('fish', completion('fish', commands))}; complete -C '${line}'`
    const offered = execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' })
    return offered.split('\n').map((row) => row.split('\t')[0]!)
  },
  // Its own functions need a terminal; what they are told is what is shown.
  zsh: (line) => {
    const words = line.split(' ')
    const script = `_describe() { print -l -- \${found%%:*} }
      _arguments() { local a; for a; do print -- \${a%%\\[*}; print -l -- \${=\${\${a##*:\\(}%\\)}}; done }
      words=(${words.map((word) => `'${word}'`).join(' ')}) CURRENT=${words.length}
      source ${write('zsh', completion('zsh', commands))}`
    return execFileSync('zsh', ['-fc', script], { encoding: 'utf8' }).split('\n')
  },
}

describe.each(['bash', 'zsh', 'fish'] as const)('completion of %s', (shell) => {
  test.skipIf(!has(shell))('offers commands, subcommands, options and their words', () => {
    const offers = OFFERS[shell]
    expect(offers('tunmeter me')).toContain('meter')
    expect(offers('tunmeter keys cr')).toContain('create')
    expect(offers('tunmeter keys create --sc')).toContain('--scope')
    expect(offers('tunmeter catalog s')).toContain('set')
    expect(offers('tunmeter catalog set cl')).toContain('client')
    expect(offers('tunmeter catalog set client --pub')).toContain('--public-key')
    expect(offers('tunmeter meter --spool-')).toContain('--spool-max')
    expect(offers('tunmeter meter --log-level wa')).toContain('warn')
  })
})

test.skipIf(!has('bash'))('bash leaves file names to itself where an option takes one', () => {
  expect(OFFERS.bash('tunmeter serve --tls-cert ').join('')).toBe('')
  expect(OFFERS.bash('tunmeter meter --interface l')).toContain('lo')
})
