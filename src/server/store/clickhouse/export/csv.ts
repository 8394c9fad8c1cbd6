/** Rows as CSV, with the fields of EXPORT_FIELDS. */
import { CSV_LINE_END, csvField } from '../../../../session/csv.js'
import { LOG_FIELDS, type LogField } from '../../export-fields.js'
import type { CsvPiece, LogRow } from '../../session-log.js'

function fieldOf(name: string): LogField {
  const field = LOG_FIELDS.find((one) => one.name === name)
  if (field === undefined) throw new RangeError(`no such field: ${name}`)
  return field
}

export class CsvLines {
  readonly #fields: readonly LogField[]

  constructor(names?: readonly string[]) {
    this.#fields = names?.map(fieldOf) ?? LOG_FIELDS
  }

  piece(rows: readonly LogRow[]): CsvPiece {
    let text = ''
    for (const row of rows)
      text += this.#fields.map((field) => csvField(field, field.read(row))).join(',') + CSV_LINE_END
    return { text: Buffer.from(text), rows: rows.length }
  }
}
