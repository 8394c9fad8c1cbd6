/** The destination of output: a file, or a stream that may be slower than the writer. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { cannotWrite, writing } from '../../base/cannot-write.js'
import { isFifo, openFifo } from '../../base/fifo.js'

export interface Sink {
  /** Takes ownership of the bytes; await it before the next call. */
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** @param say gets a line for the user while a FIFO has no reader. @throws AppError OUTPUT_FAILED */
export async function fileSink(path: string, say: (line: string) => void): Promise<Sink> {
  if (isFifo(path)) return fifoSink(path, say)
  const fd = writing(path, () => openSync(path, 'w'))
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        at += writing(path, () => writeSync(fd, bytes, at))
      }
    },
    async close() {
      writing(path, () => closeSync(fd))
    },
  }
}

async function fifoSink(path: string, say: (line: string) => void): Promise<Sink> {
  const fail = (error: unknown): never => {
    throw cannotWrite(path, error)
  }
  const socket = await openFifo(path, say).catch(fail)
  // write() reports the error.
  socket.on('error', () => undefined)
  const { write } = streamSink(socket)
  return {
    write: (bytes) => write(bytes).catch(fail),
    close: () => new Promise((resolve) => void socket.end(() => resolve())),
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
