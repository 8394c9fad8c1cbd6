/**
 * Container images, made without a daemon and without root:
 * build/release/oci/tunmeter-{meter,server}_V_{amd64,arm64}.tar, each with its bill of materials
 * (.cdx.json, CycloneDX).
 *
 *     node --import tsx scripts/release/oci.ts [amd64] [arm64] [meter] [server]      default: all four
 *
 * An archive is an OCI image layout (skopeo, podman, umoci), and `docker load` reads it as well. It
 * has two layers: Debian's C and C++ libraries, and the program with Node.js. Times are the
 * commit's, so two builds of one commit with one state of Debian are equal, byte for byte. Needs
 * apt-get, dpkg-deb and the needs of scripts/release/prebuild.ts.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { chosen } from './chosen.ts'
import { manifest } from './closure.ts'
import { type Architecture, debianBase } from './debian-base.ts'
import { putProgram, WORK } from './program.ts'
import { billOfMaterials } from './sbom.ts'
import { EDITIONS, ROOT, releaseSeconds } from './stage.ts'
import { type Entry, entriesOf, tar } from './tar.ts'
import { TARGETS } from './targets.ts'

const OUT = join(WORK, 'oci')
const HOME = 'usr/lib/tunmeter'
const NODE = `/${HOME}/bin/node`
const DATA = '/var/lib/tunmeter'
/** The container's user; images without a shell commonly have this number. */
const USER = 65_532
const CPUS = { amd64: 'x64', arm64: 'arm64' } as const

/**
 * `struct vfs_cap_data`, revision 2 (linux/capability.h). CAP_NET_ADMIN and CAP_NET_RAW are
 * permitted, so that a user other than root gets what `cap_add` allows. They are not effective,
 * because without `cap_add` the program could then not even start to say what it lacks. The program
 * raises them itself.
 */
const CAPABILITIES = Buffer.alloc(20)
CAPABILITIES.writeUInt32LE(0x02000000, 0)
CAPABILITIES.writeUInt32LE((1 << 12) | (1 << 13), 4)

const IMAGES = {
  meter: {
    edition: EDITIONS.meter,
    title: 'tunmeter meter',
    description: 'Meters a WireGuard interface: who reached which resource, when, how much',
    command: ['meter', '--help'],
    environment: {
      TUNMETER_SPOOL: `${DATA}/spool`,
      TUNMETER_METRICS_LISTEN: '127.0.0.1:9480',
    },
    nodeAttributes: { 'security.capability': CAPABILITIES },
    ports: {},
  },
  server: {
    edition: EDITIONS.all,
    title: 'tunmeter server',
    description: 'Keeps connection logs of WireGuard tunnels: ingest, queries, dashboard',
    command: ['serve'],
    environment: { TUNMETER_DATA: `${DATA}/server` },
    nodeAttributes: {},
    ports: { '8480/tcp': {} },
  },
} as const
type Image = keyof typeof IMAGES

async function build(kind: Image, architecture: Architecture): Promise<string> {
  const { edition, nodeAttributes } = IMAGES[kind]
  const target = TARGETS.find(({ cpu }) => cpu === CPUS[architecture])!
  const name = `tunmeter-${kind}`
  const seconds = releaseSeconds()
  const home = join(WORK, 'stage', `oci-${kind}-${architecture}`)
  rmSync(home, { recursive: true, force: true })
  await putProgram(edition, home, target)
  const debian = debianBase(architecture, WORK)
  const { packages } = debian
  const bill = billOfMaterials({ name, home, target, architecture, debian: packages, seconds })
  const sbom = Buffer.from(`${JSON.stringify(bill, null, 2)}\n`)
  const program = entriesOf(home, HOME, (path) => /^(?:docs|man|completions)(?:\/|$)/.test(path))
  const entries = program.map((entry) =>
    `/${entry.path}` === NODE ? { ...entry, mode: 0o755, attributes: nodeAttributes } : entry,
  )
  const layers = [
    tar([...debian.entries, ...systemFiles()], seconds),
    tar([...entries, ...ownFiles(sbom)], seconds),
  ]
  const file = `${name}_${manifest(ROOT).version}_${architecture}`
  mkdirSync(OUT, { recursive: true })
  writeFileSync(join(OUT, `${file}.cdx.json`), sbom)
  writeFileSync(join(OUT, `${file}.tar`), archive(kind, architecture, layers, seconds))
  return join(OUT, `${file}.tar`)
}

function text(path: string, content: string, mode = 0o644): Entry {
  return { path, content: Buffer.from(content), mode }
}

function systemFiles(): Entry[] {
  return [
    text('etc/passwd', `root:x:0:0::/root:/\ntunmeter:x:${USER}:${USER}::${DATA}:/\n`),
    text('etc/group', `root:x:0:\ntunmeter:x:${USER}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { path: 'tmp', content: 'folder', mode: 0o1777 },
    { path: 'root', content: 'folder', mode: 0o700 },
    // A new volume takes owner and mode of its folder in the image.
    { path: DATA.slice(1), content: 'folder', mode: 0o700, owner: USER },
  ]
}

function ownFiles(sbom: Buffer): Entry[] {
  return [
    // Node.js itself is the interpreter, because there is no shell.
    text('usr/bin/tunmeter', `#!${NODE}\nimport('/${HOME}/dist/cli.js')\n`, 0o755),
    {
      path: `${HOME}/health.mjs`,
      content: readFileSync(join(ROOT, 'packaging/image/health.mjs')),
      mode: 0o644,
    },
    { path: 'usr/share/doc/tunmeter/sbom.cdx.json', content: sbom, mode: 0o644 },
  ]
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function archive(
  kind: Image,
  architecture: Architecture,
  layers: readonly Buffer[],
  seconds: number,
): Buffer {
  const blobs: Entry[] = []
  const put = (content: Buffer, mediaType: string) => {
    const digest = sha256(content)
    blobs.push({ path: `blobs/sha256/${digest}`, content, mode: 0o644 })
    return { mediaType, digest: `sha256:${digest}`, size: content.length }
  }
  const json = (value: object) => Buffer.from(JSON.stringify(value))
  const packed = layers.map((layer) =>
    put(gzipSync(layer), 'application/vnd.oci.image.layer.v1.tar+gzip'),
  )
  const config = put(
    json(configOf(kind, architecture, layers, seconds)),
    'application/vnd.oci.image.config.v1+json',
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const image = put(
    json({
      schemaVersion: 2,
      mediaType,
      config,
      layers: packed,
      annotations: labels(kind, seconds),
    }),
    mediaType,
  )
  const { version } = manifest(ROOT)
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...image,
        platform: { architecture, os: 'linux' },
        annotations: { 'org.opencontainers.image.ref.name': version },
      },
    ],
  }
  const path = ({ digest }: { readonly digest: string }) => `blobs/${digest.replace(':', '/')}`
  const docker = [
    {
      Config: path(config),
      RepoTags: [`tunmeter/${kind}:${version}`],
      Layers: packed.map(path),
    },
  ]
  return tar(
    [
      ...blobs,
      text('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' })),
      text('index.json', JSON.stringify(index)),
      text('manifest.json', JSON.stringify(docker)),
    ],
    seconds,
  )
}

function configOf(
  kind: Image,
  architecture: Architecture,
  layers: readonly Buffer[],
  seconds: number,
): object {
  const { command, environment, ports } = IMAGES[kind]
  const created = new Date(seconds * 1e3).toISOString()
  const second = 1e9
  return {
    created,
    architecture,
    os: 'linux',
    config: {
      User: `${USER}:${USER}`,
      ExposedPorts: ports,
      Env: [
        'PATH=/usr/bin',
        'LANG=C.UTF-8',
        'NODE_ENV=production',
        ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      ],
      Entrypoint: ['/usr/bin/tunmeter'],
      Cmd: command,
      Volumes: { [DATA]: {} },
      WorkingDir: '/',
      Labels: labels(kind, seconds),
      StopSignal: 'SIGTERM',
      // For Docker; packaging/ has the checks of podman and Kubernetes.
      Healthcheck: {
        Test: ['CMD', NODE, `/${HOME}/health.mjs`],
        Interval: 30 * second,
        Timeout: 10 * second,
        StartPeriod: 60 * second,
        Retries: 3,
      },
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    history: ['Debian: C and C++ libraries', 'tunmeter and Node.js'].map((comment) => ({
      created,
      created_by: 'scripts/release/oci.ts',
      comment,
    })),
  }
}

function labels(kind: Image, seconds: number): Record<string, string> {
  const { title, description } = IMAGES[kind]
  const source = 'https://github.com/tunmeter/tunmeter'
  return {
    'org.opencontainers.image.title': title,
    'org.opencontainers.image.description': description,
    'org.opencontainers.image.version': manifest(ROOT).version,
    'org.opencontainers.image.created': new Date(seconds * 1e3).toISOString(),
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.source': source,
    'org.opencontainers.image.documentation': `${source}/blob/main/docs/install.md`,
    'org.opencontainers.image.base.name': 'debian:bookworm',
  }
}

for (const architecture of chosen(Object.keys(CPUS) as Architecture[]))
  for (const kind of chosen(Object.keys(IMAGES) as Image[]))
    console.log(await build(kind, architecture))
