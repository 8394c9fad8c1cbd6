/**
 * Reads a batch in the form that meters write, straight from its bytes. This is five times as fast as JSON.parse with a
 * check of each field. Most texts (addresses, keys, words) come from a small cache of checked texts (words.ts).
 *
 * It reads only this form: JSON without spaces; `sessions` last; the same keys in the same order in each session; no
 * nested values; whole numbers from 0; texts of ASCII without escapes; every field as session-fields.ts accepts it.
 * JSON.parse and check.ts read any other form, and name its faults. Both readers give the same sessions
 * (test/server/ingest/read-batch.test.ts).
 */
import { classOf } from '../../session/field-code.js'
import {
  SESSION_FIELD_NAMES,
  SESSION_FIELDS,
  type SessionField,
} from '../../session/session-table.js'
import type { StoredSession } from '../store/store.js'
import { type Check, FIELD_CHECKS } from './session-fields.js'
import { Bytes, Expected, Texts } from './words.js'

export interface Place {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
}

type Writable<T> = { -readonly [name in keyof T]: T[name] }
type Value = string | number | boolean | null
const PLACE_NAMES = ['orgId', 'siteId', 'meterId'] as const satisfies (keyof Place)[]
const UNPLACED = ['', 0, '']

/**
 * A session whose fields are checked; at() sets its place. The constructor takes values in the order of FIELD_CHECKS,
 * then UNPLACED.
 */
export class ReadSession extends classOf<Writable<StoredSession>>([
  ...SESSION_FIELD_NAMES,
  ...PLACE_NAMES,
]) {
  /** Copies the known fields of a session from JSON.parse. */
  static of(session: StoredSession): ReadSession {
    return new ReadSession([
      ...SESSION_FIELD_NAMES.map((name) => session[name] ?? null),
      ...UNPLACED,
    ])
  }

  at({ orgId, siteId, meterId }: Place): StoredSession {
    this.orgId = orgId
    this.siteId = siteId
    this.meterId = meterId
    return this
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN = 0x7b
const CLOSE = 0x7d
const ZERO = 0x30
/** Bytes that need no decoding in a text: ASCII without controls, quotes and backslashes. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte <= 0x7e && byte !== QUOTE && byte !== BACKSLASH),
)
/** The digits of 2^53. */
const DIGITS_MAX = 16
/** Twice the known fields: room for fields of later versions. */
const KEYS_MAX = 2 * FIELD_CHECKS.length
const SESSIONS = '"sessions":['
const NO_SESSIONS = ']}'
const LITERALS: readonly (readonly [Expected, Value])[] = [
  [new Expected(Buffer.from('null')), null],
  [new Expected(Buffer.from('false')), false],
  [new Expected(Buffer.from('true')), true],
]

interface FieldReader {
  readonly check: Check
  /** Null: texts of this field hardly repeat. */
  readonly texts: Texts | null
}
const READERS: readonly FieldReader[] = FIELD_CHECKS.map(([name, check]) => ({
  check,
  texts: name === 'sessionId' ? null : new Texts(name, check),
}))
/** Fields that every version of the meter sends. The others may be missing, and are null then. */
const REQUIRED = SESSION_FIELD_NAMES.filter((name) => !(SESSION_FIELDS[name] as SessionField).later)
const INDEX_OF_NAME = new Map<string, number>(FIELD_CHECKS.map(([name], i) => [name, i]))

interface Key {
  /** `{"name":` or `,"name":` */
  readonly expected: Expected
  /** Its index in READERS; -1: an unknown field, whose value is skipped. */
  readonly index: number
}

/** @returns the batch with its sessions as ReadSession, or undefined if JSON.parse must read it */
export function readBatch(bytes: Buffer): unknown {
  const at = bytes.indexOf(SESSIONS)
  const end = bytes.length - NO_SESSIONS.length
  if (at === -1 || bytes.toString('latin1', end) !== NO_SESSIONS) return undefined
  // After any other byte it would be the end of a longer key.
  if (bytes[at - 1] !== OPEN && bytes[at - 1] !== COMMA) return undefined
  const start = at + SESSIONS.length
  const sessions = new SessionsReader(bytes, start, end).read()
  if (sessions === undefined) return undefined
  try {
    // This parses only if `sessions` is the last key of the outermost object.
    const batch = JSON.parse(bytes.toString('utf8', 0, start) + NO_SESSIONS) as object
    return Object.assign(batch, { sessions })
  } catch {
    return undefined
  }
}

class SessionsReader {
  readonly #bytes: Buffer
  readonly #words: Bytes
  readonly #end: number
  #at: number
  readonly #values: Value[] = [...READERS.map(() => null), ...UNPLACED]

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#words = new Bytes(bytes)
    this.#at = start
    this.#end = end
  }

  read(): ReadSession[] | undefined {
    const sessions: ReadSession[] = []
    if (this.#at === this.#end) return sessions
    const keys = this.#learnKeys()
    if (keys === undefined) return undefined
    for (;;) {
      if (!this.#readSession(keys)) return undefined
      sessions.push(new ReadSession(this.#values))
      if (this.#at === this.#end) return sessions
      if (this.#bytes[this.#at++] !== COMMA) return undefined
    }
  }

  /** The keys of the first session; all sessions are then read with them. */
  #learnKeys(): Key[] | undefined {
    const bytes = this.#bytes
    const keys: Key[] = []
    const names = new Set<string>()
    let at = this.#at
    if (bytes[at] !== OPEN) return undefined
    do {
      const colon = bytes.indexOf(COLON, at)
      if (colon === -1) return undefined
      const name = /^[{,]"(\w+)"$/.exec(bytes.toString('latin1', at, colon))?.[1]
      if (name === undefined || names.has(name) || names.size === KEYS_MAX) return undefined
      names.add(name)
      const index = INDEX_OF_NAME.get(name) ?? -1
      keys.push({ expected: new Expected(bytes.subarray(at, colon + 1)), index })
      at = endOfValue(bytes, colon + 1)
    } while (bytes[at] === COMMA)
    return REQUIRED.every((name) => names.has(name)) ? keys : undefined
  }

  #readSession(keys: readonly Key[]): boolean {
    for (let i = 0; i < keys.length; i++) {
      const { expected, index } = keys[i]!
      if (!expected.isAt(this.#words, this.#at)) return false
      this.#at += expected.length
      const value = this.#readValue(index)
      if (value === undefined) return false
      if (index !== -1) this.#values[index] = value
    }
    return this.#bytes[this.#at++] === CLOSE
  }

  #readValue(index: number): Value | undefined {
    const byte = this.#bytes[this.#at]!
    if (byte === QUOTE) return this.#readText(index)
    const value = byte - ZERO >= 0 && byte - ZERO <= 9 ? this.#readNumber() : this.#readLiteral()
    return value === undefined || index === -1 || READERS[index]!.check(value) ? value : undefined
  }

  #readNumber(): number | undefined {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    let value = 0
    for (;;) {
      const digit = bytes[at]! - ZERO
      if (!(digit >= 0 && digit <= 9)) break
      value = value * 10 + digit
      at++
    }
    this.#at = at
    if (at - start > DIGITS_MAX || value > Number.MAX_SAFE_INTEGER) return undefined
    return bytes[start] === ZERO && at - start > 1 ? undefined : value
  }

  #readLiteral(): Value | undefined {
    for (const [expected, value] of LITERALS) {
      if (!expected.isAt(this.#words, this.#at)) continue
      this.#at += expected.length
      return value
    }
    return undefined
  }

  #readText(index: number): string | undefined {
    const bytes = this.#bytes
    const from = this.#at + 1
    let at = from
    // Stops at the end of the bytes, too: IS_PLAIN[undefined] is not 1.
    while (IS_PLAIN[bytes[at]!] === 1) at++
    if (bytes[at] !== QUOTE) return undefined
    this.#at = at + 1
    if (index === -1) return ''
    const { texts, check } = READERS[index]!
    if (texts !== null) return texts.read(this.#words, from - 1, at + 1)
    const text = this.#words.text(from, at)
    return check(text) ? text : undefined
  }
}

/** The end of a value, if that is no object or list. A wrong end is noticed when the value is read. */
function endOfValue(bytes: Buffer, from: number): number {
  let at = from
  if (bytes[at] === QUOTE) return bytes.indexOf(QUOTE, at + 1) + 1
  while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSE) at++
  return at
}
