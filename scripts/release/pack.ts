/**
 * Makes the packages of a release in build/release/packages: tunmeter-V.tgz and one @tunmeter/addon-TARGET for each target.
 *
 *     node --import tsx scripts/release/pack.ts [x64] [arm64]      default: both
 *
 * The published package.json is made from the repository's: what only a clone needs goes, and the addons come as
 * optional dependencies, of which npm installs the one that fits. The checkout must be built (npm run setup).
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prebuild } from './prebuild.ts'
import { run } from './run.ts'
import { TARGETS, type Target } from './targets.ts'

const ROOT = join(import.meta.dirname, '../..')
const STAGE = join(ROOT, 'build/release/stage')
const PACKAGES = join(ROOT, 'build/release/packages')
/** Shipped as they are, beside dist/. */
const PARTS = ['packaging', 'docs', 'fixtures/demo', 'README.md', 'CHANGELOG.md', 'LICENSE']
/** What a machine without a prebuilt addon compiles. */
const SOURCES = ['native', 'binding.gyp']

/** Each has a package for each machine, of which npm chooses one. All other dependencies come inside the package. */
const CHOSEN_BY_NPM = ['@duckdb/node-api', 'koffi', 'lmdb']

interface PackageJson {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

function packageJson(): PackageJson {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as PackageJson
}

function addonName(target: Target): string {
  return `@tunmeter/addon-${target.name}`
}

/** Copies what is shipped; docs' pictures and source maps stay behind. */
function stage(name: string, parts: readonly string[]): string {
  const folder = join(STAGE, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const part of parts) {
    cpSync(join(ROOT, part), join(folder, part), {
      recursive: true,
      filter: (path) => !/\.map$|\/docs\/images$|\/native\/fuzz$/.test(path),
    })
  }
  return folder
}

function pack(folder: string): string {
  mkdirSync(PACKAGES, { recursive: true })
  const made = run('npm', ['pack', '--silent', '--pack-destination', PACKAGES], { cwd: folder })
  return join(PACKAGES, made.trim())
}

function packAddon(target: Target, { version, license }: PackageJson): string {
  const folder = join(STAGE, `addon-${target.name}`)
  rmSync(folder, { recursive: true, force: true })
  cpSync(prebuild(target), folder, { recursive: true })
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  const description = `tunmeter's native addons for ${target.name} (${target.libc}), with libpcap and zlib`
  const { os, cpu, libc } = target
  write(folder, {
    name: addonName(target),
    version,
    description,
    license,
    os: [os],
    cpu: [cpu],
    libc: [libc],
    engines: { node: '>=20.19.0' },
  })
  return pack(folder)
}

function packProgram(targets: readonly Target[], source: PackageJson): string {
  const folder = stage('tunmeter', ['dist', ...PARTS, ...SOURCES])
  cpSync(join(ROOT, 'scripts/release/install-addon.mjs'), join(folder, 'install-addon.mjs'))
  for (const file of ['package.json', 'package-lock.json'])
    cpSync(join(ROOT, file), join(folder, file))
  run(
    'npm',
    ['install', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'],
    {
      cwd: folder,
    },
  )
  rmSync(join(folder, 'package-lock.json'))
  const { devDependencies, scripts, files, gypfile, ...kept } = source
  write(folder, {
    ...kept,
    scripts: { install: 'node install-addon.mjs' },
    // Without it npm runs node-gyp by itself, prebuilt or not.
    gypfile: false,
    // In the versions of the lock file. `overrides` hold in a clone only: without that of `cookie` a package would come
    // along that needs Node 22.
    bundleDependencies: Object.keys(source.dependencies).filter(
      (name) => !CHOSEN_BY_NPM.includes(name),
    ),
    optionalDependencies: Object.fromEntries(
      targets.map((target) => [addonName(target), source.version]),
    ),
  })
  return pack(folder)
}

function write(folder: string, content: object): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(content, null, 2)}\n`)
}

const wanted = process.argv.slice(2)
const targets = TARGETS.filter(({ cpu }) => wanted.length === 0 || wanted.includes(cpu))
rmSync(PACKAGES, { recursive: true, force: true })
const source = packageJson()
for (const target of targets) console.log(packAddon(target, source))
console.log(packProgram(targets, source))
