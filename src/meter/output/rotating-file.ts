/**
 * A file of lines that is closed at a size or an age and then packed. write() returns when its lines are on disk.
 *
 *   sessions.ndjson                            written now; ends with a whole line whenever write() has returned
 *   sessions-20261129T031512.345Z.ndjson       closed, not packed yet
 *   sessions-20261129T031512.345Z.ndjson.gz    closed and packed; appears only when it is complete
 *
 * A kill or a power cut can leave half a line at the end of the first. open() cuts it off and counts its bytes. After a
 * failed write (a full disk) the file is cut back to the last whole line, and the write may be tried again. If another
 * program moves the file away (logrotate), the next write begins a new one.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { AppError, messageOf } from '../../base/errors.js'
import { type FileLock, lockFile } from '../../base/file-lock.js'
import { wholeLineBytes } from './line-tail.js'
import {
  activePath,
  closedName,
  closedPattern,
  type FilePlace,
  hiddenName,
} from './output-place.js'

export interface RotatingFileOptions {
  readonly place: FilePlace
  /** The file is closed before a write that would make it larger, unless it is empty. */
  readonly bytesMax: number
  /** The file is closed at this age; 0: its age does not matter. */
  readonly ageMsMax: number
  readonly packs: boolean
  /** Closed files to keep; the oldest beyond are deleted. 0: keep all. */
  readonly keep: number
  /** Packing or deleting a closed file failed; it is tried again when the next file is closed. */
  readonly onTrouble: (message: string) => void
  /** Called with the closed files that were deleted because of `keep`. */
  readonly onRemoved: (names: readonly string[]) => void
  /** Bytes of whole records at the beginning of the file; default: of whole lines. */
  readonly wholeBytes?: (file: FileHandle, size: number) => Promise<number>
  readonly nowMs?: () => number
}

export class RotatingFile {
  readonly #options: RotatingFileOptions
  readonly #path: string
  readonly #lock: FileLock
  readonly #nowMs: () => number
  #file: FileHandle | null = null
  #inode = 0
  /** Length of the whole lines; the file may be longer while #unsure. */
  #bytes = 0
  /** A write failed, and cutting the file back failed too. */
  #unsure = false
  #begunMs = 0
  #upkeep: Promise<void> | null = null
  #tornBytes = 0

  private constructor(options: RotatingFileOptions, lock: FileLock) {
    this.#options = options
    this.#path = activePath(options.place)
    this.#lock = lock
    this.#nowMs = options.nowMs ?? Date.now
  }

  /** @throws AppError OUTPUT_LOCKED, OUTPUT_FAILED */
  static async open(options: RotatingFileOptions): Promise<RotatingFile> {
    const { folder } = options.place
    try {
      if (options.place.ownsFolder) await mkdir(folder, { recursive: true, mode: 0o700 })
      const lock = lockFile(
        join(folder, hiddenName(options.place, 'lock')),
        `pid ${process.pid}`,
        (holder) =>
          new AppError('OUTPUT_LOCKED', `another meter writes ${folder} (${holder})`, {
            hint: 'Stop that meter, or name another place for this one.',
          }),
      )
      const file = new RotatingFile(options, lock)
      await file.#open()
      file.#keepUp()
      return file
    } catch (error) {
      if (error instanceof AppError) throw error
      throw new AppError(
        'OUTPUT_FAILED',
        `cannot write ${activePath(options.place)}: ${messageOf(error)}`,
        {
          hint: 'A meter that was started as root writes as another user. Name a new directory, which the meter creates for that user, or one that the user may write.',
          cause: error,
        },
      )
    }
  }

  /** Bytes of half lines that open() cut off. */
  get tornBytes(): number {
    return this.#tornBytes
  }

  /** The file has reached its age; the next write() closes it. */
  get isDue(): boolean {
    const { ageMsMax } = this.#options
    return ageMsMax > 0 && this.#bytes > 0 && this.#nowMs() - this.#begunMs >= ageMsMax
  }

  /**
   * Appends whole lines; they are on disk when it resolves. When it throws, the file is cut back, at once or, if that
   * fails too, at the next write.
   */
  async write(lines: Uint8Array): Promise<void> {
    if (this.#file !== null && (await this.#wasMoved())) await this.#letGo()
    const isFull = this.#bytes > 0 && this.#bytes + lines.length > this.#options.bytesMax
    if (isFull || this.isDue) await this.#rotate()
    if (lines.length === 0) return
    if (this.#file === null) await this.#open()
    const file = this.#file!
    if (this.#unsure) await file.truncate(this.#bytes)
    this.#unsure = false
    try {
      for (let at = 0; at < lines.length; ) {
        const { bytesWritten } = await file.write(lines, at, lines.length - at, this.#bytes + at)
        at += bytesWritten
      }
      await file.datasync()
    } catch (error) {
      this.#unsure = true
      await file.truncate(this.#bytes)
      this.#unsure = false
      throw error
    }
    if (this.#bytes === 0) this.#begunMs = this.#nowMs()
    this.#bytes += lines.length
  }

  async close(): Promise<void> {
    await this.#upkeep
    await this.#letGo()
    this.#lock.release()
  }

  async #open(): Promise<void> {
    const made = (await stat(this.#path).catch(() => null)) === null
    const file = await open(this.#path, made ? 'wx+' : 'r+', 0o600)
    try {
      const { ino, size, birthtimeMs } = await file.stat()
      const whole = await (this.#options.wholeBytes ?? wholeLineBytes)(file, size)
      if (whole < size) await file.truncate(whole)
      this.#tornBytes += size - whole
      this.#inode = ino
      this.#bytes = whole
      this.#begunMs = birthtimeMs
    } catch (error) {
      await file.close()
      throw error
    }
    this.#file = file
    if (made) await this.#syncFolder()
  }

  async #wasMoved(): Promise<boolean> {
    const there = await stat(this.#path).catch(() => null)
    return there?.ino !== this.#inode
  }

  async #letGo(): Promise<void> {
    const file = this.#file
    this.#file = null
    this.#bytes = 0
    await file?.close()
  }

  async #rotate(): Promise<void> {
    const { place } = this.#options
    let atMs = this.#nowMs()
    while (await this.#isThere(closedName(place, atMs))) atMs++
    await rename(this.#path, join(place.folder, closedName(place, atMs)))
    await this.#letGo()
    await this.#syncFolder()
    this.#keepUp()
  }

  async #isThere(name: string): Promise<boolean> {
    const paths = [name, `${name}.gz`].map((n) => join(this.#options.place.folder, n))
    const found = await Promise.all(paths.map((path) => stat(path).catch(() => null)))
    return found.some((one) => one !== null)
  }

  /** Packs closed files and deletes those beyond `keep`, while writing goes on. */
  #keepUp(): void {
    this.#upkeep = (this.#upkeep ?? Promise.resolve())
      .then(() => this.#packAll())
      .then(() => this.#removeOld())
      .catch((error: unknown) => this.#options.onTrouble(messageOf(error)))
  }

  async #closed(): Promise<string[]> {
    const pattern = closedPattern(this.#options.place)
    return (await readdir(this.#options.place.folder)).filter((name) => pattern.test(name)).sort()
  }

  async #packAll(): Promise<void> {
    if (!this.#options.packs) return
    const names = await this.#closed()
    for (const name of names.filter((n) => !n.endsWith('.gz'))) {
      const path = join(this.#options.place.folder, name)
      // A kill between the rename in pack() and the unlink below leaves both files; the packed one is complete.
      if (!names.includes(`${name}.gz`)) await pack(path)
      await this.#syncFolder()
      await unlink(path)
    }
  }

  async #removeOld(): Promise<void> {
    const { keep, place, onRemoved } = this.#options
    if (keep === 0) return
    const old = (await this.#closed()).slice(0, -keep)
    for (const name of old) await unlink(join(place.folder, name))
    if (old.length > 0) onRemoved(old)
  }

  async #syncFolder(): Promise<void> {
    const folder = await open(this.#options.place.folder, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}

/** Packs `path` into `path.gz`, which appears only when it is complete. */
async function pack(path: string): Promise<void> {
  const partial = `${path}.gz.partial`
  try {
    const to = createWriteStream(partial, { flush: true, mode: 0o600 })
    await pipeline(createReadStream(path), createGzip(), to)
    await rename(partial, `${path}.gz`)
  } catch (error) {
    await unlink(partial).catch(() => undefined)
    throw error
  }
}
