/** Writes a file completely or not at all: under a temporary name, then renamed. */
import { createWriteStream, openSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import type { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError, messageOf, networkFault } from './errors.js'

/** @throws AppError EXPORT_BROKEN_OFF, OUTPUT_FAILED */
export async function writeWhole(path: string, body: Readable, through: Transform): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false })
  // A FIFO or a device cannot be renamed.
  const beside = found === undefined || found.isFile()
  const target = found !== undefined && beside ? realpathSync(path) : path
  const written = beside ? `${target}.partial` : path
  try {
    // Opened at once: a stream that still opens its file when the body breaks would create it after rmSync(). Opening a
    // FIFO waits for its reader.
    const out = beside
      ? createWriteStream(written, { fd: openSync(written, 'w') })
      : createWriteStream(written)
    await takeWhole(body, pipeline(body, through, out))
    if (beside) renameSync(written, target)
  } catch (error) {
    if (beside) rmSync(written, { force: true })
    if (error instanceof AppError) throw error
    throw new AppError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/**
 * Waits for `taken`, which takes all of `body`.
 * @throws AppError EXPORT_BROKEN_OFF when `body` ends early
 */
export async function takeWhole(body: Readable, taken: Promise<void>): Promise<void> {
  let failure: Error | undefined
  body.once('error', (error) => {
    failure = error
  })
  try {
    await taken
  } catch (error) {
    if (failure !== error) throw error
    throw new AppError('EXPORT_BROKEN_OFF', `the export broke off: ${networkFault(error)}`, {
      hint: 'The output is incomplete. Is the server still running?',
      cause: error,
    })
  }
}
