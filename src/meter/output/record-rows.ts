/**
 * Rows that the addon makes from the engine's records, without a JavaScript object for each. Only for sessions without
 * owners, names or a moved clock. The bytes are those of the writers in row-writer.ts, ten times as fast.
 *
 * FIELDS decides the fields, their order and the punctuation. The addon writes the values that differ from session to
 * session (native/addon/session_rows.h).
 */

import { CSV_LINE_END, csvField } from '../../session/csv.js'
import { FIELDS, type Field, type Names } from '../../session/fields.js'
import { makeSession, UNATTRIBUTED } from '../../session/make-session.js'
import { loadAddon, type NativeSessionRows } from '../capture/addon.js'
import { RecordReader } from '../capture/record-decode.js'
import { RECORD_BYTES } from '../capture/record-layout.js'
import { PrintedRow } from './printed-row.js'

interface Punctuation {
  readonly before: (field: Field, index: number) => string
  readonly quote: string
  readonly null: string
  readonly constant: (value: string | number | boolean | null, field: Field) => string
  readonly end: string
}

const PUNCTUATION: Readonly<Record<'ndjson' | 'csv', Punctuation>> = {
  ndjson: {
    before: (field, index) => `${index === 0 ? '{' : ','}"${field.name}":`,
    quote: '"',
    null: 'null',
    constant: (value) => JSON.stringify(value),
    end: '}\n',
  },
  csv: {
    before: (_, index) => (index === 0 ? '' : ','),
    quote: '',
    null: '',
    constant: (value, field) => csvField(field, value),
    end: CSV_LINE_END,
  },
}

export class RecordRows {
  readonly #native: NativeSessionRows

  /** @param noNames the names of a session without a catalog */
  constructor(format: keyof typeof PUNCTUATION, runPrefix: string, noNames: Names) {
    const { before, quote, null: nothing, constant, end } = PUNCTUATION[format]
    const { SessionRows } = loadAddon()
    const spelled = new Set(SessionRows.values)
    // Fields that the addon does not write are the same in every row, so an empty record supplies them.
    const record = new RecordReader(new Uint8Array(RECORD_BYTES))
    const row = new PrintedRow().of(makeSession(record, UNATTRIBUTED, runPrefix), noNames)
    const texts: string[] = []
    const values: string[] = []
    let text = ''
    for (const [index, field] of FIELDS.entries()) {
      text += before(field, index)
      if (!spelled.has(field.name)) {
        text += constant(field.read(row), field)
        continue
      }
      const mark = field.type === 'text' ? quote : ''
      texts.push(text + mark)
      values.push(field.name)
      text = mark
    }
    this.#native = new SessionRows(texts, values, text + end, nothing, runPrefix)
  }

  /**
   * The rows of whole records. Null when a record holds a number that JavaScript would round (above 2^53) or an unusual
   * time: the writers of row-writer.ts must write those.
   */
  write(records: Uint8Array): Uint8Array | null {
    return this.#native.write(records)
  }
}
