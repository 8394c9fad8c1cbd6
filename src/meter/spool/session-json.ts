/**
 * Writes a session as JSON: the same bytes as JSON.stringify, in a fraction of the time and without garbage. That
 * matters because a meter may write 50,000 sessions a second.
 */
import { asciiBytes, type ByteWriter } from '../../base/byte-writer.js'
import { getter } from '../../session/field-code.js'
import type { Session } from '../../session/session.js'
import { SESSION_FIELD_NAMES } from '../../session/session-table.js'

const FIELDS = SESSION_FIELD_NAMES.map((name, i) => ({
  key: asciiBytes(`${i === 0 ? '{' : ','}"${name}":`),
  read: getter<Session, typeof name>(name),
}))
const NULL = asciiBytes('null')
const TRUE = asciiBytes('true')
const FALSE = asciiBytes('false')
const END = asciiBytes('}')

export function writeSession(out: ByteWriter, session: Session): void {
  for (let i = 0; i < FIELDS.length; i++) {
    const { key, read } = FIELDS[i]!
    out.bytes(key)
    const value = read(session)
    if (typeof value === 'number') out.number(value)
    else if (typeof value === 'string') out.quoted(value)
    else out.bytes(value === null ? NULL : value ? TRUE : FALSE)
  }
  out.bytes(END)
}
