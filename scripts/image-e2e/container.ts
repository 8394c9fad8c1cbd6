/** Runs a service of a compose file with runc and the settings of the file. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { run } from '../release/run.ts'

/** The fields of the Compose Specification that the examples use; an unknown field is an error. */
interface Service {
  readonly image: string
  readonly network_mode: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly cap_drop: readonly ['ALL']
  readonly cap_add?: readonly string[]
  readonly security_opt?: readonly ['no-new-privileges:true']
  readonly read_only: true
  readonly tmpfs?: readonly string[]
  readonly volumes: readonly string[]
}
const KNOWN =
  'image network_mode depends_on command environment cap_drop cap_add security_opt read_only tmpfs volumes restart'.split(
    ' ',
  )

interface Mount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

/**
 * The fields of config.json (OCI runtime specification) that umoci makes from the image and that
 * are changed here.
 */
interface Runtime {
  process: {
    terminal: boolean
    args: string[]
    env: string[]
    capabilities: Record<string, string[]>
    noNewPrivileges: boolean
  }
  root: { path: string; readonly?: boolean }
  mounts: Mount[]
  linux: { namespaces: { type: string; path?: string }[] }
}

export interface Bundle {
  readonly folder: string
  readonly root: string
  readonly image: Runtime
}

/** Unpacks the image's archive with umoci. */
export function unpack(archive: string, folder: string): Bundle {
  const layout = join(folder, 'layout')
  mkdirSync(layout, { recursive: true })
  run('tar', ['-xf', archive, '-C', layout])
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'))
  const tag = manifests[0].annotations['org.opencontainers.image.ref.name']
  run('umoci', ['unpack', '--image', `${layout}:${tag}`, join(folder, 'bundle')])
  const bundle = join(folder, 'bundle')
  const image = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Runtime
  return { folder: bundle, root: join(bundle, 'rootfs'), image }
}

/** Fills in `${NAME:-default}` and `${NAME:?message}` like compose. */
function fillIn(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g,
    (_all, name, fallback) => env[name] || fallback || '',
  )
}

export function serviceOf(file: string, env: Readonly<Record<string, string>>): Service {
  // After parsing, as Compose does: an empty value stays a text.
  const { services } = parse(readFileSync(file, 'utf8'), (_key, value) =>
    typeof value === 'string' ? fillIn(value, env) : value,
  )
  const service = services.tunmeter
  const unknown = Object.keys(service).filter((field) => !KNOWN.includes(field))
  if (unknown.length > 0) throw new Error(`${file}: what to do with ${unknown.join(', ')}?`)
  return service
}

export interface Container {
  readonly name: string
  readonly pid: number
  /** The file of its standard output and error. */
  readonly log: string
}

export interface Place {
  /** The pid of a process whose network it shares (`network_mode: service:…`). */
  readonly network: number
  /** Folders by the volumes' names. */
  readonly volumes: Readonly<Record<string, string>>
  readonly work: string
}

/**
 * Starts a container in the background. A bundle's config.json describes the container that was
 * started last.
 */
export function start(
  name: string,
  bundle: Bundle,
  service: Service,
  { network, volumes, work }: Place,
): Container {
  const config: Runtime = structuredClone(bundle.image)
  const names = (service.cap_add ?? []).map((capability) => `CAP_${capability}`)
  config.process.terminal = false
  config.process.args = [config.process.args[0]!, ...service.command]
  config.process.env.push(
    ...Object.entries(service.environment ?? {}).map(([key, value]) => `${key}=${value}`),
  )
  // Only in the bounding set, as in Docker for a user other than root.
  config.process.capabilities = { bounding: names, effective: [], inheritable: [], permitted: [] }
  config.process.noNewPrivileges = service.security_opt !== undefined
  config.root.readonly = service.read_only
  config.mounts = [
    ...config.mounts.filter(
      ({ destination, type }) => type !== 'cgroup' && destination !== '/var/lib/tunmeter',
    ),
    ...(service.tmpfs ?? []).map((destination) => ({
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'mode=1777'],
    })),
    ...service.volumes.map((volume) => {
      const [from = '', destination = ''] = volume.split(':')
      const source = volumes[from]
      if (source === undefined) throw new Error(`no folder for the volume ${from}`)
      return { destination, type: 'bind', source, options: ['bind', 'rw', 'nosuid', 'nodev'] }
    }),
  ]
  config.linux.namespaces = [
    ...config.linux.namespaces.filter(({ type }) => !['network', 'user'].includes(type)),
    { type: 'network', path: `/proc/${network}/ns/net` },
  ]
  writeFileSync(join(bundle.folder, 'config.json'), JSON.stringify(config))
  const log = join(work, `${name}.log`)
  const pidFile = join(work, `${name}.pid`)
  const out = openSync(log, 'a')
  const args = ['run', '--detach', '--bundle', bundle.folder, '--pid-file', pidFile, name]
  const { status } = spawnSync('runc', args, { stdio: ['ignore', out, out] })
  if (status !== 0) throw new Error(`runc run ${name}: ${readFileSync(log, 'utf8')}`)
  return { name, pid: Number(readFileSync(pidFile, 'utf8')), log }
}

/** Runs a command in a running container. */
export function exec({ name }: Container, ...command: string[]) {
  return spawnSync('runc', ['exec', name, ...command], { encoding: 'utf8' })
}

export function remove(name: string): void {
  spawnSync('runc', ['delete', '--force', name])
}
