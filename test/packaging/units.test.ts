import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT, run } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'

const UNITS = ['tunmeter-meter', 'tunmeter-server'] as const
const canAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0

function unitPath(name: string): string {
  return `${ROOT}packaging/systemd/${name}.service`
}

describe.skipIf(!canAnalyze)('systemd units (needs systemd-analyze)', () => {
  test.each(UNITS)('%s is exposed 2.0 at most, where 0 is best', (name) => {
    const args = ['security', '--offline=true', '--no-pager', unitPath(name)]
    const text = execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: 'pipe' })
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1])
    expect(exposure).toBeLessThanOrEqual(2)
  })

  test.each(UNITS)('%s is understood whole by systemd', (name) => {
    // The program is not installed here; everything else in the unit counts.
    const directory = temporaryDirectory()
    const unit = readFileSync(unitPath(name), 'utf8').replaceAll('/usr/bin/tunmeter', '/bin/true')
    const path = join(directory, `${name}.service`)
    writeFileSync(path, unit)
    const { stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
    const about = stderr.split('\n').filter((line) => line.includes(path))
    expect(about).toEqual([])
  })
})

test('the key that the meter’s file names is the credential that its unit loads', () => {
  const loaded = /^LoadCredential=(.*):\/etc\/tunmeter\/site\.key$/m.exec(
    readFileSync(unitPath('tunmeter-meter'), 'utf8'),
  )![1]!
  const settings = readFileSync(`${ROOT}packaging/systemd/meter.yaml`, 'utf8')
  expect(settings).toContain(`key-file: /run/credentials/tunmeter-meter.service/${loaded}\n`)
})

test('of /proc only what the units leave visible is read: processes, by ProcSubset=pid', () => {
  const sources = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
  const read = sources
    .filter((name) => name.endsWith('.ts'))
    .flatMap(
      (name) => readFileSync(join(ROOT, 'src', name), 'utf8').match(/['"`]\/proc\/[^'"`]*/g) ?? [],
    )
  expect(read.length).toBeGreaterThan(0)
  const ofProcesses = /^.\/proc\/(self|thread-self|\$\{pid\})\//
  // Where the units hide the boot's id, the meter goes without: counters from before a start are not compared.
  const optional = "'/proc/sys/kernel/random/boot_id"
  expect(read.filter((path) => path !== optional && !ofProcesses.test(path))).toEqual([])
})

describe('the commands of the units', () => {
  const commandOf = (name: string): string[] =>
    /^ExecStart=\/usr\/bin\/tunmeter (.*)$/m
      .exec(readFileSync(unitPath(name), 'utf8'))![1]!
      .split(' ')

  test('the meter’s takes its options from the file beside it, to the point of needing its key', async () => {
    const args = commandOf('tunmeter-meter')
    const config = `${ROOT}packaging/systemd/meter.yaml`
    const { code, stderr } = await run(
      args.map((a) => (a === '/etc/tunmeter/meter.yaml' ? config : a)),
    )
    expect(stderr).toContain('/run/credentials/tunmeter-meter.service/site.key')
    expect(code).toBe(2)
  })

  test('the server’s are options that it has', async () => {
    const directory = temporaryDirectory()
    const config = join(directory, 'server.yaml')
    const shipped = readFileSync(`${ROOT}packaging/systemd/server.yaml`, 'utf8')
    writeFileSync(config, shipped.replace('listen: 127.0.0.1:8480', 'listen: nonsense'))
    mkdirSync(join(directory, 'data'))
    const args = commandOf('tunmeter-server').map((a) =>
      a === '/var/lib/tunmeter-server'
        ? join(directory, 'data')
        : a.startsWith('/etc/')
          ? config
          : a,
    )
    const { code, stderr } = await run(args)
    expect(stderr).toContain('nonsense')
    expect(code).toBe(2)
  })
})
