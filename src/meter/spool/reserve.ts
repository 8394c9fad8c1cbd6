/** A file of 1 MiB that is deleted when the disk is full, because LMDB needs space even to delete batches. */
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const RESERVE_BYTES = 1024 * 1024

export class Reserve {
  readonly #directory: string
  readonly #path: string

  constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, 'reserve')
  }

  /** Free space of the file system. */
  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory)
    return bavail * bsize
  }

  keep(): void {
    if (!existsSync(this.#path))
      writeFileSync(this.#path, Buffer.alloc(RESERVE_BYTES, 1), { mode: 0o600 })
  }

  giveUpBelow(freeBytes: number): void {
    if (freeBytes < RESERVE_BYTES) rmSync(this.#path, { force: true })
  }
}
