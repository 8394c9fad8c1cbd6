/** The machines for which addons are built. */

export interface Target {
  /** The name in the package's name: @tunmeter/addon-NAME. */
  readonly name: string
  readonly os: 'linux'
  /** process.arch of Node, and npm's `cpu`. */
  readonly cpu: 'x64' | 'arm64'
  readonly libc: 'glibc'
  readonly triplet: string
  readonly cc: string
  readonly cxx: string
  readonly ar: string
}

function target(cpu: Target['cpu'], triplet: string): Target {
  return {
    name: `linux-${cpu}`,
    os: 'linux',
    cpu,
    libc: 'glibc',
    triplet,
    cc: `${triplet}-gcc`,
    cxx: `${triplet}-g++`,
    // This ar can read objects of -flto.
    ar: `${triplet}-gcc-ar`,
  }
}

export const TARGETS: readonly Target[] = [
  target('x64', 'x86_64-linux-gnu'),
  target('arm64', 'aarch64-linux-gnu'),
]
