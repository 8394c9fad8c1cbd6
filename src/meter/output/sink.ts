/** The destination of output: a file, or a stream that may be slower than the writer. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { isFifo, openFifo } from '../../base/fifo.js'

export interface Sink {
  /** Takes ownership of the bytes; await it before the next call. */
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** @param say gets a line for the user while a FIFO has no reader. @throws AppError OUTPUT_FAILED */
export async function fileSink(path: string, say: (line: string) => void): Promise<Sink> {
  if (isFifo(path)) return fifoSink(path, say)
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

async function fifoSink(path: string, say: (line: string) => void): Promise<Sink> {
  const socket = await openFifo(path, say).catch((error: unknown) => {
    throw failed(path, error)
  })
  // write() reports the error.
  socket.on('error', () => undefined)
  const { write } = streamSink(socket)
  return {
    write: (bytes) =>
      write(bytes).catch((error: unknown) => {
        throw failed(path, error)
      }),
    close: () => new Promise((resolve) => void socket.end(() => resolve())),
  }
}

function failed(path: string, error: unknown): AppError {
  return new AppError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(error)}`, {
    exitCode: EXIT.failed,
    cause: error,
  })
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw failed(path, error)
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
