/** Opens a spool directory: locks it, verifies it at each start, and replaces a damaged data file by a new one. */

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { AppError, messageOf } from '../../base/errors.js'
import { makeDirectory } from '../../base/private-files.js'
import { systemFault } from '../../base/system-fault.js'
import type { BatchGap } from '../../session/batch.js'
import { type Identity, type Life, parseEntry, SPOOL_VERSION } from './format.js'
import { lossOf } from './gaps.js'
import { newMeterId, readIdentity, writeIdentity } from './identity.js'
import { lifeIn, newLife, putLife } from './life.js'
import { lockDirectory } from './lock.js'
import { Spool, type SpoolLimits } from './spool.js'
import { openStoreFile, type StoreFile } from './store-file.js'
import { isDamage, verifyInChild } from './verify.js'

export interface SpoolOptions extends SpoolLimits {
  readonly directory: string
  /** For a replay: the same content has the same batch numbers in every spool, so batches have no spoolId. */
  readonly numbersFollowContent?: boolean
  /** The id of a new spool; a spool with another id is refused. */
  readonly meterId?: string | undefined
  readonly onLoss?: (gap: BatchGap) => void
  /** Called after a damaged data file was moved to the given directory. */
  readonly onDamage?: (movedTo: string) => void
  readonly nowMs?: () => number
}

const DAMAGED_KEPT = 2

/** @throws AppError SPOOL_LOCKED, SPOOL_UNUSABLE, SPOOL_OTHER_METER */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { directory } = options
  const lock = lockIn(directory)
  try {
    const known = readIdentityOf(directory)
    if (known !== null && options.meterId !== undefined && options.meterId !== known.meterId) {
      throw new AppError(
        'SPOOL_OTHER_METER',
        `the spool ${directory} belongs to the meter "${known.meterId}", not to "${options.meterId}"`,
        { hint: 'Give this meter a spool of its own: --spool DIR.' },
      )
    }
    const opened = await openVerified(options, known)
    const identity = known ?? firstIdentity(directory, opened.store, options.meterId)
    return new Spool({
      directory,
      store: opened.store,
      lock,
      limits: options,
      identity,
      ...(await startNumbers(opened.store, identity, options.numbersFollowContent === true)),
      gaps: opened.gaps,
      onLoss: options.onLoss ?? (() => undefined),
      nowMs: options.nowMs ?? Date.now,
    })
  } catch (error) {
    lock.release()
    throw error instanceof AppError ? error : unusable(directory, error)
  }
}

function lockIn(directory: string): ReturnType<typeof lockDirectory> {
  try {
    makeDirectory(directory)
    return lockDirectory(join(directory, 'lock'), `pid ${process.pid}`)
  } catch (error) {
    throw error instanceof AppError ? error : unusable(directory, error)
  }
}

function readIdentityOf(directory: string): Identity | null {
  try {
    return readIdentity(directory)
  } catch (error) {
    throw unusable(directory, error)
  }
}

function unusable(directory: string, error: unknown): AppError {
  return new AppError(
    'SPOOL_UNUSABLE',
    `cannot use the spool directory ${directory}: ${messageOf(error)}`,
    {
      hint: isFull(error)
        ? systemFault(error)!.hint!
        : 'Name a directory that this user may write: --spool DIR.',
      cause: error,
    },
  )
}

const isFull = (error: unknown): boolean => /ENOSPC|EDQUOT/.test(systemFault(error)?.code ?? '')

/** For a new spool, or one that lost its meter.json: the data file holds the meter's id, too. */
function firstIdentity(directory: string, store: StoreFile, meterId: string | undefined): Identity {
  const stored = store.meta.get('meterId')
  const identity: Identity = {
    version: SPOOL_VERSION,
    meterId: meterId ?? (typeof stored === 'string' ? stored : newMeterId()),
    unsent: { sessions: 0, fromUs: 0, toUs: 0 },
  }
  writeIdentity(directory, identity)
  return identity
}

/** A new data file gets a spoolId and starts at number 1; a file from before 0.2 gets a spoolId from here on. */
async function startNumbers(
  store: StoreFile,
  identity: Identity,
  followContent: boolean,
): Promise<{ nextBatch: number; life: Life | null }> {
  const nextBatch = Number(store.meta.get('nextBatch') ?? 1)
  const known = lifeIn(store)
  const life = followContent ? null : (known ?? newLife(nextBatch))
  if (life !== known || store.meta.get('nextBatch') === undefined) {
    await store.write((w) => {
      w.put(store.meta, 'version', SPOOL_VERSION)
      w.put(store.meta, 'meterId', identity.meterId)
      w.put(store.meta, 'nextBatch', nextBatch)
      if (life !== null) putLife(w, store, life)
    })
  }
  return { nextBatch, life }
}

/** More than twice the bounds, because LMDB reuses deleted pages only after the transaction that deleted them. */
export function mapBytesOf(limits: SpoolLimits): number {
  return 2 * (limits.bytesMax + limits.quarantineBytesMax) + 64 * 1024 * 1024
}

interface Opened {
  readonly store: StoreFile
  readonly gaps: readonly BatchGap[]
}

async function openVerified(options: SpoolOptions, identity: Identity | null): Promise<Opened> {
  const { directory } = options
  const mapBytes = mapBytesOf(options)
  // A file that this user may not write is not damaged, but LMDB takes it for that, or crashes.
  for (const name of ['data.mdb', 'lock.mdb']) {
    const path = join(directory, name)
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
  }
  // Another process verifies the file first, because opening a damaged LMDB file can crash the process.
  const outcome = existsSync(join(directory, 'data.mdb'))
    ? await verifyInChild(directory, mapBytes)
    : ({ bad: [] } as const)
  if (outcome !== 'damaged') {
    const store = tryOpen(directory, mapBytes)
    const bad = outcome === 'unknown' ? [] : outcome.bad
    if (store !== null)
      return { store, gaps: [...wasTakenAway(store, identity), ...(await dropBad(store, bad))] }
  }
  return {
    store: moveAside(options, mapBytes),
    gaps: identity === null ? [] : [unsentGap(identity)],
  }
}

/** Null when the file is damaged, which a read of each table shows. */
function tryOpen(directory: string, mapBytes: number): StoreFile | null {
  let store: StoreFile
  try {
    store = openStoreFile(directory, mapBytes)
    for (const table of [store.batches, store.quarantine, store.gaps])
      table.getKeysCount({ limit: 1 })
    store.meta.get('nextBatch')
  } catch (error) {
    if (isDamage(messageOf(error))) return null
    throw error
  }
  const version = Number(store.meta.get('version') ?? SPOOL_VERSION)
  if (version > SPOOL_VERSION) {
    throw new Error(`it has format ${version}, this program knows up to ${SPOOL_VERSION}`)
  }
  return store
}

async function dropBad(store: StoreFile, bad: readonly number[]): Promise<BatchGap[]> {
  const gaps = bad.flatMap((number) => {
    const entry = parseEntry(store.batches.get(number) ?? store.quarantine.get(number))
    return [lossOf('spoolDamaged', entry, number), ...(entry?.gaps ?? [])]
  })
  if (bad.length === 0) return gaps
  await store.write((w) => {
    for (const number of bad) {
      w.remove(store.batches, number)
      w.remove(store.quarantine, number)
      w.remove(store.bodies, number)
    }
  })
  return gaps
}

/** A new data file although sessions were waiting: somebody deleted or emptied the old one. */
function wasTakenAway(store: StoreFile, identity: Identity | null): BatchGap[] {
  const isNew = store.meta.get('nextBatch') === undefined
  return isNew && identity !== null && identity.unsent.sessions > 0 ? [unsentGap(identity)] : []
}

function unsentGap(identity: Identity): BatchGap {
  return lossOf('spoolDamaged', { ...identity.unsent, madeAtMs: Date.now() })
}

function moveAside(options: SpoolOptions, mapBytes: number): StoreFile {
  const { directory } = options
  const stamp = new Date().toISOString().replaceAll(':', '-')
  const target = join(directory, `damaged-${stamp}`)
  mkdirSync(target, { mode: 0o700 })
  for (const file of ['data.mdb', 'lock.mdb']) {
    if (existsSync(join(directory, file))) renameSync(join(directory, file), join(target, file))
  }
  const old = readdirSync(directory)
    .filter((name) => name.startsWith('damaged-'))
    .sort()
  for (const name of old.slice(0, -DAMAGED_KEPT)) {
    rmSync(join(directory, name), { recursive: true, force: true })
  }
  options.onDamage?.(target)
  return openStoreFile(directory, mapBytes)
}
