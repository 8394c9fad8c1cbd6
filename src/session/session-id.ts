/**
 * Session ids in ULID's form (26 characters of Crockford base32), so that they sort by run and then
 * by opening.
 *
 *   characters  0..9      10..17    18..25
 *               run's ms | run 40 b | sequence 40 b
 *
 * Each engine run has one prefix. The sequence is the engine's (native/engine/session_record.h).
 * Ids are unique over all meters unless two runs start in the same millisecond and draw the same 40
 * random bits.
 */
import { randomBytes } from 'node:crypto'

/** Any session id, as text. */
export const SESSION_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/
const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const RUN_BYTES = 5
/** Enough for 12 days at a million sessions a second. */
const SEQUENCES = 2 ** 40

function encode(value: number, length: number): string {
  let text = ''
  for (let rest = value, i = 0; i < length; i++, rest = Math.floor(rest / 32))
    text = BASE32[rest % 32] + text
  return text
}

/**
 * The 18 characters that all sessions of one run share.
 * @param entropy 5 bytes; not random where the same input must have the same ids (replay of a
 * file).
 */
export function runPrefix(
  startedAtMs: number,
  entropy: Uint8Array = randomBytes(RUN_BYTES),
): string {
  let run = 0
  for (const byte of entropy.subarray(0, RUN_BYTES)) run = run * 256 + byte
  return encode(startedAtMs, 10) + encode(run, 8)
}

/**
 * After 2^40 sessions, ids continue under the next run's number. (The addon's rows of a file do
 * not, because no file has so many.)
 */
export function sessionId(prefix: string, sequence: number): string {
  if (sequence < SEQUENCES) return prefix + encode(sequence, 8)
  const run = plus(prefix, Math.floor(sequence / SEQUENCES))
  return run + encode(sequence % SEQUENCES, 8)
}

/** Adds `value` to `text` as a number in base 32; higher digits that do not fit are dropped. */
function plus(text: string, value: number): string {
  let sum = ''
  for (let rest = value, i = text.length - 1; i >= 0; i--) {
    rest += BASE32.indexOf(text[i]!)
    sum = BASE32[rest % 32] + sum
    rest = Math.floor(rest / 32)
  }
  return sum
}
