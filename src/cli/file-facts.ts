/** What a manifest says of an exported file's bytes: their number, hash and rows, and the header of CSV. */
import { createHash } from 'node:crypto'
import type { Manifest } from '../session/manifest.js'
import { lineCounter } from './line-counter.js'

const HEADER_BYTES_MAX = 64 * 1024

export type FileFacts = Pick<Manifest, 'rows' | 'bytes' | 'sha256' | 'columns'>

/** Collects the facts of a file while its bytes pass. */
export class Facts {
  readonly #hash = createHash('sha256')
  readonly #format: string
  readonly #countLines: (chunk: Buffer) => number
  #head = Buffer.alloc(0)
  rows = 0
  bytes = 0

  constructor(format: string) {
    this.#format = format
    this.#countLines = lineCounter(format === 'csv')
  }

  take(chunk: Buffer): void {
    this.bytes += chunk.length
    this.#hash.update(chunk)
    if (this.#format === 'parquet') return
    if (this.#format === 'csv' && this.rows === 0 && this.#head.length < HEADER_BYTES_MAX)
      this.#head = Buffer.concat([this.#head, chunk])
    this.rows = Math.max(0, this.#countLines(chunk) - (this.#format === 'csv' ? 1 : 0))
  }

  /** Call it once, after the last byte. */
  ended(): FileFacts {
    const isCsv = this.#format === 'csv'
    return {
      rows: this.#format === 'parquet' ? null : this.rows,
      bytes: this.bytes,
      sha256: this.#hash.digest('hex'),
      columns: isCsv ? this.#head.toString('utf8').split(/\r?\n/, 1)[0]!.split(',') : null,
    }
  }
}
