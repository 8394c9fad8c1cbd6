/** Writes lines to standard output: a pipe, a socket, a terminal, or a file that the shell has opened. */
import { fstatSync, write } from 'node:fs'
import { AppError } from '../../base/errors.js'

/** PIPE_BUF on Linux: a write up to this size is atomic (POSIX), so a kill leaves no half line in the pipe. */
const PIPE_BYTES = 4096
const NEWLINE = 0x0a

export interface LineTarget {
  /** Resolves when the lines are written. After a failure the caller must pass the same lines again. */
  write(lines: Uint8Array): Promise<void>
  readonly isDue: boolean
  close(): Promise<void>
}

/** @param fd the file descriptor of `stream` */
export function standardOutput(stream: NodeJS.WritableStream, fd: number): LineTarget {
  return fstatSync(fd).isFile() ? new OpenedFile(fd) : new StreamLines(stream)
}

export class StreamLines implements LineTarget {
  readonly isDue = false
  readonly #stream: NodeJS.WritableStream

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream
  }

  /** @throws AppError OUTPUT_CLOSED: the reader is gone */
  async write(lines: Uint8Array): Promise<void> {
    for (let from = 0; from < lines.length; ) {
      const to = pieceEnd(lines, from)
      await this.#piece(lines.subarray(from, to))
      from = to
    }
  }

  async close(): Promise<void> {}

  #piece(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (error == null) resolve()
        else
          reject(
            new AppError(
              'OUTPUT_CLOSED',
              `nobody reads standard output any more (${(error as NodeJS.ErrnoException).code ?? error.message})`,
              { cause: error },
            ),
          )
      })
    })
  }
}

/** End of as many whole lines as fit into PIPE_BYTES, at least one. */
function pieceEnd(lines: Uint8Array, from: number): number {
  if (lines.length - from <= PIPE_BYTES) return lines.length
  const last = lines.lastIndexOf(NEWLINE, from + PIPE_BYTES - 1)
  return (last >= from ? last : lines.indexOf(NEWLINE, from)) + 1
}

/** `> FILE`: after a failed write the retry continues within the line, because the file must not be cut back. */
class OpenedFile implements LineTarget {
  readonly isDue = false
  readonly #fd: number
  #written = 0

  constructor(fd: number) {
    this.#fd = fd
  }

  async write(lines: Uint8Array): Promise<void> {
    while (this.#written < lines.length) this.#written += await this.#some(lines)
    this.#written = 0
  }

  async close(): Promise<void> {}

  #some(lines: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      const at = this.#written
      write(this.#fd, lines, at, lines.length - at, null, (error, count) => {
        if (error === null) resolve(count)
        else reject(error)
      })
    })
  }
}
