/**
 * The meaning of the addon's bytes and numbers as lists of words, and a comparison of TypeScript's lists with those of
 * the C++ compiler (native/addon/layout.cc). No other check would find a moved field or a word inserted into a list: the
 * values would be decoded as others.
 */
import { CONN_STATES, DIRECTION_BASES, END_REASON_NAMES } from '../../session/words.js'
import { COUNTER_NAMES } from './counters.js'
import { NO_RTT, RECORD_BYTES, RECORD_FLAGS, RECORD_OFFSETS } from './record-layout.js'

export type Layout = Readonly<Record<string, readonly string[]>>

/** Each field ends where the next one begins, because all padding of the record has a name. */
function recordFields(): string[] {
  const fields = Object.entries(RECORD_OFFSETS)
  const ends = [...fields.slice(1).map(([, at]) => at), RECORD_BYTES]
  return [
    ...fields.map(([name, at], i) => `${name} at ${at}, ${ends[i]! - at} bytes`),
    `end at ${RECORD_BYTES}`,
  ]
}

export const LAYOUT: Layout = {
  record: recordFields(),
  marks: Object.entries({ ...RECORD_FLAGS, noRtt: NO_RTT }).map(([name, n]) => `${name} is ${n}`),
  // End reasons are numbered from 1.
  endReason: ['', ...END_REASON_NAMES],
  connState: CONN_STATES,
  directionBasis: DIRECTION_BASES,
  counters: COUNTER_NAMES,
}

/** The first difference of each list: `connState 2: it has S2, expected SF`. */
export function layoutFaults(addon: Layout, expected: Layout = LAYOUT): string[] {
  return Object.entries(expected).flatMap(([list, words]) => {
    const has = addon[list] ?? []
    const length = Math.max(has.length, words.length)
    for (let i = 0; i < length; i++) {
      if (has[i] === words[i]) continue
      return [`${list} ${i}: it has ${has[i] ?? 'nothing'}, expected ${words[i] ?? 'nothing'}`]
    }
    return []
  })
}
