/** Checks capture files before the engine opens them. */
import { accessSync, constants, statSync } from 'node:fs'
import { badOptions } from '../../base/config.js'
import { firstPacketUs } from '../capture/first-packet.js'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied; run as a user who may read it',
}

/** Why a file cannot be read; null when it can, as far as is known without opening it. */
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

/** Two names of one regular file: the same path, a link, another spelling. */
export function isSameFile(a: string, b: string): boolean {
  const one = statSync(a, { throwIfNoEntry: false, bigint: true })
  const other = statSync(b, { throwIfNoEntry: false, bigint: true })
  if (one === undefined || other === undefined || !one.isFile()) return false
  return one.dev === other.dev && one.ino === other.ino
}

/** Pipes, FIFOs and terminals give their bytes once; only a regular file can be read again, or from its end. */
export function canBeReadAgain(file: string): boolean {
  return file !== '-' && statSync(file).isFile()
}

/** The first input, of those that can be read, whose bytes come once. */
export function firstPipe(files: readonly string[]): string | undefined {
  return files.find((file) => fileFault(file) === null && !canBeReadAgain(file))
}

/**
 * The files by their first packets, so that their order on the command line changes nothing; what has no packet that can be read
 * comes first. @throws AppError BAD_OPTIONS for a pipe among others: nothing is known of it before it is read
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
