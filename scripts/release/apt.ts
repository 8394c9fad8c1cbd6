/**
 * Runs apt-get with its own lists of this machine's suites, for sources and for other
 * architectures.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Options of apt-get for updated lists, which are kept in `folder`. */
export function aptOf(
  folder: string,
  type: 'deb' | 'deb-src',
  architecture?: 'amd64' | 'arm64',
): string[] {
  const lists = join(folder, 'apt-lists')
  mkdirSync(join(lists, 'partial'), { recursive: true })
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const targets = run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const settings = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : ''
  const lines = [...new Set(targets.split('\n'))].filter((line) => / main$/.test(line))
  const list = join(folder, 'sources.list')
  writeFileSync(list, lines.map((line) => `${type} ${settings}${line}\n`).join(''))
  const options = [
    `Dir::Etc::SourceList=${list}`,
    'Dir::Etc::SourceParts=-',
    `Dir::State::Lists=${lists}`,
    // These caches belong to this machine, so do not use them.
    ...(architecture === undefined
      ? []
      : [`APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`]),
    `Dir::Cache::pkgcache=`,
    `Dir::Cache::srcpkgcache=`,
    'APT::Sandbox::User=root',
  ]
  const apt = ['-qq', ...options.flatMap((option) => ['-o', option])]
  run('apt-get', [...apt, 'update'])
  return apt
}
