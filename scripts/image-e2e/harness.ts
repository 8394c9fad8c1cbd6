/** What the scenarios of main.ts share: checks, containers, networks, and tidying up. */
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { manifest } from '../release/closure.ts'
import { run } from '../release/run.ts'
import { ROOT } from '../release/stage.ts'
import { type Container, exec, remove, start } from './container.ts'

export const COMPOSE = join(ROOT, 'packaging/compose')
const NODE = '/usr/lib/tunmeter/bin/node'
const HEALTH = [NODE, '/usr/lib/tunmeter/health.mjs']
const USER = 65_532
export const SPACE = `tunmeter-image-${process.pid}`
/** Its other end of the network, with the client. */
const CLIENT = `${SPACE}-c`
const PATIENCE_MS = 60_000
/** Under qemu-user, everything takes about ten times as long. */
export const FOREIGN_PATIENCE_MS = 300_000

export const work = mkdtempSync(join(tmpdir(), 'tunmeter-image-'))
const started: string[] = []
let passed = 0

export const passedChecks = () => passed

export function check(what: string, holds: boolean, seen: unknown = ''): void {
  if (!holds) throw new Error(`${what}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)
  passed++
  console.log(`ok     ${what}`)
}

export async function until(
  what: string,
  holds: () => boolean,
  seen: () => string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  for (const end = Date.now() + patienceMs; !holds(); await sleep(100))
    if (Date.now() > end) throw new Error(`${what} does not happen; last seen: ${seen()}`)
  check(what, true)
}

export const archiveOf = (kind: string, architecture: string) =>
  join(ROOT, 'build/release/oci', `tunmeter-${kind}_${manifest(ROOT).version}_${architecture}.tar`)

export function volume(name: string): string {
  const folder = join(work, 'volumes', name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chownSync(folder, USER, USER)
  return folder
}

export function begin(...args: Parameters<typeof start>): Container {
  started.push(args[0])
  return start(...args)
}

export async function ready(container: Container, patienceMs = PATIENCE_MS): Promise<void> {
  const isHealthy = () => exec(container, ...HEALTH).status === 0
  await until(
    `${container.name}: its health check says so`,
    isHealthy,
    () => readFileSync(container.log, 'utf8'),
    patienceMs,
  )
}

export async function end(container: Container): Promise<void> {
  run('runc', ['kill', container.name, 'TERM'])
  const state = () => run('runc', ['state', container.name])
  await until(
    `${container.name}: it ends by SIGTERM`,
    () => /"status": "stopped"/.test(state()),
    state,
  )
  remove(container.name)
}

/** Runs `code` with Node.js in the network of the other service, or of its client. */
function inNetwork(space: string, code: string) {
  return ['ip', ['netns', 'exec', space, process.execPath, '-e', code]] as const
}

function background(command: string, args: readonly string[]): number {
  const { pid } = spawn(command, args, { stdio: 'ignore' })
  started.push(`pid ${pid}`)
  return pid!
}

const LISTEN = `require('node:net').createServer((s) => s.on('data', (d) => s.write(d)).on('end', () => s.end())).listen(8080)`

/**
 * The other service: a network of its own with wg0, behind which a client is, and a program that
 * listens there.
 * @returns the pid of a process in that network
 */
export function otherService(): number {
  run('ip', ['netns', 'add', SPACE])
  const inside = ['netns', 'exec', SPACE, 'ip']
  run('ip', [...inside, 'link', 'set', 'lo', 'up'])
  run('ip', [...inside, 'link', 'add', 'wg0', 'type', 'veth', 'peer', 'name', 'clients'])
  run('ip', ['netns', 'add', CLIENT])
  run('ip', [...inside, 'link', 'set', 'clients', 'netns', CLIENT])
  run('ip', [...inside, 'address', 'add', '10.9.0.1/24', 'dev', 'wg0'])
  run('ip', [...inside, 'link', 'set', 'wg0', 'up'])
  const client = ['netns', 'exec', CLIENT, 'ip']
  run('ip', [...client, 'address', 'add', '10.9.0.2/24', 'dev', 'clients'])
  run('ip', [...client, 'link', 'set', 'clients', 'up'])
  background(...inNetwork(SPACE, LISTEN))
  return background('ip', ['netns', 'exec', SPACE, 'sleep', '3600'])
}

/** Gives the interface of the other service another name. */
export function renameInterface(from: string, to: string): void {
  const link = ['netns', 'exec', SPACE, 'ip', 'link', 'set', from]
  run('ip', [...link, 'down'])
  run('ip', [...link, 'name', to])
  run('ip', ['netns', 'exec', SPACE, 'ip', 'link', 'set', to, 'up'])
}

const TALK = `
const { connect } = require('node:net')
const socket = connect(8080, '10.9.0.1', () => socket.end('hello'))
socket.on('close', () => process.exit(0)).on('error', () => process.exit(1)).resume()`

/** The client makes one TCP session through the interface. */
export function talk(): void {
  const { status } = spawnSync(...inNetwork(CLIENT, TALK))
  check('a client talks through the interface', status === 0)
}

/** Two keys, made in the running server. */
export function keysOf(server: Container): { admin: string; ingest: string } {
  const create = (...more: string[]) =>
    exec(server, 'tunmeter', 'keys', 'create', '--org', 'acme', ...more).stdout.trim()
  const admin = create('--scope', 'admin', '--create-org', '--retention-days', '30')
  const ingest = create('--scope', 'ingest', '--site', '1')
  check('keys are made in the running server', admin !== '' && ingest !== '')
  return { admin, ingest }
}

/** The server’s log as `tunmeter log` shows it in the server’s container. */
export function logOf(server: Container, key: string, ...more: string[]): string {
  const args = ['exec', '--env', `TUNMETER_KEY=${key}`, server.name, 'tunmeter', 'log', '--json']
  const { stdout, stderr } = spawnSync('runc', [...args, ...more], { encoding: 'utf8' })
  return stdout + stderr
}

export function status(container: Container, field: string): string {
  const text = readFileSync(`/proc/${container.pid}/status`, 'utf8')
  return new RegExp(`^${field}:\\t(.*)$`, 'm').exec(text)?.[1] ?? ''
}

export function tidy(): void {
  for (const name of started.reverse()) {
    if (!name.startsWith('pid ')) remove(name)
    else
      try {
        process.kill(Number(name.slice(4)))
      } catch {
        // It ended before.
      }
  }
  for (const space of [SPACE, CLIENT]) spawnSync('ip', ['netns', 'delete', space])
  rmSync(work, { recursive: true, force: true })
}
