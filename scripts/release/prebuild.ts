/**
 * Builds both addons for each target, with libpcap and zlib linked in:
 * build/release/addons/TARGET/{tunmeter,tunmeter_csv}.node. Two builds of one commit with one
 * compiler are equal, byte for byte.
 *
 *     node --import tsx scripts/release/prebuild.ts [x64] [arm64]      default: both
 *
 * Runs on Debian 12 with g++, make, flex, bison and, for arm64, g++-aarch64-linux-gnu.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { hardeningFaults } from './hardened.ts'
import { run } from './run.ts'
import { staticLibraries } from './static-libraries.ts'
import { TARGETS, type Target } from './targets.ts'

const ROOT = join(import.meta.dirname, '../..')
const WORK = join(ROOT, 'build/release')
const ADDONS = ['tunmeter', 'tunmeter_csv'] as const

const done = new Map<string, string>()

/**
 * The folder with the target's addons and the licences of their libraries; built once in a process.
 */
export function prebuild(target: Target): string {
  const folder = done.get(target.name) ?? build(target)
  done.set(target.name, folder)
  return folder
}

function build(target: Target): string {
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
  const out = join(WORK, 'addons', target.name)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  for (const name of ADDONS) {
    const built = join(tree, `build/Release/${name}.node`)
    const faults = hardeningFaults(readFileSync(built))
    if (faults.length > 0) throw new Error(`${built}: ${faults.join(', ')}`)
    cpSync(built, join(out, `${name}.node`))
  }
  cpSync(join(libraries, 'licenses'), join(out, 'licenses'), { recursive: true })
  return out
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
