/**
 * libpcap and zlib as static libraries, position independent and without features that a meter does
 * not use (D-Bus, RDMA, USB, Bluetooth, remote capture, libnl). So a prebuilt addon depends on no
 * version of either.
 *
 * The sources are Debian's source packages. apt-get downloads them, and their checksums must be
 * those below.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { aptOf } from './apt.ts'
import { run } from './run.ts'
import type { Target } from './targets.ts'

interface Source {
  readonly name: string
  readonly tarball: string
  readonly sha256: string
  readonly configure: (target: Target) => readonly string[]
  readonly library: string
  readonly headers: readonly string[]
  readonly license: string
}

const SOURCES: readonly Source[] = [
  {
    name: 'libpcap',
    tarball: 'libpcap_1.10.3.orig.tar.gz',
    sha256: '2a8885c403516cf7b0933ed4b14d6caa30e02052489ebd414dc75ac52e7559e6',
    configure: ({ triplet }) => [
      ...[`--host=${triplet}`, '--with-pcap=linux', '--disable-shared', '--disable-universal'],
      ...['--disable-dbus', '--disable-rdma', '--disable-usb', '--disable-bluetooth'],
      ...['--disable-remote', '--without-libnl', '--without-dag', '--without-snf'],
      ...['--without-turbocap', '--without-dpdk'],
    ],
    library: 'libpcap.a',
    headers: ['pcap.h', 'pcap-bpf.h', 'pcap'],
    license: 'LICENSE',
  },
  {
    name: 'zlib',
    tarball: 'zlib_1.2.13.dfsg.orig.tar.bz2',
    sha256: '71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1',
    configure: () => ['--static'],
    library: 'libz.a',
    headers: ['zlib.h', 'zconf.h'],
    license: 'LICENSE',
  },
]

const CFLAGS = '-O2 -fPIC -fvisibility=hidden -fstack-protector-strong -D_FORTIFY_SOURCE=2'

/** The libraries and their versions, for a bill of materials. */
export const STATIC_LIBRARIES = SOURCES.map(({ name, tarball, sha256 }) => ({
  name,
  version: /_([\d.]+)/.exec(tarball)![1]!.replace(/\.$/, ''),
  sha256,
}))

/** The folder with include/, lib/ and licenses/ for `target`; built below `work` once. */
export function staticLibraries(target: Target, work: string): string {
  const made = join(work, `static-${target.name}`)
  if (existsSync(join(made, 'complete'))) return made
  rmSync(made, { recursive: true, force: true })
  for (const folder of ['include', 'lib', 'licenses']) {
    mkdirSync(join(made, folder), { recursive: true })
  }
  for (const source of SOURCES) build(source, target, fetchSource(source, work), made)
  writeFileSync(join(made, 'complete'), '')
  return made
}

function build(source: Source, target: Target, tarball: string, made: string): void {
  const tree = join(made, 'build', source.name)
  mkdirSync(tree, { recursive: true })
  run('tar', ['-xf', tarball, '--strip-components=1', '-C', tree])
  const env = {
    CC: target.cc,
    AR: target.ar,
    CHOST: target.triplet,
    CFLAGS: `${CFLAGS} -ffile-prefix-map=${tree}=.`,
  }
  run('./configure', source.configure(target), { cwd: tree, env })
  run('make', ['-j2', source.library], { cwd: tree, env })
  cpSync(join(tree, source.library), join(made, 'lib', source.library))
  for (const header of source.headers) {
    cpSync(join(tree, header), join(made, 'include', header), { recursive: true })
  }
  cpSync(join(tree, source.license), join(made, 'licenses', `${source.name}.txt`))
  rmSync(join(made, 'build', source.name), { recursive: true })
}

/** The path of the tarball; its checksum was checked. */
function fetchSource({ name, tarball, sha256 }: Source, work: string): string {
  const folder = join(work, 'sources')
  const path = join(folder, tarball)
  if (!existsSync(path)) download(name, folder)
  const found = createHash('sha256').update(readFileSync(path)).digest('hex')
  if (found === sha256) return path
  throw new Error(`${path}: SHA-256 is ${found}, expected ${sha256}`)
}

function download(name: string, folder: string): void {
  const apt = aptOf(folder, 'deb-src')
  run('apt-get', [...apt, 'source', '--download-only', name], { cwd: folder })
  if (readdirSync(folder).length === 0) throw new Error(`apt-get brought no source of ${name}`)
}
