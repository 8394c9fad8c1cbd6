/** What can be said of capture files before the engine opens them. */
import { accessSync, constants, statSync } from 'node:fs'

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
