/** Parses `--output`: standard output, or the current file and its closed neighbours. */
import { statSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { badOptions } from '../../base/config.js'

const LINES = { option: '--output', nameInFolder: 'sessions.ndjson' } as const

export interface FilePlace {
  /** The folder was named and is ours to make; else it belongs to somebody else. */
  readonly ownsFolder: boolean
  readonly folder: string
  /** Of the file that is written now. */
  readonly name: string
}

/**
 * A folder is one that is there, ends in `/`, or is not there and has a name without extension.
 * @returns null for standard output. @throws AppError BAD_OPTIONS for a pipe or device
 */
export function outputPlace(
  given: string,
  { option, nameInFolder }: { option: string; nameInFolder: string } = LINES,
): FilePlace | null {
  if (given === '-') return null
  const found = statSync(given, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile() && !found.isDirectory()) {
    throw badOptions([
      `${option} ${given} is neither a file nor a directory${option === LINES.option ? ': for a pipe or device give --output - and redirect it' : ''}`,
    ])
  }
  const isFolder =
    found === undefined ? given.endsWith('/') || extname(given) === '' : found.isDirectory()
  const path = resolve(given)
  return isFolder
    ? { ownsFolder: true, folder: path, name: nameInFolder }
    : { ownsFolder: false, folder: dirname(path), name: basename(path) }
}

export function activePath({ folder, name }: FilePlace): string {
  return join(folder, name)
}

/** `.sessions.ndjson.lock` and the like: what belongs to the file and is no sessions. */
export function hiddenName({ name }: FilePlace, what: string): string {
  return `.${name}.${what}`
}

/** `sessions-20261129T031512.345Z.ndjson`: when it was closed, so that names sort by time. */
export function closedName({ name }: FilePlace, atMs: number): string {
  const ending = extname(name)
  const time = new Date(atMs).toISOString().replaceAll(/[-:]/g, '')
  return `${basename(name, ending)}-${time}${ending}`
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** Names of closed files, packed or not. */
export function closedPattern({ name }: FilePlace): RegExp {
  const ending = extname(name)
  const stem = escaped(basename(name, ending))
  return new RegExp(`^${stem}-\\d{8}T\\d{6}\\.\\d{3}Z${escaped(ending)}(?:\\.gz)?$`)
}

/** All names that a meter gives in a folder of its own: what it may take over there. */
export const OWN_NAMES =
  /^(?:sessions(?:-[\dTZ.]+)?\.(?:ndjson|ipfix)(?:\.gz)?(?:\.partial)?|\.sessions\.(?:ndjson|ipfix)\.(?:lock|ran\.[01]\.json))$/
