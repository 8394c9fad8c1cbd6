/** Checks capture files before the engine opens them. */
import { accessSync, constants, statSync } from 'node:fs'
import { badOptions } from '../../base/config.js'
import { firstPacketUs } from '../capture/first-packet.js'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied; run as a user who may read it',
}

/** The reason why a file cannot be read; null if there is none that shows without opening the file. */
export function fileFault(file: string): string | null {
  if (file === '-') return null
  try {
    if (statSync(file).isDirectory()) return `${file} is a directory: name the capture files in it`
    accessSync(file, constants.R_OK)
    return null
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    return `cannot read ${file}: ${REASONS[code] ?? message}`
  }
}

/** True if both paths name the same regular file, directly, by a link or in another spelling. */
export function isSameFile(a: string, b: string): boolean {
  const one = statSync(a, { throwIfNoEntry: false, bigint: true })
  const other = statSync(b, { throwIfNoEntry: false, bigint: true })
  if (one === undefined || other === undefined || !one.isFile()) return false
  return one.dev === other.dev && one.ino === other.ino
}

/** True for regular files only, because pipes, FIFOs and terminals give their bytes once. */
export function canBeReadAgain(file: string): boolean {
  return file !== '-' && statSync(file).isFile()
}

/** The first readable input whose bytes come only once. */
export function firstPipe(files: readonly string[]): string | undefined {
  return files.find((file) => fileFault(file) === null && !canBeReadAgain(file))
}

/**
 * Sorts the files by the time of their first packets, so that their order on the command line changes nothing. Files
 * without such a time come first. @throws AppError BAD_OPTIONS for a pipe among other readable files, because its first
 * time is unknown before it is read
 */
export function inOrderOfTime(files: readonly string[]): readonly string[] {
  if (files.length < 2) return files
  const pipe = firstPipe(files)
  if (pipe !== undefined && files.filter((file) => fileFault(file) === null).length > 1) {
    throw badOptions([
      `${pipe === '-' ? 'standard input' : pipe} cannot be put in order of time with other files, since it can be read once only: give it alone, or write it to a file first`,
    ])
  }
  const begun = files.map((file) => {
    const us = fileFault(file) === null ? firstPacketUs(file) : null
    return { file, us: us ?? Number.MIN_SAFE_INTEGER }
  })
  return begun.sort((a, b) => a.us - b.us).map(({ file }) => file)
}
