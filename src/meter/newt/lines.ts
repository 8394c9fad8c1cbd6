/** Reads lines from a pipe or a file. It can follow a file that grows, is moved away or is truncated. */
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../base/errors.js'

const FOLLOW_MS = 500
const READ_BYTES = 64 * 1024
/** Longer lines are skipped, because no ACCESS line is that long. */
export const LINE_BYTES_MAX = 64 * 1024
const NEWLINE = 0x0a

/** Cuts bytes into lines. */
export class LineCutter {
  #rest: Buffer[] = []
  #restBytes = 0
  #skipping = false
  tooLong = 0

  cut(bytes: Buffer): string[] {
    const lines: string[] = []
    let from = 0
    for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, from)) {
      this.#keep(bytes.subarray(from, at))
      from = at + 1
      const line = this.#take()
      if (line !== null) lines.push(line)
    }
    this.#keep(bytes.subarray(from))
    return lines
  }

  /** The last line, if it has no line end. */
  end(): string[] {
    const line = this.#take()
    return line === null || line === '' ? [] : [line]
  }

  #keep(part: Buffer): void {
    this.#restBytes += part.length
    if (this.#restBytes > LINE_BYTES_MAX) {
      this.#skipping = true
      this.#rest = []
    } else if (part.length > 0) {
      // Copy, because the reader reuses its buffer.
      this.#rest.push(Buffer.from(part))
    }
  }

  #take(): string | null {
    const line = this.#skipping ? null : Buffer.concat(this.#rest).toString('utf8')
    if (this.#skipping) this.tooLong++
    this.#rest = []
    this.#restBytes = 0
    this.#skipping = false
    return line?.endsWith('\r') === true ? line.slice(0, -1) : line
  }
}

/** Chunks of a pipe until its end, or until `signal` aborts. */
export async function* chunksOfPipe(pipe: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = (): void => void pipe.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of pipe) yield Buffer.from(chunk as Uint8Array)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Chunks of a file from its beginning; with `follow`, until `signal` aborts. A chunk is valid until the next one. Null:
 * another content begins, so a line without an end goes no further.
 *
 * Of a file that was moved away, its writer learns later. So it is read until the new file has something, and once more.
 * @param say gets why a new file cannot be opened, again and again until it can be
 */
export async function* chunksOfFile(
  path: string,
  follow: boolean,
  signal: AbortSignal,
  say: (text: string) => void = () => undefined,
): AsyncGenerator<Buffer | null> {
  let file = await open(path, 'r')
  let position = 0
  let isLeft = false
  const buffer = Buffer.alloc(READ_BYTES)
  try {
    while (!signal.aborted) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position)
      position += bytesRead
      if (bytesRead > 0) {
        yield buffer.subarray(0, bytesRead)
        continue
      }
      if (!follow) return
      const next = isLeft ? await openNext(path, say) : null
      if (next !== null) {
        await file.close()
        file = next
        position = 0
        isLeft = false
        yield null
        continue
      }
      const mustWait = isLeft
      const [there, own] = await Promise.all([stat(path).catch(() => null), file.stat()])
      isLeft = there !== null && there.ino !== own.ino && there.size > 0
      if (own.size < position) {
        position = 0
        yield null
      } else if (!isLeft || mustWait)
        await sleep(FOLLOW_MS, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    await file.close()
  }
}

/** Null: not yet. It may be gone again, or this user may not read it. */
async function openNext(path: string, say: (text: string) => void): Promise<FileHandle | null> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      say(`cannot follow ${path} any further: ${messageOf(error)}`)
    return null
  }
}
