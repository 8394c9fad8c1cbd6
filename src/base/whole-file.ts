/** Writes a file completely or not at all: under a temporary name, then renamed. */
import { createWriteStream, openSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import type { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cannotWrite, writing } from './cannot-write.js'
import { AppError, networkFault } from './errors.js'
import { isFifo, openFifo } from './fifo.js'

export interface WholePlace {
  /** Where to write. */
  readonly written: string
  /** Call it when everything is written. @throws AppError OUTPUT_FAILED */
  readonly complete: () => void
  /** Removes what is incomplete. */
  readonly undo: () => void
}

/** A FIFO or a device is written as it is, because it cannot be renamed. @throws AppError OUTPUT_FAILED */
export function wholePlace(path: string): WholePlace {
  const found = writing(path, () => statSync(path, { throwIfNoEntry: false }))
  const nothing = () => undefined
  if (found !== undefined && !found.isFile())
    return { written: path, complete: nothing, undo: nothing }
  const target = found === undefined ? path : writing(path, () => realpathSync(path))
  const written = `${target}.partial`
  return {
    written,
    complete: () => writing(path, () => renameSync(written, target)),
    undo: () => rmSync(written, { force: true }),
  }
}

/**
 * @param say gets a line for the user while a FIFO has no reader
 * @throws AppError EXPORT_BROKEN_OFF, OUTPUT_FAILED
 */
export async function writeWhole(
  path: string,
  body: Readable,
  through: Transform,
  say: (line: string) => void,
): Promise<void> {
  const { written, complete, undo } = wholePlace(path)
  try {
    await takeWhole(body, pipeline(body, through, await opened(written, say)))
    complete()
  } catch (error) {
    undo()
    if (error instanceof AppError) throw error
    throw cannotWrite(path, error)
  }
}

/** Opened at once: a stream that still opens its file when the body breaks would create it after undo(). */
async function opened(path: string, say: (line: string) => void): Promise<Writable> {
  return isFifo(path) ? openFifo(path, say) : createWriteStream(path, { fd: openSync(path, 'w') })
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
