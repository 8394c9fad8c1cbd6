/**
 * The columns of a result chunk as arrays, several times faster than DuckDBDataChunk.getColumns(): that calls two
 * functions and computes a BigInt for each value.
 *
 * It reads the memory that @duckdb/node-api keeps in private fields of its vectors: numbers as typed arrays, texts as
 * 16 bytes each (a length, then up to 12 bytes of text or a pointer; duckdb_string_t in duckdb.h). A vector without
 * these fields, or of another type, is read by its public methods.
 */
import type { DuckDBDataChunk, DuckDBVector } from '@duckdb/node-api'

export type Column = ArrayLike<unknown>

interface VectorInside {
  readonly items?: unknown
  readonly dataView?: unknown
  readonly validity?: { readonly data: BigUint64Array | null; readonly offset: number }
}

const VARCHAR = 'VARCHAR'
const TEXT_BYTES = 16
const TEXT_WORDS = TEXT_BYTES / 4
const IN_PLACE_BYTES = 12
const HEAD_BYTES = 4

export function columnsOf(chunk: DuckDBDataChunk): Column[] {
  return Array.from({ length: chunk.columnCount }, (_, i) => columnOf(chunk.getColumnVector(i)))
}

function columnOf(vector: DuckDBVector): Column {
  const { items, dataView, validity } = vector as unknown as VectorInside
  if (validity === undefined || validity.offset !== 0) return itemsOf(vector)
  const valid = validity.data === null ? null : bytesOf(validity.data)
  if (items instanceof Float64Array) return valid === null ? items : numbers(items, valid)
  if (dataView instanceof DataView && String(vector.type) === VARCHAR)
    return texts(vector, dataView, valid)
  return itemsOf(vector)
}

function itemsOf(vector: DuckDBVector): unknown[] {
  return Array.from({ length: vector.itemCount }, (_, i) => vector.getItem(i))
}

/** One bit for each row, least significant first. */
function bytesOf({ buffer, byteOffset, byteLength }: BigUint64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function isNull(valid: Uint8Array | null, i: number): boolean {
  return valid !== null && ((valid[i >> 3]! >> (i & 7)) & 1) === 0
}

function numbers(items: Float64Array, valid: Uint8Array): (number | null)[] {
  const out = new Array<number | null>(items.length)
  for (let i = 0; i < items.length; i++) out[i] = isNull(valid, i) ? null : items[i]!
  return out
}

function texts(vector: DuckDBVector, view: DataView, valid: Uint8Array | null): unknown[] {
  const rows = vector.itemCount
  const out = new Array<unknown>(rows)
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
  const words = new Int32Array(view.buffer, view.byteOffset, rows * TEXT_WORDS)
  for (let i = 0; i < rows; i++) {
    if (isNull(valid, i)) out[i] = null
    else if (words[i * TEXT_WORDS]! <= IN_PLACE_BYTES) out[i] = short(words, bytes, i)
    else out[i] = vector.getItem(i)
  }
  return out
}

/** Short texts repeat: words, names, addresses. Each slot has the latest text of its hash, by its 16 bytes. */
const SLOTS = 4096
const slotWords = new Int32Array(SLOTS * TEXT_WORDS)
const slotTexts = new Array<string>(SLOTS).fill('')

function short(words: Int32Array, bytes: Buffer, i: number): string {
  const at = i * TEXT_WORDS
  const [length, a, b, c] = [words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!]
  let hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b), 0xc2b2ae35)
  hash = (hash ^ (hash >>> 15)) & (SLOTS - 1)
  const slot = hash * TEXT_WORDS
  if (
    slotWords[slot] === length &&
    slotWords[slot + 1] === a &&
    slotWords[slot + 2] === b &&
    slotWords[slot + 3] === c
  )
    return slotTexts[hash]!
  const from = i * TEXT_BYTES + HEAD_BYTES
  const text = bytes.toString('utf8', from, from + length)
  slotWords.set([length, a, b, c], slot)
  slotTexts[hash] = text
  return text
}
