/**
 * Builds both addons for each target, with libpcap and zlib linked in:
 * build/release/addons/TARGET/{tunmeter,tunmeter_csv}.node. Two builds of one commit with one
 * compiler are equal, byte for byte, so a build whose inputs are unchanged is kept.
 *
 *     node --import tsx scripts/release/prebuild.ts [x64] [arm64]      default: both
 *
 * Runs on Debian 12 with g++, make, flex, bison and, for arm64, g++-aarch64-linux-gnu.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { hardeningFaults } from './hardened.ts'
import { run } from './run.ts'
import { staticLibraries } from './static-libraries.ts'
import { TARGETS, type Target } from './targets.ts'

const ROOT = join(import.meta.dirname, '../..')
const WORK = join(ROOT, 'build/release')
const ADDONS = ['tunmeter', 'tunmeter_csv'] as const

/** The files that decide what is built, beside native/, the compiler and Node's headers. */
const INPUTS = [
  'binding.gyp',
  'node_modules/node-addon-api/package.json',
  'scripts/release/hardened.ts',
  'scripts/release/prebuild.ts',
  'scripts/release/static-libraries.ts',
  'scripts/release/targets.ts',
]

/** The folder with the target's addons and the licences of their libraries. */
export function prebuild(target: Target): string {
  const out = join(WORK, 'addons', target.name)
  const inputs = inputsOf(target)
  // Written last, so that an interrupted build does not count.
  const stamp = `${out}.inputs`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return out
  rmSync(stamp, { force: true })
  build(target, out)
  writeFileSync(stamp, inputs)
  return out
}

/** SHA-256 of all inputs of a build: compiler, Node.js version and files. */
function inputsOf(target: Target): string {
  const hash = createHash('sha256').update(`${process.version}\0${run(target.cxx, ['--version'])}`)
  const native = readdirSync(join(ROOT, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
  for (const file of [...INPUTS, ...native.sort()])
    hash.update(`\0${file}\0`).update(readFileSync(join(ROOT, file)))
  return hash.digest('hex')
}

function build(target: Target, out: string): void {
  const libraries = staticLibraries(target, WORK)
  // A tree of its own, so that the addon of this checkout stays unchanged.
  const tree = join(WORK, `tree-${target.name}`)
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  for (const part of ['binding.gyp', 'native']) {
    cpSync(join(ROOT, part), join(tree, part), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const gyp = `-Dwarnings_are_errors=1 -Dstatic_libraries=${libraries}`
  const command = `node-gyp rebuild --arch=${target.cpu} -- ${gyp}`
  writeFileSync(join(tree, 'package.json'), JSON.stringify({ scripts: { build: command } }))
  run('npm', ['run', '--silent', 'build'], { cwd: tree, env: environment(target, tree) })
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  for (const name of ADDONS) {
    const built = join(tree, `build/Release/${name}.node`)
    const faults = hardeningFaults(readFileSync(built))
    if (faults.length > 0) throw new Error(`${built}: ${faults.join(', ')}`)
    cpSync(built, join(out, `${name}.node`))
  }
  cpSync(join(libraries, 'licenses'), join(out, 'licenses'), { recursive: true })
}

function environment(target: Target, tree: string): NodeJS.ProcessEnv {
  return {
    CC: target.cc,
    CXX: target.cxx,
    AR: target.ar,
    CXXFLAGS: `-ffile-prefix-map=${tree}=. -frandom-seed=tunmeter`,
    JOBS: 'max',
    // Node's headers beside the binary, because node-gyp would download others.
    npm_config_nodedir: join(process.execPath, '../..'),
  }
}

function main(wanted: readonly string[]): void {
  const unknown = wanted.filter((name) => !TARGETS.some(({ cpu }) => cpu === name))
  if (unknown.length > 0) throw new Error(`unknown target ${unknown.join(', ')}; known: x64, arm64`)
  for (const target of TARGETS) {
    if (wanted.length === 0 || wanted.includes(target.cpu)) console.log(prebuild(target))
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2))
