/** What the packages of a release hold, and that the meter's works alone. scripts/install-e2e.sh installs them with npm. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manifest } from '../../scripts/release/closure.js'
import { EDITIONS, stage } from '../../scripts/release/stage.js'
import { ROOT } from '../support/process.js'

/** On a site node, Node.js itself not counted. */
const METER_BYTES_MAX = 25e6
const OF_THE_SERVER = /duckdb|fastify|dashboard|\/server\/|cli\/(serve|keys|backup|demo)\./
const MACHINE = `linux-${process.arch}`
const CAPTURE = readdirSync(`${ROOT}fixtures/demo`).find((name) => /\.pcap/.test(name))!

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tunmeter-editions-'))
  await stage(EDITIONS.meter, folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function filesOf(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
}

/** Puts in what npm chooses for this machine. */
function choose(): void {
  const { optionalDependencies = {} } = manifest(folder)
  for (const name of Object.keys(optionalDependencies)) {
    if (!name.endsWith(MACHINE)) continue
    const from = name.startsWith('@tunmeter/')
      ? 'build/Release/tunmeter.node'
      : `node_modules/${name}`
    const to = name.startsWith('@tunmeter/') ? `${name}/tunmeter.node` : name
    cpSync(join(ROOT, from), join(folder, 'node_modules', to), { recursive: true })
  }
}

async function tunmeter(...args: string[]) {
  const cli = join(folder, 'dist/cli.js')
  return promisify(execFile)(process.execPath, [cli, ...args]).then(
    (done) => ({ code: 0, ...done }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )
}

describe('@tunmeter/meter', () => {
  test('holds nothing of the server: no file, no dependency', () => {
    const { name, dependencies, optionalDependencies, bundleDependencies } = manifest(folder)
    expect(name).toBe('@tunmeter/meter')
    const needed = [dependencies, optionalDependencies, bundleDependencies].map((part) =>
      JSON.stringify(part),
    )
    expect(needed.filter((part) => OF_THE_SERVER.test(part))).toEqual([])
    const files = filesOf(folder)
    expect(files).toContain('dist/cli/meter.js')
    expect(files).toContain('dist/meter/spool/verify-child.js')
    expect(files).toContain('dist/library/index.js')
    expect(files).toContain('dist/library/index.d.ts')
    expect(manifest(folder).man).toContain('man/tunmeter-meter.1')
    expect(files).toContain('man/tunmeter-meter.1')
    expect(files).toContain('completions/tunmeter.bash')
    expect(files.filter((file) => /tunmeter-(serve|keys|backup|demo)\.1$/.test(file))).toEqual([])
    const ofOthers = files.filter(
      (file) => !file.startsWith('docs/') && !file.startsWith('packaging/'),
    )
    expect(ofOthers.filter((file) => OF_THE_SERVER.test(file))).toEqual([])
  })

  test('bundles every dependency that is not chosen by machine, without install scripts', () => {
    const { dependencies = {}, bundleDependencies, scripts } = manifest(folder)
    expect(bundleDependencies).toEqual(Object.keys(dependencies))
    expect(scripts).toEqual({ install: 'node install-addon.mjs' })
    const manifests = filesOf(join(folder, 'node_modules')).filter((file) =>
      /^(@[^/]+\/)?[^/]+\/package\.json$/.test(file),
    )
    const faults = manifests
      .map((file) => manifest(join(folder, 'node_modules', file, '..')))
      .filter((found) => found.scripts !== undefined || found.optionalDependencies !== undefined)
    expect(faults).toEqual([])
  })

  test('is small on a node, works there, and says which commands need the server', async () => {
    choose()
    const bytes = filesOf(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
    expect(bytes).toBeLessThan(METER_BYTES_MAX)
    const replayed = await tunmeter('replay', '--format', 'csv', `${ROOT}fixtures/demo/${CAPTURE}`)
    expect(replayed).toMatchObject({ code: 0, stderr: expect.not.stringContaining('bug') })
    expect(replayed.stdout.split('\n').length).toBeGreaterThan(100)
    const help = await tunmeter('--help')
    expect(help.stdout).toMatch(/^ {2}meter /m)
    expect(help.stdout).not.toMatch(/^ {2}(serve|keys|backup|demo) /m)
    for (const command of ['serve', 'keys', 'backup', 'demo']) {
      const refused = await tunmeter(command)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(
        `"tunmeter ${command}" needs the server, and the meter is installed here without it`,
      )
    }
  })

  test('takes the addon compiled here when the packed one does not load', async () => {
    choose()
    const packed = join(folder, `node_modules/@tunmeter/addon-${MACHINE}/tunmeter.node`)
    const replay = () =>
      tunmeter('replay', '--format', 'summary', `${ROOT}fixtures/demo/${CAPTURE}`)
    writeFileSync(packed, 'of another C library')
    expect((await replay()).stderr).toContain('the native addon does not load')
    cpSync(join(ROOT, 'build/Release/tunmeter.node'), join(folder, 'build/Release/tunmeter.node'))
    expect(await replay()).toMatchObject({ code: 0, stderr: '' })
  })
})

test('tunmeter holds both halves and bundles all but machine code', async () => {
  const whole = join(folder, 'whole')
  await stage(EDITIONS.all, whole)
  const files = filesOf(whole)
  for (const file of ['dist/server/http/app.js', 'dist/dashboard/index.html', 'dist/cli/serve.js'])
    expect(files).toContain(file)
  expect(files.filter((file) => file.endsWith('.node') || file.endsWith('.map'))).toEqual([])
  const { optionalDependencies = {} } = manifest(whole)
  expect(Object.keys(optionalDependencies)).toContain('@duckdb/node-bindings-linux-x64')
  expect(Object.keys(optionalDependencies)).toContain('@tunmeter/addon-linux-arm64')
})

// Without a script of its own, npm runs node-gyp: `npm link` deleted the addon that npm start had built, and compiled anew.
test('in a clone, npm compiles nothing by itself', () => {
  expect(manifest(ROOT)).toMatchObject({ gypfile: false, scripts: { install: 'true' } })
})
