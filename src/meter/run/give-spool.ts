/**
 * Gives the folder of the spool, of `--output` or of `--ipfix` to the account that will write it, while the meter still
 * is root.
 *
 * Users who may write a folder on the path, the meter's own among them, can redirect the path. Therefore each folder is
 * opened beneath the one before it, and a symbolic link is followed only when root owns it and its folder, and no other
 * user may replace it. Only regular files with names of the kind change their owner, by descriptor, and only with one
 * link, because a hard link could lead to another user's file. A folder that holds other files and no spool is refused.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs'
import { resolve } from 'node:path'
import { AppError, EXIT } from '../../base/errors.js'
import type { Account } from '../../base/privileges.js'
import { OWN_NAMES } from '../output/output-place.js'

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
const FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
const FILE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
const LINKS_MAX = 16

/** The contents that a folder may have to be given away. */
interface Kind {
  readonly files: RegExp
  /** Subfolders, with files of the same names. */
  readonly folders: RegExp | null
  /** A folder with a file of this name may hold other files too; they keep their owner. */
  readonly mark: string | null
  readonly called: string
  readonly option: string
}

const SPOOL: Kind = {
  files:
    /^(?:lock|meter\.json|meter\.json\.new|reserve|data\.mdb|lock\.mdb|ran\.[01]\.json|catalog\.json(?:\.new)?)$/,
  folders: /^damaged-/,
  mark: 'meter.json',
  called: 'spool',
  option: '--spool',
}
const OUTPUT = {
  files: OWN_NAMES,
  folders: null,
  mark: null,
  called: 'output',
}

/** A path beneath an open folder. The kernel resolves the descriptor, not a path that somebody may have changed. */
function beneath(folder: number, name: string): string {
  return `/proc/self/fd/${folder}/${name}`
}

/** @throws AppError SPOOL_FOREIGN */
export function giveSpool(path: string, account: Account): void {
  giveFolder(path, account, SPOOL)
}

/** @throws AppError SPOOL_FOREIGN */
export function giveOutput(path: string, option: string, account: Account): void {
  giveFolder(path, account, { ...OUTPUT, option })
}

/**
 * Makes the folder if it is missing, and gives it with the files of its kind to the account. A new folder is for the
 * account alone; new folders above it belong to root, and everybody may enter them.
 */
function giveFolder(path: string, account: Account, kind: Kind): void {
  const folder = openFolder(resolve(path), kind)
  try {
    const names = readdirSync(`/proc/self/fd/${folder}`)
    const own = names.filter((name) => kind.files.test(name) || isFolderOf(kind, name))
    const isMarked = kind.mark !== null && names.includes(kind.mark)
    if (!isMarked && names.some((name) => name !== 'lost+found' && !own.includes(name))) {
      throw foreign(kind, `${path} holds other files and no ${kind.called}`)
    }
    for (const name of own) giveEntry(folder, name, account, kind)
    give(folder, account)
  } finally {
    closeSync(folder)
  }
}

/** Whether giveSpool() would refuse an existing folder for its contents. Changes nothing. */
export function isForeignSpool(path: string): boolean {
  const names = readdirSync(path)
  const isOwn = (name: string) => SPOOL.files.test(name) || isFolderOf(SPOOL, name)
  return !names.includes(SPOOL.mark!) && names.some((n) => n !== 'lost+found' && !isOwn(n))
}

function isFolderOf(kind: Kind, name: string): boolean {
  return kind.folders?.test(name) === true
}

function give(descriptor: number, { uid, gid }: Account): void {
  const { uid: owner } = fstatSync(descriptor)
  if (owner !== uid) fchownSync(descriptor, uid, gid)
}

function giveEntry(folder: number, name: string, account: Account, kind: Kind): void {
  const isFolder = isFolderOf(kind, name)
  const descriptor = openOwn(beneath(folder, name), isFolder ? FOLDER : FILE, name, kind)
  try {
    const stat = fstatSync(descriptor)
    if (!isFolder && (!stat.isFile() || stat.nlink > 1)) {
      throw foreign(kind, `${name} in it is no file of a ${kind.called}'s own`)
    }
    if (isFolder) {
      const files = readdirSync(`/proc/self/fd/${descriptor}`).filter((n) => kind.files.test(n))
      for (const file of files) giveEntry(descriptor, file, account, kind)
    }
    give(descriptor, account)
  } finally {
    closeSync(descriptor)
  }
}

function openOwn(path: string, flags: number, name: string, kind: Kind): number {
  try {
    return openSync(path, flags)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO') {
      throw foreign(kind, `${name} in it is no file of a ${kind.called}'s own`)
    }
    throw error
  }
}

/** Opens the folder of an absolute path, and makes missing folders on the way. */
function openFolder(path: string, kind: Kind): number {
  let names = path.split('/').filter((name) => name !== '')
  let folder = openSync('/', FOLDER)
  let links = 0
  try {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const at = beneath(folder, name)
      makeIfMissing(at, names.length === 0)
      if (lstatSync(at).isSymbolicLink()) {
        if (++links > LINKS_MAX || !isRootsLink(folder, at)) {
          throw foreign(
            kind,
            `${name} on the way to ${path} is a symbolic link that root did not lay`,
          )
        }
        const target = readlinkSync(at)
        names = [...target.split('/').filter((one) => one !== ''), ...names]
        if (target.startsWith('/')) folder = replace(folder, openSync('/', FOLDER))
        continue
      }
      if (!lstatSync(at).isDirectory())
        throw foreign(kind, `${name} on the way to ${path} is not a directory`)
      folder = replace(folder, openSync(at, FOLDER))
    }
    return folder
  } catch (error) {
    closeSync(folder)
    throw error
  }
}

function replace(old: number, next: number): number {
  closeSync(old)
  return next
}

function isRootsLink(folder: number, at: string): boolean {
  const { uid, mode } = fstatSync(folder)
  const sticky = (mode & 0o1000) !== 0
  return uid === 0 && lstatSync(at).uid === 0 && ((mode & 0o022) === 0 || sticky)
}

function makeIfMissing(at: string, isLast: boolean): void {
  if (lstatSync(at, { throwIfNoEntry: false }) !== undefined) return
  mkdirSync(at, { mode: isLast ? 0o700 : 0o711 })
  if (isLast) return
  // Despite the umask, because the account must be able to enter it.
  const made = openSync(at, FOLDER)
  fchmodSync(made, 0o711)
  closeSync(made)
}

function foreign({ called, option }: Kind, what: string): AppError {
  return new AppError('SPOOL_FOREIGN', `cannot use the ${called} directory: ${what}`, {
    hint: `Give an empty directory, or one that does not exist yet: ${option} DIR.`,
    exitCode: EXIT.usage,
  })
}
