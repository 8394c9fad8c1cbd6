/**
 * Copies of a data directory. A copy is complete, or it does not exist.
 *
 *   NAME.PID.partial/   sessions.duckdb and control.mdb while they are written
 *   NAME/               the same, synced; it appears by one rename
 *
 * So files of two backups never mix, and an existing copy is never changed: an existing NAME is refused. A failed copy
 * is removed at once. The next backup of the same name, or of the same server, removes the rest of a killed one.
 *
 * control.mdb is copied last, so organisations and keys that were created meanwhile have no sessions in the copy.
 */
import { existsSync } from 'node:fs'
import { cp, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import type { Control } from '../control/control.js'
import { Mutex } from './mutex.js'
import type { Store } from './store.js'

const PARTIAL = /^(.+)\.(\d+)\.partial$/
/** Files of a partial copy. A directory with any other file is not removed. */
const OURS = /^(?:sessions\.duckdb|control\.mdb)/

export interface BackupSource {
  readonly store: Pick<Store, 'backup'>
  readonly control: Pick<Control, 'backup'>
}

/** @throws AppError EXISTS, STORE_FULL */
export function writeBackup({ store, control }: BackupSource, target: string): Promise<void> {
  return makeWhole(target, async (partial) => {
    await store.backup(partial)
    await control.backup(join(partial, 'control.mdb'))
  })
}

/** Moves a complete copy, also to another file system. `from` is removed even if the move fails. */
export async function moveBackup(from: string, target: string): Promise<void> {
  try {
    await makeRoom(target)
    await rename(from, target)
    await sync(dirname(resolve(target)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await makeWhole(target, (partial) => cp(from, partial, { recursive: true }))
  } finally {
    await rm(from, { recursive: true, force: true })
  }
}

/** The backups of a running server, each in its own directory, which is named by the time. */
export class Backups {
  readonly #source: BackupSource
  readonly #directory: string
  readonly #clockMs: () => number
  readonly #mutex = new Mutex()

  constructor(source: BackupSource, directory: string, clockMs: () => number) {
    this.#source = source
    this.#directory = directory
    this.#clockMs = clockMs
  }

  /** Makes a backup. @returns its directory */
  next(): Promise<string> {
    return this.#mutex.run(async () => {
      await removeLeftovers(this.#directory)
      const target = this.#freeName()
      await writeBackup(this.#source, target)
      return target
    })
  }

  #freeName(): string {
    for (let ms = this.#clockMs(); ; ms++) {
      const name = new Date(ms).toISOString().replace(/[:.]/g, '-')
      const target = join(this.#directory, name)
      if (!existsSync(target)) return target
    }
  }
}

async function makeWhole(
  target: string,
  fill: (partial: string) => Promise<unknown>,
): Promise<void> {
  const partial = `${resolve(target)}.${process.pid}.partial`
  await makeRoom(target)
  await mkdir(partial, { mode: 0o700 })
  try {
    await fill(partial)
    for (const name of await readdir(partial)) await sync(join(partial, name))
    await sync(partial)
    await rename(partial, target)
    await sync(dirname(partial))
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw isFull(error) ? noSpace(target, error) : error
  }
}

async function makeRoom(target: string): Promise<void> {
  if (existsSync(target)) {
    throw new AppError('EXISTS', `${target} exists`, {
      hint: 'Name a new directory.',
      exitCode: EXIT.usage,
    })
  }
  const parent = dirname(resolve(target))
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await removeLeftovers(parent, basename(target))
}

/** Removes partial copies of ended processes. @param name only those of this copy */
async function removeLeftovers(directory: string, name?: string): Promise<void> {
  for (const entry of await readdir(directory).catch(() => [])) {
    const [, of, pid] = PARTIAL.exec(entry) ?? []
    if (pid === undefined || (name !== undefined && of !== name) || isAlive(Number(pid))) continue
    const path = join(directory, entry)
    const files = await readdir(path).catch(() => ['no directory'])
    if (files.every((file) => OURS.test(file))) await rm(path, { recursive: true })
  }
}

/** Whether another process may still write. This process never writes two copies of a name at a time. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return /no space left on device/i.test(messageOf(error)) || isFull(error.cause)
}

function noSpace(target: string, cause: unknown): AppError {
  return new AppError('STORE_FULL', `there is no space for a copy at ${target}`, {
    hint: 'Free some space. The unfinished copy was removed; earlier copies are unchanged.',
    cause,
  })
}

/** Syncs a file, or the names in a directory. */
async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } catch (error) {
    // Some network file systems cannot sync directories.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    await file.close()
  }
}
