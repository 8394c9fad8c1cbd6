/** What the Debian packages are made of; scripts/deb-e2e.sh builds, installs, removes and purges them. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { describeCommands } from '../../scripts/release/commands.js'
import { commentedOptions } from '../../scripts/release/commented-options.js'
import { ROOT } from '../support/process.js'

test.each([
  ['meter', 'meter'],
  ['serve', 'server'],
])(
  'the configuration file of %s sets what the unit needs and names every option',
  async (name, file) => {
    const given = `${ROOT}packaging/systemd/${file}.yaml`
    const text = await commentedOptions(name, given)
    expect(parse(text)).toEqual(parse(readFileSync(given, 'utf8')))
    const command = (await describeCommands(true)).find((found) => found.name === name)!
    const named = [...text.matchAll(/^#?([a-z-]+): /gm)].map((match) => `--${match[1]}`)
    expect(named).toEqual(
      command.options.map(({ flag }) => flag).filter((flag) => flag !== '--config'),
    )
  },
)

test.each(['postinst', 'prerm', 'postrm'])(
  '%s is a shell script, and has nothing but known placeholders',
  (name) => {
    const path = `${ROOT}packaging/debian/${name}`
    expect(spawnSync('sh', ['-n', path], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    })
    const placeholders = readFileSync(path, 'utf8').match(/@[A-Z]+@/g) ?? []
    expect(placeholders.filter((word) => !['@PACKAGE@', '@SERVICES@'].includes(word))).toEqual([])
  },
)
