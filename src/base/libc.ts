/** Calls of the C library that Node lacks, through koffi, which is loaded on the first use. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const SIGNATURES = {
  prctl: 'int prctl(int option, ulong a, ulong b, ulong c, ulong d)',
  capset: 'int capset(const void *header, const void *data)',
  execv: 'int execv(const char *path, const char **argv)',
  fcntl: 'int fcntl(int fd, int command, int argument)',
  socket: 'int socket(int domain, int type, int protocol)',
  sendto:
    'long sendto(int fd, const void *data, size_t length, int flags, const void *to, uint size)',
  close: 'int close(int fd)',
  flock: 'int flock(int fd, int operation)',
} as const

type CFunction = (...args: unknown[]) => number
const loaded = new Map<string, CFunction>()

/** A C function by name. Its result is the C function's: -1 for a failure. */
export function libc(name: keyof typeof SIGNATURES): CFunction {
  let found = loaded.get(name)
  if (found === undefined) {
    const koffi = require('koffi') as typeof import('koffi')
    found = koffi.load(null).func(SIGNATURES[name]) as CFunction
    loaded.set(name, found)
  }
  return found
}
