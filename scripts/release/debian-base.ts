/**
 * The part of Debian that Node.js needs: the C and C++ libraries. No shell, no package manager,
 * nothing setuid.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { aptOf } from './apt.ts'
import { run } from './run.ts'
import { type Entry, entriesOf } from './tar.ts'

export type Architecture = 'amd64' | 'arm64'

const PACKAGES = ['base-files', 'gcc-12-base', 'libc6', 'libgcc-s1', 'libstdc++6']
/**
 * Parts of these packages that are left out: translations, manuals, character sets that no program
 * here uses, empty folders.
 */
const LEFT_OUT =
  /^(?:bin|boot|dev|home|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|var)(?:\/|$)|^usr\/(?:bin|games|include|lib\/[^/]+\/gconv|sbin|share\/(?!doc(?:\/|$))|src)|^usr\/share\/doc\/[^/]+\/(?!copyright)|^etc\/(?!os-release|debian_version)/

export interface DebianPackage {
  readonly name: string
  readonly version: string
}

/** Downloads the packages, as new as the mirror's lists. apt checks Debian's signatures. */
export function debianBase(
  architecture: Architecture,
  work: string,
): { readonly entries: Entry[]; readonly packages: DebianPackage[] } {
  const folder = join(work, `debian-${architecture}`)
  const tree = join(folder, 'tree')
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  const apt = aptOf(folder, 'deb', architecture)
  const files = readdirSync(folder).filter((name) => name.endsWith('.deb'))
  for (const file of files) rmSync(join(folder, file))
  run('apt-get', [...apt, 'download', ...PACKAGES], { cwd: folder })
  const packages: DebianPackage[] = []
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.deb')) continue
    const path = join(folder, file)
    run('dpkg-deb', ['-x', path, tree])
    const field = (name: string) => run('dpkg-deb', ['-f', path, name]).trim()
    packages.push({ name: field('Package'), version: field('Version') })
  }
  return { entries: entriesOf(tree, '', (path) => LEFT_OUT.test(path)), packages }
}
