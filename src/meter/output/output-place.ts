/** Parses `--output`: standard output, or a file and the names of its closed files. */
import { type Stats, statSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { badOptions } from '../../base/config.js'
import { messageOf } from '../../base/errors.js'

const LINES = { option: '--output', nameInFolder: 'sessions.ndjson' } as const

export interface FilePlace {
  /** The option names the folder, so the meter may make it; else it names a file in somebody else's folder. */
  readonly ownsFolder: boolean
  readonly folder: string
  /** Name of the file that is written now. */
  readonly name: string
}

/**
 * The place is a folder if it exists as one; if nothing exists there, when it ends in `/` or has no extension.
 * @returns null for standard output. @throws AppError BAD_OPTIONS for a pipe or device, or when the path leads nowhere
 */
export function outputPlace(
  place: string,
  { option, nameInFolder }: { option: string; nameInFolder: string } = LINES,
): FilePlace | null {
  if (place === '-') return null
  const found = statsOf(place, option)
  if (found !== undefined && !found.isFile() && !found.isDirectory()) {
    throw badOptions([
      `${option} ${place} is neither a file nor a directory${option === LINES.option ? ': for a pipe or device give --output - and redirect it' : ''}`,
    ])
  }
  const isFolder =
    found === undefined ? place.endsWith('/') || extname(place) === '' : found.isDirectory()
  const path = resolve(place)
  return isFolder
    ? { ownsFolder: true, folder: path, name: nameInFolder }
    : { ownsFolder: false, folder: dirname(path), name: basename(path) }
}

/** Undefined: nothing is there yet. A file on the way (ENOTDIR) or a folder that is closed to this user is an error. */
function statsOf(place: string, option: string): Stats | undefined {
  try {
    return statSync(place, { throwIfNoEntry: false })
  } catch (error) {
    throw badOptions([`${option} ${place} cannot be used: ${messageOf(error)}`])
  }
}

export function activePath({ folder, name }: FilePlace): string {
  return join(folder, name)
}

/** Name of a file that belongs to the output and holds no sessions, such as `.sessions.ndjson.lock`. */
export function hiddenName({ name }: FilePlace, what: string): string {
  return `.${name}.${what}`
}

/** `sessions-20261129T031512.345Z.ndjson`: holds the time of closing, because names must sort by time. */
export function closedName({ name }: FilePlace, atMs: number): string {
  const ending = extname(name)
  const time = new Date(atMs).toISOString().replaceAll(/[-:]/g, '')
  return `${basename(name, ending)}-${time}${ending}`
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** Matches the names of closed files, packed or not. */
export function closedPattern({ name }: FilePlace): RegExp {
  const ending = extname(name)
  const stem = escaped(basename(name, ending))
  return new RegExp(`^${stem}-\\d{8}T\\d{6}\\.\\d{3}Z${escaped(ending)}(?:\\.gz)?$`)
}

/** All names that a meter gives in a folder of its own; a start as root changes the owner of these files only. */
export const OWN_NAMES =
  /^(?:sessions(?:-[\dTZ.]+)?\.(?:ndjson|ipfix)(?:\.gz)?(?:\.partial)?|\.sessions\.(?:ndjson|ipfix)\.(?:lock|ran\.[01]\.json))$/
