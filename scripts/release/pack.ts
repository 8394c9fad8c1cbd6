/**
 * Makes the npm packages of a release in build/release/packages: tunmeter-V.tgz (everything),
 * tunmeter-meter-V.tgz (without server) and one @tunmeter/addon-TARGET for each target.
 *
 *     node --import tsx scripts/release/pack.ts [x64] [arm64]      default: both
 *
 * The checkout must be built (npm run setup).
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { manifest } from './closure.ts'
import { prebuild } from './prebuild.ts'
import { run } from './run.ts'
import { addonName, EDITIONS, ROOT, stage, writeManifest } from './stage.ts'
import { TARGETS, type Target } from './targets.ts'

const STAGE = join(ROOT, 'build/release/stage')
const PACKAGES = join(ROOT, 'build/release/packages')

function pack(folder: string): string {
  mkdirSync(PACKAGES, { recursive: true })
  const made = run('npm', ['pack', '--silent', '--pack-destination', PACKAGES], { cwd: folder })
  return join(PACKAGES, made.trim())
}

function packAddon(target: Target): string {
  const { version, license } = manifest(ROOT)
  const folder = join(STAGE, `addon-${target.name}`)
  rmSync(folder, { recursive: true, force: true })
  cpSync(prebuild(target), folder, { recursive: true })
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  const description = `tunmeter's native addons for ${target.name} (${target.libc}), with libpcap and zlib`
  const { os, cpu, libc } = target
  writeManifest(folder, {
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

const wanted = process.argv.slice(2)
const targets = TARGETS.filter(({ cpu }) => wanted.length === 0 || wanted.includes(cpu))
rmSync(PACKAGES, { recursive: true, force: true })
for (const target of targets) console.log(packAddon(target))
for (const [name, edition] of Object.entries(EDITIONS)) {
  const folder = join(STAGE, name)
  await stage(edition, folder, targets)
  console.log(pack(folder))
}
