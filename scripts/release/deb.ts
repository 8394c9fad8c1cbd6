/**
 * Debian packages that include Node.js: tunmeter-meter (without the server) and tunmeter-server
 * (everything), in build/release/deb, and the same files as .tar.gz, for systems without dpkg.
 *
 *     node --import tsx scripts/release/deb.ts [amd64] [arm64] [meter] [server]      default: all four
 *
 * Two builds of one commit are equal, byte for byte: times are the commit's, and packages from
 * npm's registry have exact versions. Needs dpkg-deb and the needs of scripts/release/prebuild.ts.
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync as read,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { chosen } from './chosen.ts'
import { manifest } from './closure.ts'
import { commentedOptions } from './commented-options.ts'
import { putProgram, WORK } from './program.ts'
import { run } from './run.ts'
import { EDITIONS, ROOT, releaseSeconds } from './stage.ts'
import { TARGETS } from './targets.ts'

const OUT = join(WORK, 'deb')
const HOME = 'usr/lib/tunmeter'

const ARCHITECTURES = { amd64: 'x64', arm64: 'arm64' } as const
type Architecture = keyof typeof ARCHITECTURES

const PACKAGES = {
  meter: {
    edition: EDITIONS.meter,
    summary: 'connection log of WireGuard tunnels: the meter',
    units: ['meter'],
    relations: [],
  },
  server: {
    edition: EDITIONS.all,
    summary: 'connection log of WireGuard tunnels: server and meter',
    units: ['meter', 'server'],
    relations: [
      'Provides: tunmeter-meter',
      'Conflicts: tunmeter-meter',
      'Replaces: tunmeter-meter',
    ],
  },
} as const
type Package = keyof typeof PACKAGES

const CONFIGURATION = {
  meter: { command: 'meter', file: 'etc/tunmeter/meter.yaml' },
  server: { command: 'serve', file: 'etc/tunmeter-server/server.yaml' },
} as const

async function build(kind: Package, architecture: Architecture): Promise<string[]> {
  const name = `tunmeter-${kind}`
  const root = join(WORK, 'stage', `deb-${kind}-${architecture}`)
  rmSync(root, { recursive: true, force: true })
  const put = (path: string, text: string | Buffer, mode = 0o644) => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
    chmodSync(join(root, path), mode)
  }
  const { edition, units } = PACKAGES[kind]
  const target = TARGETS.find(({ cpu }) => cpu === ARCHITECTURES[architecture])!
  const home = join(root, HOME)
  await putProgram(edition, home, target)
  put('usr/bin/tunmeter', `#!/bin/sh\nexec /${HOME}/bin/node /${HOME}/dist/cli.js "$@"\n`, 0o755)
  movePages(root, put)
  for (const unit of units) {
    const from = join(ROOT, `packaging/systemd/tunmeter-${unit}.service`)
    const to = `lib/systemd/system/tunmeter-${unit}.service`
    mkdirSync(join(root, to, '..'), { recursive: true })
    cpSync(from, join(root, to))
    const { command, file } = CONFIGURATION[unit]
    put(file, await commentedOptions(command, join(ROOT, `packaging/systemd/${unit}.yaml`)))
  }
  const systemd = (file: string) => read(join(ROOT, 'packaging/systemd', file))
  put('usr/lib/sysusers.d/tunmeter.conf', systemd('tunmeter.sysusers'))
  put(`${HOME}/systemd/userspace.conf`, systemd('userspace.conf'))
  putDocs(name, root, put)
  putControl(name, kind, architecture, root, put)
  clean(root)
  const file = `${name}_${version()}_${architecture}`
  return [pack(root, `${file}.deb`), packFiles(root, `${file}.tar.gz`)]
}

function version(): string {
  return manifest(ROOT).version
}

type Put = (path: string, text: string | Buffer, mode?: number) => void

function gz(text: string | Buffer): Buffer {
  const packed = gzipSync(text, { level: 9 })
  // The byte that names the packing system: Unix.
  packed[9] = 3
  return packed
}

function movePages(root: string, put: Put): void {
  const home = join(root, HOME)
  for (const page of readdirSync(join(home, 'man')).sort())
    put(`usr/share/man/man1/${page}.gz`, gz(read(join(home, 'man', page))))
  const completions = {
    bash: 'bash-completion/completions/tunmeter',
    zsh: 'zsh/vendor-completions/_tunmeter',
    fish: 'fish/vendor_completions.d/tunmeter.fish',
  }
  for (const [shell, path] of Object.entries(completions))
    put(`usr/share/${path}`, read(join(home, `completions/tunmeter.${shell}`)))
  for (const part of ['man', 'completions']) rmSync(join(home, part), { recursive: true })
}

function putDocs(name: string, root: string, put: Put): void {
  const doc = `usr/share/doc/${name}`
  const home = join(root, HOME)
  mkdirSync(join(root, doc), { recursive: true })
  cpSync(join(home, 'docs'), join(root, doc, 'docs'), { recursive: true })
  put(`${doc}/changelog.gz`, gz(read(join(home, 'CHANGELOG.md'))))
  for (const part of ['docs', 'CHANGELOG.md', 'LICENSE'])
    rmSync(join(home, part), { recursive: true })
  put(`${doc}/copyright`, read(join(ROOT, 'packaging/debian/copyright')))
  put(
    `usr/share/lintian/overrides/${name}`,
    read(join(ROOT, 'packaging/debian/lintian-overrides')).toString().replaceAll('@PACKAGE@', name),
  )
}

function putControl(
  name: string,
  kind: Package,
  architecture: Architecture,
  root: string,
  put: Put,
): void {
  const { summary, relations, units } = PACKAGES[kind]
  const kib = Number(run('du', ['-sk', '--apparent-size', root]).split('\t')[0])
  put(
    'DEBIAN/control',
    [
      `Package: ${name}`,
      `Version: ${version()}`,
      `Architecture: ${architecture}`,
      'Maintainer: tunmeter <maintainers@tunmeter.invalid>',
      `Installed-Size: ${kib}`,
      'Depends: libc6 (>= 2.34), libgcc-s1, libstdc++6 (>= 12), debconf (>= 0.5) | debconf-2.0, systemd | systemd-standalone-sysusers',
      ...relations,
      'Section: net',
      'Priority: optional',
      'Homepage: https://github.com/tunmeter/tunmeter',
      `Description: ${summary}`,
      ' Who reached which private resource through a WireGuard tunnel, when, for how',
      ' long, and how much went each way, delivered through outages without loss.',
      ' Node.js and libpcap are inside.',
      '',
    ].join('\n'),
  )
  put('DEBIAN/conffiles', units.map((unit) => `/${CONFIGURATION[unit].file}\n`).join(''))
  const services = units.map((unit) => `tunmeter-${unit}.service`).join(' ')
  for (const script of ['postinst', 'prerm', 'postrm', 'templates']) {
    const text = read(join(ROOT, 'packaging/debian', script)).toString()
    put(
      `DEBIAN/${script}`,
      text.replaceAll('@PACKAGE@', name).replaceAll('@SERVICES@', services),
      script === 'templates' ? 0o644 : 0o755,
    )
  }
  const sums = run(
    'sh',
    [
      '-c',
      'find . -type f ! -path "./DEBIAN/*" -printf "%P\\0" | LC_ALL=C sort -z | xargs -0 md5sum',
    ],
    { cwd: root },
  )
  put('DEBIAN/md5sums', sums)
}

/** Sets the modes of a package, independent of umask and registry. */
function clean(root: string): void {
  run(
    'sh',
    [
      '-c',
      'find . -type d -exec chmod 755 {} + ; find . -type f ! -path "./DEBIAN/*" -exec chmod 644 {} + ; chmod 755 usr/bin/tunmeter usr/lib/tunmeter/bin/node',
    ],
    { cwd: root },
  )
}

function pack(root: string, file: string): string {
  mkdirSync(OUT, { recursive: true })
  const env = { SOURCE_DATE_EPOCH: String(releaseSeconds()) }
  // One thread, because xz cuts the stream into blocks by the number of threads.
  const how = ['--root-owner-group', '-Zxz', '-z2', '--threads-max=1']
  run('dpkg-deb', [...how, '--build', root, join(OUT, file)], { env })
  return join(OUT, file)
}

/** Without folders, so that unpacking at / changes none that exists. */
function packFiles(root: string, file: string): string {
  const how = `--owner=0 --group=0 --numeric-owner --mtime=@${releaseSeconds()} --no-recursion`
  const list = 'find . ! -type d ! -path "./DEBIAN/*" -print0 | LC_ALL=C sort -z'
  const made = `${list} | tar --create ${how} --null --files-from=- | gzip -n >"$0"`
  run('bash', ['-o', 'pipefail', '-c', made, join(OUT, file)], { cwd: root })
  return join(OUT, file)
}

for (const architecture of chosen(Object.keys(ARCHITECTURES) as Architecture[]))
  for (const kind of chosen(Object.keys(PACKAGES) as Package[]))
    console.log((await build(kind, architecture)).join('\n'))
