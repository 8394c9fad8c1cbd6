/**
 * Makes a release: version and changelog, all artefacts, their checksums, a signature and the
 * provenance.
 *
 *     npm run release -- VERSION --key FILE         on a clean checkout; FILE is minisign's secret key
 *     npm run release -- VERSION --dry-run [--built]    only prints changes, and signs with a temporary key
 *
 * build/release/VERSION gets packages for npm, .deb, images with their bills of materials,
 * SHA256SUMS, SHA256SUMS.minisig (minisign) and provenance.json (in-toto Statement, SLSA provenance
 * 1). Nothing is committed, tagged or sent. --built uses the artefacts in build/release, even if
 * some are missing. Needs minisign and the needs of the builds.
 */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { manifest } from './closure.ts'
import { provenance } from './provenance.ts'
import { run } from './run.ts'
import { ROOT, releaseSeconds } from './stage.ts'
import { isNewer, type Texts, withVersion } from './version.ts'

const WORK = join(ROOT, 'build/release')
const BUILDS = { packages: 'pack.ts', deb: 'deb.ts', oci: 'oci.ts' }
const SUMS = 'SHA256SUMS'

/** All artefacts of a release. */
function expected(version: string): string[] {
  const kinds = ['meter', 'server'].flatMap((kind) =>
    ['amd64', 'arm64'].map((architecture) => `tunmeter-${kind}_${version}_${architecture}`),
  )
  return [
    ...['tunmeter', 'tunmeter-meter', 'tunmeter-addon-linux-x64', 'tunmeter-addon-linux-arm64'].map(
      (name) => `packages/${name}-${version}.tgz`,
    ),
    ...kinds.flatMap((name) => [`deb/${name}.deb`, `deb/${name}.tar.gz`]),
    ...kinds.flatMap((name) => [`oci/${name}.tar`, `oci/${name}.cdx.json`]),
  ]
}

/** Every file that names the version, with its current text. */
function versioned(): Texts {
  const examples = ['compose', 'kubernetes'].flatMap((folder) =>
    readdirSync(join(ROOT, 'packaging', folder)).map((name) => `packaging/${folder}/${name}`),
  )
  const all = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'docs/install.md', ...examples]
  return new Map(all.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

/** @throws Error with all reasons against a release */
function check(version: string, isDry: boolean): void {
  const faults: string[] = []
  const before = manifest(ROOT).version
  if (!isNewer(version, before)) faults.push(`${version} is not a version after ${before}`)
  const security = join(ROOT, 'SECURITY.md')
  if (!existsSync(security) || !/^## Reporting$/m.test(readFileSync(security, 'utf8')))
    faults.push('SECURITY.md does not say how to report a vulnerability')
  if (!isDry && run('git', ['status', '--porcelain'], { cwd: ROOT }) !== '')
    faults.push('the checkout has changes that are not committed')
  if (faults.length > 0) throw new Error(faults.join('\n'))
}

/** @returns the artefacts' version */
function setVersion(version: string, isDry: boolean): string {
  const before = manifest(ROOT).version
  const day = new Date(releaseSeconds() * 1e3).toISOString().slice(0, 10)
  for (const [path, text] of withVersion(versioned(), before, version, day)) {
    console.log(`${isDry ? 'would change' : 'changed'} ${path}`)
    if (!isDry) writeFileSync(join(ROOT, path), text)
  }
  return isDry ? before : version
}

function buildAll(): void {
  run(process.execPath, [join(ROOT, 'scripts/setup.mjs'), '--force'], { cwd: ROOT })
  for (const script of Object.values(BUILDS))
    run(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts/release', script)], { cwd: ROOT })
}

/** @returns the artefacts' names, in `out` */
function collect(out: string, version: string, mayLack: boolean): string[] {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const all = expected(version)
  const there = all.filter((path) => existsSync(join(WORK, path)))
  const lacking = all.filter((path) => !there.includes(path))
  if (there.length === 0 || (lacking.length > 0 && !mayLack))
    throw new Error(`not built: ${lacking.join(', ')}`)
  for (const path of lacking) console.log(`not built: ${path}`)
  return there.map((path) => {
    const name = path.slice(path.indexOf('/') + 1)
    copyFileSync(join(WORK, path), join(out, name))
    return name
  })
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** Signs the checksums, which cover all other files. */
function sign(out: string, key: string): void {
  const comment = `tunmeter ${manifest(ROOT).version}`
  run('minisign', ['-S', '-s', key, '-m', join(out, SUMS), '-t', comment])
}

/** Verifies as users do: the signature, then the files. */
function verify(out: string, publicKey: string): void {
  run('minisign', ['-V', '-q', '-p', publicKey, '-m', join(out, SUMS)])
  run('sha256sum', ['--check', '--strict', '--quiet', SUMS], { cwd: out })
}

function release(version: string, options: { dry: boolean; built: boolean; key?: string }): void {
  const { dry, built, key } = options
  if (!dry && (key === undefined || built))
    throw new Error('a release takes --key FILE and builds everything; or try it: --dry-run')
  check(version, dry)
  const artefacts = setVersion(version, dry)
  if (!built) buildAll()
  const out = join(WORK, version)
  const names = collect(out, artefacts, built)
  const subjects = names.map((name) => ({ name, sha256: sha256(join(out, name)) }))
  const statement = provenance(subjects, artefacts)
  writeFileSync(join(out, 'provenance.json'), `${JSON.stringify(statement, null, 2)}\n`)
  const sums = [...names, 'provenance.json'].sort()
  writeFileSync(
    join(out, SUMS),
    sums.map((name) => `${sha256(join(out, name))}  ${name}\n`).join(''),
  )
  const keys = mkdtempSync(join(tmpdir(), 'tunmeter-release-'))
  try {
    const [secret, open] = [join(keys, 'key'), join(keys, 'key.pub')]
    if (key === undefined) run('minisign', ['-G', '-W', '-s', secret, '-p', open])
    else run('minisign', ['-R', '-s', key, '-p', open])
    sign(out, key ?? secret)
    verify(out, open)
    copyFileSync(open, join(out, 'minisign.pub'))
  } finally {
    rmSync(keys, { recursive: true, force: true })
  }
  console.log(`${names.length} artefacts, checksums, signature and provenance are in ${out}`)
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean' },
      built: { type: 'boolean' },
      key: { type: 'string' },
    },
  })
  const [version = ''] = positionals
  const { built = false, key } = values
  try {
    release(version, { dry: values['dry-run'] ?? false, built, ...(key !== undefined && { key }) })
  } catch (error) {
    console.error(`release: ${(error as Error).message}`)
    process.exitCode = 1
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main()
