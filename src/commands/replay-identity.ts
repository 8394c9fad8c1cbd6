/**
 * Ids that depend on what is replayed, not on when: the same files with the same options give the same session ids
 * and the same batches, so that delivering them twice stores them once.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto'
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { runPrefix } from '../session/session-id.js'
import type { ReplayOptions } from './replay.js'

export interface ReplayIdentity {
  /** What all session ids of the replay start with. */
  readonly prefix: string
  readonly meterId: string
}

const SAMPLE_BYTES = 64 * 1024

/** For sessions that are only printed: sizes and samples of the files, since reading all twice would cost. */
export function quickIdentity(files: readonly string[], options: ReplayOptions): ReplayIdentity {
  const hash = startHash(options, 0)
  for (const file of files) {
    if (file === '-') hash.update(randomBytes(16))
    else sample(file, hash)
  }
  return identityOf(hash)
}

/** For sessions that are delivered: every byte. Standard input cannot be read twice and gets a new identity. */
export async function contentIdentity(
  files: readonly string[],
  options: ReplayOptions,
  shiftUs: number,
): Promise<ReplayIdentity> {
  const hash = startHash(options, shiftUs)
  for (const file of files) {
    if (file === '-') hash.update(randomBytes(16))
    else
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }))
        hash.update(chunk as Buffer)
    hash.update('\0end of file\0')
  }
  return identityOf(hash)
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
