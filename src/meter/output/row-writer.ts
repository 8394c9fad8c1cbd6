/** Writes sessions as NDJSON and CSV, with the fields of session/fields.ts. */
import { asciiBytes, ByteWriter } from '../../base/byte-writer.js'
import { CSV_LINE_END, csvField, csvHeader } from '../../session/csv.js'
import { FIELDS, type SessionRow } from '../../session/fields.js'

/** Must not keep a row, because its owner may change it as soon as row() returns. */
export interface RowWriter {
  readonly format: 'ndjson' | 'csv' | 'table'
  /** Call before the first row. */
  begin(): void
  row(row: SessionRow): void
  /** Call after the last row. */
  end(): void
  readonly length: number
  take(): Uint8Array
}

const NULL = asciiBytes('null')
const TRUE = asciiBytes('true')
const FALSE = asciiBytes('false')
const JSON_END = asciiBytes('}\n')

export class NdjsonWriter implements RowWriter {
  readonly format = 'ndjson'
  readonly #out = new ByteWriter()
  readonly #keys = FIELDS.map((f, i) => asciiBytes(`${i === 0 ? '{' : ','}"${f.name}":`))

  get length(): number {
    return this.#out.length
  }

  take(): Uint8Array {
    return this.#out.take()
  }

  begin(): void {}

  row(row: SessionRow): void {
    const out = this.#out
    for (let i = 0; i < FIELDS.length; i++) {
      out.bytes(this.#keys[i]!)
      const value = FIELDS[i]!.read(row)
      if (typeof value === 'number') out.number(value)
      else if (typeof value === 'string') out.quoted(value)
      else out.bytes(value === null ? NULL : value ? TRUE : FALSE)
    }
    out.bytes(JSON_END)
  }

  end(): void {}
}

const COMMA = asciiBytes(',')

export class CsvWriter implements RowWriter {
  readonly format = 'csv'
  readonly #out = new ByteWriter()

  get length(): number {
    return this.#out.length
  }

  take(): Uint8Array {
    return this.#out.take()
  }

  begin(): void {
    this.#out.text(csvHeader(FIELDS))
  }

  row(row: SessionRow): void {
    const out = this.#out
    for (let i = 0; i < FIELDS.length; i++) {
      if (i > 0) out.bytes(COMMA)
      const field = FIELDS[i]!
      const value = field.read(row)
      if (typeof value === 'number') out.number(value)
      else out.text(csvField(field, value))
    }
    out.text(CSV_LINE_END)
  }

  end(): void {}
}
