/**
 * The bill of materials of a program's folder as CycloneDX 1.5: npm's packages, Node.js, static
 * libraries, Debian's packages.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Manifest, manifest } from './closure.ts'
import type { Architecture, DebianPackage } from './debian-base.ts'
import { NODE_VERSIONS } from './program.ts'
import { ROOT } from './stage.ts'
import { STATIC_LIBRARIES } from './static-libraries.ts'
import type { Target } from './targets.ts'

interface Component {
  readonly type: 'library' | 'application'
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly [field: string]: unknown
}

interface Locked {
  readonly version: string
  readonly integrity?: string
}

export interface Materials {
  readonly name: string
  readonly home: string
  readonly target: Target
  readonly architecture: Architecture
  readonly debian: readonly DebianPackage[]
  readonly seconds: number
}

export function billOfMaterials(materials: Materials): object {
  const { name, home, target, architecture, debian, seconds } = materials
  const { version } = manifest(ROOT)
  const components = [
    ...npmPackages(home),
    nodeRuntime(target),
    ...STATIC_LIBRARIES.map(staticLibrary),
    ...debian.map((found) => debianPackage(found, architecture)),
  ].sort((a, b) => (a.purl < b.purl ? -1 : 1))
  const ref = `${name}@${version}`
  const listed = JSON.stringify([ref, architecture, components])
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    // From the listed components, so that two builds have the same.
    serialNumber: `urn:uuid:${uuidOf(listed)}`,
    version: 1,
    metadata: {
      timestamp: new Date(seconds * 1e3).toISOString(),
      component: {
        type: 'application',
        'bom-ref': ref,
        name,
        version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components,
    dependencies: [{ ref, dependsOn: components.map((component) => component['bom-ref']) }],
  }
}

/** RFC 9562, version 8: a custom UUID. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function npmPackages(home: string): Component[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Locked>>
  }
  return folders(home, 'node_modules').flatMap((path) => {
    const found = manifest(join(home, path))
    if (found.name.startsWith('@tunmeter/')) return []
    const locked = lock.packages[path]
    if (locked !== undefined && locked.version !== found.version)
      throw new Error(`${path} is ${found.version}, and ${locked.version} in package-lock.json`)
    return [npmPackage(found, locked)]
  })
}

/** Paths of packages below `home`. */
function folders(home: string, modules: string): string[] {
  return readdirSync(join(home, modules), { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || entry.name.startsWith('.')) return []
    const path = `${modules}/${entry.name}`
    if (entry.name.startsWith('@')) return folders(home, path)
    const inside = readdirSync(join(home, path))
    return [path, ...(inside.includes('node_modules') ? folders(home, `${path}/node_modules`) : [])]
  })
}

function npmPackage({ name, version, license }: Manifest, locked: Locked | undefined): Component {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  const [algorithm, base64] = locked?.integrity?.split('-') ?? []
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(typeof license === 'string' && { licenses: [{ expression: license }] }),
    ...(algorithm === 'sha512' && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(base64!, 'base64').toString('hex') }],
    }),
  }
}

function nodeRuntime({ cpu }: Target): Component {
  const version = NODE_VERSIONS[cpu]
  const purl = `pkg:npm/node-linux-${cpu}@${version}`
  return { type: 'application', 'bom-ref': purl, name: 'node', version, purl }
}

function staticLibrary({ name, version, sha256 }: (typeof STATIC_LIBRARIES)[number]): Component {
  const purl = `pkg:deb/debian/${name}@${version}?arch=source`
  const hashes = [{ alg: 'SHA-256', content: sha256 }]
  return { type: 'library', 'bom-ref': purl, name, version, purl, hashes }
}

function debianPackage({ name, version }: DebianPackage, architecture: Architecture): Component {
  const of = encodeURIComponent(version)
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${of}?arch=${architecture}`
  return { type: 'library', 'bom-ref': purl, name, version, purl }
}
