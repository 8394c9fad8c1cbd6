import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
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
    const text = assessment(unitPath(name))
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1])
    expect(exposure).toBeLessThanOrEqual(2)
  })

  test.each(UNITS)('%s is understood whole by systemd', (name) => {
    expect(faults(copyOf(name))).toEqual([])
  })

  test('the drop-in for a userspace WireGuard is understood whole, and makes the meter root', () => {
    const path = copyOf('tunmeter-meter')
    mkdirSync(`${path}.d`)
    const dropIn = `${path}.d/userspace.conf`
    cpSync(`${ROOT}packaging/systemd/userspace.conf`, dropIn)
    expect(faults(path, dropIn)).toEqual([])
    expect(assessment(path)).toContain('Service runs as root user')
  })
})

/** The program is not installed here; everything else in the unit counts. */
function copyOf(name: string): string {
  const path = join(temporaryDirectory(), `${name}.service`)
  const unit = readFileSync(unitPath(name), 'utf8').replaceAll('/usr/bin/tunmeter', '/bin/true')
  writeFileSync(path, unit)
  return path
}

/** What systemd says about these files. */
function faults(...paths: string[]): string[] {
  const { stderr } = spawnSync('systemd-analyze', ['verify', paths[0]!], { encoding: 'utf8' })
  return stderr.split('\n').filter((line) => paths.some((path) => line.includes(path)))
}

function assessment(path: string): string {
  const args = ['security', '--offline=true', '--no-pager', path]
  return execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: 'pipe' })
}

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
