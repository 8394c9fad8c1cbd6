/** Reads files that hold a key, with the same checks for all commands. */
import { statSync } from 'node:fs'
import { readTextFile } from './bounded-file.js'
import { type Option, text } from './config.js'
import { AppError, EXIT, messageOf } from './errors.js'

export const KEY_FILE: Option<string | undefined> = {
  ...text('Read the key from this file; nobody but its owner and group may read it.', 'FILE'),
  insteadOf: 'key',
}

/**
 * The group may read it, because Kubernetes, Docker and systemd pass keys to unprivileged users
 * that way.
 */
const READ_BY_ALL = 0o004
const BYTES_MAX = 64 * 1024

/** @throws AppError NO_KEY, and the errors of readKeyFile() */
export function readKey({
  key,
  keyFile,
}: {
  readonly key: string | undefined
  readonly keyFile: string | undefined
}): string {
  if (key !== undefined && key !== '') return checkedKey(key)
  if (keyFile !== undefined) return readKeyFile(keyFile)
  throw new AppError('NO_KEY', 'there is no key', {
    hint: 'Create one with tunmeter keys create, and set --key-file or TUNMETER_KEY.',
    exitCode: EXIT.usage,
  })
}

/** @throws AppError KEY_FILE_EXPOSED, FILE_UNREADABLE, BAD_KEY */
export function readKeyFile(path: string): string {
  return checkedKey(readSecretFile(path).trim(), path)
}

/**
 * Reads a key, or the private key of a certificate.
 * @throws AppError KEY_FILE_EXPOSED, FILE_UNREADABLE
 */
export function readSecretFile(path: string): string {
  const { mode, text } = attempt(path)
  if ((mode & READ_BY_ALL) === 0) return text
  throw new AppError('KEY_FILE_EXPOSED', `everybody on this machine can read ${path}`, {
    hint: `chmod o-rwx ${path}, and make a new key: this one may be known.`,
    exitCode: EXIT.usage,
  })
}

/**
 * The key becomes an HTTP header, so anything but visible ASCII means a wrong file.
 * @throws AppError BAD_KEY
 */
export function checkedKey(key: string, path?: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key
  const what = path === undefined ? 'the key' : `the key in ${path}`
  throw new AppError(
    'BAD_KEY',
    key === '' ? `${what} is empty` : `${what} holds characters that no key has`,
    {
      hint: 'Is it the right file? A key is one line, as in tm_ingest_….',
      exitCode: EXIT.usage,
    },
  )
}

/** @throws AppError FILE_UNREADABLE */
function attempt(path: string): { mode: number; text: string } {
  try {
    return { mode: statSync(path).mode, text: readTextFile(path, BYTES_MAX) }
  } catch (error) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, {
      exitCode: EXIT.usage,
      cause: error,
    })
  }
}
