/**
 * Ids that depend on what is replayed, not on when: the same files with the same options give the same session ids
 * and the same batches, so that delivering them twice stores them once.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto'
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError, messageOf } from '../../base/errors.js'
import { runPrefix } from '../../session/session-id.js'
import { canBeReadAgain, fileFault } from './capture-files.js'
import type { ReplayOptions } from './replay-options.js'

export interface ReplayIdentity {
  /** What all session ids of the replay start with. */
  readonly prefix: string
  readonly meterId: string
}

const SAMPLE_BYTES = 64 * 1024

/** For sessions that are only printed: sizes and samples of the files, since reading all twice would cost. */
export function quickIdentity(files: readonly string[], options: ReplayOptions): ReplayIdentity {
  const hash = startHash(options, 0)
  for (const file of readable(files)) {
    if (canBeReadAgain(file)) sample(file, hash)
    else hash.update(randomBytes(16))
  }
  return identityOf(hash)
}

/** For sessions that are delivered: every byte, unpacked. What cannot be read twice gets a new identity. */
export async function contentIdentity(
  files: readonly string[],
  options: ReplayOptions,
  shiftUs: number,
): Promise<ReplayIdentity> {
  const hash = startHash(options, shiftUs)
  for (const file of readable(files)) {
    if (canBeReadAgain(file)) hash.update(await contentHash(file))
    else hash.update(randomBytes(16))
    hash.update('\0end of file\0')
  }
  return identityOf(hash)
}

/** A file that is missing adds no session, so it must not change the ids of the others'. */
function readable(files: readonly string[]): string[] {
  return files.filter((file) => fileFault(file) === null)
}

/** Of what is in the file: packed with gzip or not, a capture is the same. */
async function contentHash(file: string): Promise<Buffer> {
  try {
    if (startsAsGzip(file)) {
      const { createGunzip } = await import('node:zlib')
      // Damaged: as it is then, packed.
      const unpacked = await hashStream(file, createGunzip()).catch(() => null)
      if (unpacked !== null) return unpacked
    }
    return await hashStream(file, null)
  } catch (error) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`)
  }
}

async function hashStream(file: string, unpack: Duplex | null): Promise<Buffer> {
  const hash = createHash('sha256')
  const bytes = createReadStream(file, { highWaterMark: 1 << 20 })
  await (unpack === null ? pipeline(bytes, hash) : pipeline(bytes, unpack, hash))
  return hash.digest()
}

function startsAsGzip(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const start = Buffer.alloc(2)
    return readSync(fd, start, 0, 2, 0) === 2 && start.readUInt16BE() === 0x1f8b
  } finally {
    closeSync(fd)
  }
}

/** All that changes sessions or how they are cut into batches. Names and owners do not: see --catalog. */
function startHash(o: ReplayOptions, shiftUs: number): Hash {
  const timeouts = [o.tcpHandshakeTimeout, o.tcpTimeout, o.tcpHalfClosedTimeout, o.udpTimeout]
  const interim = o.interim ? o.activeTimeout : 0
  const rules = [
    ...timeouts,
    o.linger,
    o.flowsMax,
    interim,
    o.consolidate,
    o.batchSessions,
    shiftUs,
  ]
  return createHash('sha256').update(JSON.stringify(rules))
}

function sample(file: string, hash: Hash): void {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    const buffer = Buffer.alloc(SAMPLE_BYTES)
    for (const at of [0, Math.max(0, size - SAMPLE_BYTES)]) {
      hash.update(buffer.subarray(0, readSync(fd, buffer, 0, SAMPLE_BYTES, at)))
    }
    hash.update(String(size))
  } finally {
    closeSync(fd)
  }
}

/** 81 bits of the hash fill the id's time and run; a time of 41 bits ends in 2039. */
function identityOf(hash: Hash): ReplayIdentity {
  const digest = hash.digest()
  const ms = digest.readUIntBE(0, 6) % 2 ** 41
  return {
    prefix: runPrefix(ms, digest.subarray(6, 11)),
    meterId: `replay-${digest.subarray(11, 19).toString('hex')}`,
  }
}
