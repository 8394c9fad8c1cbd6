/**
 * Ids that depend on the replayed content and not on the time of the replay. The same files with the same options give
 * the same session ids and the same batches, so a second delivery stores nothing twice.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto'
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError, messageOf } from '../../base/errors.js'
import type { Catalog } from '../../session/catalog.js'
import { runPrefix } from '../../session/session-id.js'
import type { WireGuardDevice } from '../wireguard/device.js'
import { canBeReadAgain, fileFault } from './capture-files.js'
import type { ReplayOptions } from './replay-options.js'

export interface ReplayIdentity {
  /** All session ids of the replay begin with it. */
  readonly prefix: string
  readonly meterId: string
}

/** The contents of --catalog and --peers; undefined if the option is absent. */
export interface Owners {
  readonly catalog?: Catalog
  readonly peers?: WireGuardDevice['peers']
}

/** The options that change the sessions or batches of the same files. */
export type IdentityOptions = Pick<
  ReplayOptions,
  | 'tcpHandshakeTimeout'
  | 'tcpTimeout'
  | 'tcpHalfClosedTimeout'
  | 'udpTimeout'
  | 'linger'
  | 'flowsMax'
  | 'interim'
  | 'activeTimeout'
  | 'consolidate'
  | 'batchSessions'
>

const SAMPLE_BYTES = 64 * 1024

/** For sessions that are not delivered: hashes only sizes and samples, because reading all files twice takes too long. */
export function quickIdentity(
  files: readonly string[],
  options: IdentityOptions,
  owners: Owners,
): ReplayIdentity {
  const hash = startHash(options, 0, owners)
  for (const file of readable(files)) {
    if (canBeReadAgain(file)) sample(file, hash)
    else hash.update(randomBytes(16))
  }
  return identityOf(hash)
}

/** For delivered sessions: hashes every byte, unpacked. An input that cannot be read twice gets a new identity. */
export async function contentIdentity(
  files: readonly string[],
  options: IdentityOptions,
  shiftUs: number,
  owners: Owners,
): Promise<ReplayIdentity> {
  const hash = startHash(options, shiftUs, owners)
  for (const file of readable(files)) {
    if (canBeReadAgain(file)) hash.update(await contentHash(file))
    else hash.update(randomBytes(16))
    hash.update('\0end of file\0')
  }
  return identityOf(hash)
}

/** Only the readable files, because a file without sessions must not change the ids of the other files' sessions. */
function readable(files: readonly string[]): string[] {
  return files.filter((file) => fileFault(file) === null)
}

/** The hash of the unpacked content, so that a capture has the same ids with and without gzip. */
async function contentHash(file: string): Promise<Buffer> {
  try {
    if (startsAsGzip(file)) {
      const { createGunzip } = await import('node:zlib')
      // If the gzip data is damaged, hash the packed bytes.
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

/**
 * Hashes all that changes the sessions or their batches. Peers and catalog decide the initiator of a session that was
 * already open, the owner of each session, and with --consolidate which sessions are merged.
 */
function startHash(o: IdentityOptions, shiftUs: number, owners: Owners): Hash {
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
  const hash = createHash('sha256').update(JSON.stringify(rules))
  if (owners.peers !== undefined) hash.update(`\0peers\0${JSON.stringify(owners.peers)}`)
  if (owners.catalog !== undefined) hash.update(`\0catalog\0${idsOf(owners.catalog)}`)
  return hash
}

/** The catalog without names: a session has no names, so a corrected name must not store the sessions a second time. */
function idsOf(catalog: Catalog): string {
  const { clients, resources } = catalog
  const rules = logRulesOf(catalog)
  return JSON.stringify([
    clients.map((c) => [c.clientId, c.userId ?? null, c.publicKey ?? null, c.addresses]),
    resources.map((r) => [
      r.siteResourceId,
      r.siteId ?? null,
      r.destination,
      r.protocol ?? null,
      r.ports,
    ]),
    // Add only existing rules: a catalog without rules must keep the ids from versions that knew no rules.
    ...(rules.length > 0 ? [rules] : []),
  ])
}

function logRulesOf({ clients, resources, prefixes = [] }: Catalog): unknown[] {
  const of = (entries: Pick<Catalog['clients'][number], 'log' | 'fields'>[], list: string) =>
    entries.flatMap(({ log = 'full', fields = {} }, i) =>
      log === 'full' && Object.keys(fields).length === 0 ? [] : [[list, i, log, fields]],
    )
  return [
    ...of(clients, 'clients'),
    ...of(resources, 'resources'),
    ...prefixes.map(({ prefix, log, fields }) => ['prefixes', prefix, log, fields]),
  ]
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

/** 81 bits of the hash fill the time (41 bits of milliseconds, which end in 2039) and the run (40 bits) of the ids. */
function identityOf(hash: Hash): ReplayIdentity {
  const digest = hash.digest()
  const ms = digest.readUIntBE(0, 6) % 2 ** 41
  return {
    prefix: runPrefix(ms, digest.subarray(6, 11)),
    meterId: `replay-${digest.subarray(11, 19).toString('hex')}`,
  }
}
