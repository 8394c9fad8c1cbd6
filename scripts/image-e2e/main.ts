/**
 * Tests the container images with runc and the settings of packaging/compose: a server with a
 * volume, and a meter in the network of another container. The meter meters that container's
 * interface, and the server must return the sessions.
 *
 *     node --import tsx scripts/image-e2e/main.ts [--built]
 *
 * Needs root, runc, umoci, iproute2 and the needs of scripts/release/oci.ts; --built uses
 * build/release/oci as it is. If there are images for arm64, they are inspected, and their program
 * runs under qemu-user.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { manifest } from '../release/closure.ts'
import { run } from '../release/run.ts'
import { ROOT } from '../release/stage.ts'
import { type Bundle, type Container, exec, remove, serviceOf, start, unpack } from './container.ts'

const IMAGES = join(ROOT, 'build/release/oci')
const COMPOSE = join(ROOT, 'packaging/compose')
const NODE = '/usr/lib/tunmeter/bin/node'
const HEALTH = [NODE, '/usr/lib/tunmeter/health.mjs']
const USER = 65_532
const SPACE = `tunmeter-image-${process.pid}`
const PATIENCE_MS = 60_000

const work = mkdtempSync(join(tmpdir(), 'tunmeter-image-'))
const started: string[] = []
let passed = 0

function check(what: string, holds: boolean, seen: unknown = ''): void {
  if (!holds) throw new Error(`${what}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)
  passed++
  console.log(`ok     ${what}`)
}

async function until(what: string, holds: () => boolean, seen: () => string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !holds(); await sleep(100))
    if (Date.now() > end) throw new Error(`${what} does not happen; last seen: ${seen()}`)
  check(what, true)
}

const archiveOf = (kind: string, architecture: string) =>
  join(IMAGES, `tunmeter-${kind}_${manifest(ROOT).version}_${architecture}.tar`)

function volume(name: string): string {
  const folder = join(work, 'volumes', name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chownSync(folder, USER, USER)
  return folder
}

function begin(...args: Parameters<typeof start>): Container {
  started.push(args[0])
  return start(...args)
}

/** The other service: a network namespace of its own with a `sleep` in it. */
function otherService(): number {
  run('ip', ['netns', 'add', SPACE])
  const inside = ['netns', 'exec', SPACE, 'ip']
  run('ip', [...inside, 'link', 'set', 'lo', 'up'])
  run('ip', [...inside, 'link', 'add', 'wg0', 'type', 'veth', 'peer', 'name', 'clients'])
  run('ip', ['netns', 'add', `${SPACE}-c`])
  run('ip', [...inside, 'link', 'set', 'clients', 'netns', `${SPACE}-c`])
  run('ip', [...inside, 'address', 'add', '10.9.0.1/24', 'dev', 'wg0'])
  run('ip', [...inside, 'link', 'set', 'wg0', 'up'])
  const client = ['netns', 'exec', `${SPACE}-c`, 'ip']
  run('ip', [...client, 'address', 'add', '10.9.0.2/24', 'dev', 'clients'])
  run('ip', [...client, 'link', 'set', 'clients', 'up'])
  return spawn('ip', ['netns', 'exec', SPACE, 'sleep', '600'], { stdio: 'ignore' }).pid!
}

function status(container: Container, field: string): string {
  const text = readFileSync(`/proc/${container.pid}/status`, 'utf8')
  return new RegExp(`^${field}:\\t(.*)$`, 'm').exec(text)?.[1] ?? ''
}

function inspect(kind: string, architecture: string, bundle: Bundle): void {
  const file = archiveOf(kind, architecture).replace(/tar$/, 'cdx.json')
  const { components } = JSON.parse(readFileSync(file, 'utf8'))
  const listed = new Set(components.map(({ purl }: { purl: string }) => purl.split('?')[0]))
  const modules = join(bundle.root, 'usr/lib/tunmeter/node_modules')
  const missing = readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?:^|node_modules\/)(?:@[^/]+\/)?[^/@]+\/package\.json$/.test(path))
    .map((path) => manifest(join(modules, path, '..')))
    .filter(({ name }) => !name.startsWith('@tunmeter/'))
    .map(({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`)
    .filter((purl) => !listed.has(purl))
  check(
    `${kind} ${architecture}: its bill of materials lists every package`,
    missing.length === 0,
    missing,
  )
  const setuid = readdirSync(bundle.root, { recursive: true, encoding: 'utf8' })
    .map((path) => join(bundle.root, path))
    .filter((path) => existsSync(path) && (statSync(path).mode & 0o6000) !== 0)
  check(`${kind} ${architecture}: nothing is setuid`, setuid.length === 0, setuid)
}

async function ready(container: Container): Promise<void> {
  const isHealthy = () => exec(container, ...HEALTH).status === 0
  await until(`${container.name}: its health check says so`, isHealthy, () =>
    readFileSync(container.log, 'utf8'),
  )
}

async function end(container: Container): Promise<void> {
  run('runc', ['kill', container.name, 'TERM'])
  const state = () => run('runc', ['state', container.name])
  await until(
    `${container.name}: it ends by SIGTERM`,
    () => /"status": "stopped"/.test(state()),
    state,
  )
  remove(container.name)
}

const TALK = `
const { connect } = require('node:net')
const socket = connect(8080, '10.9.0.1', () => socket.end('hello'))
socket.on('close', () => process.exit(0)).on('error', () => process.exit(1)).resume()`
const LISTEN = `require('node:net').createServer((s) => s.on('data', (d) => s.write(d)).on('end', () => s.end())).listen(8080)`

async function scenario(meterImage: Bundle, serverImage: Bundle): Promise<void> {
  const network = otherService()
  started.push(`pid ${network}`)
  const listener = spawn('ip', ['netns', 'exec', SPACE, process.execPath, '-e', LISTEN], {
    stdio: 'ignore',
  })
  started.push(`pid ${listener.pid}`)
  const place = {
    network,
    work,
    volumes: { tunmeter: volume('meter'), 'tunmeter-server': volume('server') },
  }
  const ofServer = serviceOf(join(COMPOSE, 'server.yaml'), {})
  let server = begin(`${SPACE}-server`, serverImage, ofServer, place)
  await ready(server)
  check(
    'the server is not root and has no capability',
    /^65532\t/.test(status(server, 'Uid')) && /^0+$/.test(status(server, 'CapEff')),
  )
  const create = ['tunmeter', 'keys', 'create', '--org', 'acme', '--scope']
  const admin = exec(
    server,
    ...create,
    'admin',
    '--create-org',
    '--retention-days',
    '30',
  ).stdout.trim()
  const key = exec(server, ...create, 'ingest', '--site', '1').stdout.trim()
  check('keys are made in the running server', admin !== '' && key !== '')

  const env = { TUNMETER_TO: 'http://127.0.0.1:8480', TUNMETER_KEY: key }
  const ofMeter = serviceOf(join(COMPOSE, 'wg-easy.yaml'), env)
  const powerless = begin(`${SPACE}-powerless`, meterImage, { ...ofMeter, cap_add: [] }, place)
  const said = () => readFileSync(powerless.log, 'utf8')
  await until('a meter without cap_add says what it lacks', () => /CAP_NET_RAW/.test(said()), said)
  remove(powerless.name)
  const meter = begin(`${SPACE}-meter`, meterImage, ofMeter, place)
  await ready(meter)
  check(
    'the meter is not root and has the two capabilities',
    /^65532\t/.test(status(meter, 'Uid')) && /^0*3000$/.test(status(meter, 'CapEff')),
    status(meter, 'CapEff'),
  )
  const talk = spawnSync('ip', ['netns', 'exec', `${SPACE}-c`, process.execPath, '-e', TALK])
  check('a client talks through wg0', talk.status === 0)
  await end(meter)

  const log = () => logOf(server, admin)
  await until('its session is in the server’s log', () => log().includes('10.9.0.2'), log)
  await end(server)
  server = begin(`${SPACE}-again`, serverImage, ofServer, place)
  await ready(server)
  await until('the volume keeps it over a new container', () => log().includes('10.9.0.2'), log)
  await end(server)
}

function logOf(server: Container, key: string): string {
  const args = ['exec', '--env', `TUNMETER_KEY=${key}`, server.name, 'tunmeter', 'log', '--json']
  const { stdout, stderr } = spawnSync('runc', args, { encoding: 'utf8' })
  return stdout + stderr
}

function foreign(kind: string): void {
  if (!existsSync(archiveOf(kind, 'arm64'))) return
  const bundle = unpack(archiveOf(kind, 'arm64'), join(work, `${kind}-arm64`))
  inspect(kind, 'arm64', bundle)
  const home = join(bundle.root, 'usr/lib/tunmeter')
  const demo = join(ROOT, 'fixtures/demo')
  const capture = join(demo, readdirSync(demo).find((name) => /\.pcap/.test(name))!)
  const args = [join(home, 'dist/cli.js'), 'replay', '--format', 'csv', capture]
  const counted = run('qemu-aarch64-static', ['-L', bundle.root, join(home, 'bin/node'), ...args])
  check(`${kind} arm64: it counts a capture under qemu-user`, counted.split('\n').length > 100)
}

function tidy(): void {
  for (const name of started.reverse()) {
    if (!name.startsWith('pid ')) remove(name)
    else
      try {
        process.kill(Number(name.slice(4)))
      } catch {
        // It ended before.
      }
  }
  for (const space of [SPACE, `${SPACE}-c`]) spawnSync('ip', ['netns', 'delete', space])
  rmSync(work, { recursive: true, force: true })
}

try {
  if (!process.argv.includes('--built'))
    run(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts/release/oci.ts'), 'amd64'])
  const meter = unpack(archiveOf('meter', 'amd64'), join(work, 'meter'))
  const server = unpack(archiveOf('server', 'amd64'), join(work, 'server'))
  inspect('meter', 'amd64', meter)
  inspect('server', 'amd64', server)
  await scenario(meter, server)
  for (const kind of ['meter', 'server']) foreign(kind)
  console.log(`image-e2e: ${passed} passed, 0 failed`)
} finally {
  tidy()
}
