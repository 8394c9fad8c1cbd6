/** The destination of output: a file, or a stream that may be slower than the writer. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { AppError, EXIT, messageOf } from '../../base/errors.js'

export interface Sink {
  /** Takes ownership of the bytes; await it before the next call. */
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** @throws AppError OUTPUT_FAILED */
export function fileSink(path: string): Sink {
  const fd = attempt(path, () => openSync(path, 'w'))
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        at += attempt(path, () => writeSync(fd, bytes, at))
      }
    },
    async close() {
      attempt(path, () => closeSync(fd))
    },
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new AppError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(error)}`, {
      exitCode: EXIT.failed,
      cause: error,
    })
  }
}

export function streamSink(stream: NodeJS.WritableStream): Sink {
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        // Waits for the callback, because otherwise bytes pile up in memory behind a slow reader.
        stream.write(bytes, (error) => {
          if (error) reject(error)
          else resolve()
        })
      }),
    close: () => Promise.resolve(),
  }
}
