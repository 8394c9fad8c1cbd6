/**
 * A batch as meters write it, read straight from its bytes: five times as fast as JSON.parse and then a check of each
 * field, and most texts (addresses, keys, words) are not made again but found in a small cache of checked ones
 * (words.ts).
 *
 * Only the usual form is read: JSON without spaces, `sessions` last, in each session the same keys in the same order
 * (those of the first), no nested values, whole numbers, texts of ASCII without escapes, every field what
 * session-fields.ts takes. Anything else is left to JSON.parse and check.ts, which then say what is wrong. So what is
 * accepted here is JSON, and means here what it means there (test/server/ingest/read-batch.test.ts compares).
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

/** Every field is checked; its place is still to be said. Made of the values in the order of FIELD_CHECKS, then UNPLACED. */
export class ReadSession extends classOf<Writable<StoredSession>>([
  ...SESSION_FIELD_NAMES,
  ...PLACE_NAMES,
]) {
  /** Of one that JSON.parse made: known fields only. */
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
/** Bytes that a text may have as they are: ASCII, without controls, quotes and escapes. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte <= 0x7e && byte !== QUOTE && byte !== BACKSLASH),
)
/** 2^53 has 16. */
const DIGITS_MAX = 16
/** Twice as many as are known. */
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
  /** Null: nearly no text comes twice. */
  readonly texts: Texts | null
}
const READERS: readonly FieldReader[] = FIELD_CHECKS.map(([name, check]) => ({
  check,
  texts: name === 'sessionId' ? null : new Texts(name, check),
}))
/** All but those that a meter from before does not know: they are null. */
const REQUIRED = SESSION_FIELD_NAMES.filter((name) => !(SESSION_FIELDS[name] as SessionField).later)
const INDEX_OF_NAME = new Map<string, number>(FIELD_CHECKS.map(([name], i) => [name, i]))

interface Key {
  /** `{"name":` or `,"name":` */
  readonly expected: Expected
  /** In READERS; -1: not known, its value is not kept. */
  readonly index: number
}

/** @returns the batch with its sessions as ReadSession, or undefined when JSON.parse must read it */
export function readBatch(bytes: Buffer): unknown {
  const at = bytes.indexOf(SESSIONS)
  const end = bytes.length - NO_SESSIONS.length
  if (at === -1 || bytes.toString('latin1', end) !== NO_SESSIONS) return undefined
  // Else it is the end of a longer key.
  if (bytes[at - 1] !== OPEN && bytes[at - 1] !== COMMA) return undefined
  const start = at + SESSIONS.length
  const sessions = new SessionsReader(bytes, start, end).read()
  if (sessions === undefined) return undefined
  try {
    // Ends as it does only when `sessions` is a key of the outermost object, and its last.
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

  /** Of the first session, which is then read with them like all others. */
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
    // Also at the end of the bytes, where there is none.
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

/** Where a value ends that is no object and no list; reading it again finds out whether it is one. */
function endOfValue(bytes: Buffer, from: number): number {
  let at = from
  if (bytes[at] === QUOTE) return bytes.indexOf(QUOTE, at + 1) + 1
  while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSE) at++
  return at
}
