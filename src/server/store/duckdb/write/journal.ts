/**
 * Batches that were acknowledged while the database was busy with itself (journaled.ts), until they are in it.
 *
 * A file of entries, one batch each: a line `LENGTH CRC32` in hexadecimal digits, then that many bytes of JSON and a
 * line end. append() resolves when its entries are on disk; one that a crash cut off was never acknowledged and is
 * dropped by the next open(). Applying an entry twice changes nothing (batch numbers, session ids), so clear() comes
 * after the commit of all, and what a crash leaves between the two does no harm.
 */
import { copyFile, type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { SiteBatch } from './group-commit.js'

const HEADER = /^([0-9a-f]{8}) ([0-9a-f]{8})\n$/
const HEADER_BYTES = 18
const END = '\n'

export interface Leftovers {
  readonly batches: readonly SiteBatch[]
  /** At the end of the file, and no whole entry: cut off, or damaged (a copy is kept beside it then). */
  readonly unreadBytes: number
}

export class Journal {
  readonly #file: FileHandle
  /** Of whole entries. */
  #bytes = 0
  /** What is at the end of the file is not known. */
  #broken = false

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** Creates the file when there is none, for its owner only. */
  static async open(path: string): Promise<{ journal: Journal; leftovers: Leftovers }> {
    const file = await open(path, 'a+', 0o600)
    await syncDirectory(dirname(path))
    const bytes = await file.readFile()
    const leftovers = entriesOf(bytes)
    // Cut off or damaged: that cannot be told apart, so it is there to be looked at.
    if (leftovers.unreadBytes > 0) await copyFile(path, `${path}.unread`)
    const journal = new Journal(file)
    journal.#bytes = bytes.length
    return { journal, leftovers }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Resolves when they are durable. When it fails none of them is kept. */
  async append(batches: readonly SiteBatch[]): Promise<void> {
    if (this.#broken) await this.#cutTo(this.#bytes)
    if (this.#broken) throw new Error('the journal could not be cut back after a failed write')
    const bytes = Buffer.concat(batches.map(entryOf))
    try {
      await this.#file.appendFile(bytes)
      await this.#file.datasync()
      this.#bytes += bytes.length
    } catch (error) {
      await this.#cutTo(this.#bytes)
      throw error
    }
  }

  /** All of it is in the database. */
  async clear(): Promise<void> {
    if (this.#bytes === 0 && !this.#broken) return
    this.#bytes = 0
    await this.#cutTo(0)
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #cutTo(bytes: number): Promise<void> {
    try {
      await this.#file.truncate(bytes)
      await this.#file.datasync()
      this.#broken = false
    } catch {
      this.#broken = true
    }
  }
}

function entryOf({ orgId, siteId, batch, sessions }: SiteBatch): Buffer {
  const json = Buffer.from(JSON.stringify({ orgId, siteId, batch, sessions }))
  const header = `${hex(json.length)} ${hex(crc32(json))}\n`
  return Buffer.concat([Buffer.from(header), json, Buffer.from(END)])
}

function entriesOf(bytes: Buffer): Leftovers {
  const batches: SiteBatch[] = []
  let at = 0
  for (;;) {
    const header = HEADER.exec(bytes.toString('latin1', at, at + HEADER_BYTES))
    if (header === null) break
    const start = at + HEADER_BYTES
    const end = start + Number.parseInt(header[1]!, 16)
    const json = bytes.subarray(start, end)
    if (end + END.length > bytes.length || hex(crc32(json)) !== header[2]) break
    batches.push(JSON.parse(json.toString()) as SiteBatch)
    at = end + END.length
  }
  return { batches, unreadBytes: bytes.length - at }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/** Without it a power cut may forget that there is a new file. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
