/**
 * A receiver's answer may repeat a secret: as it is, or escaped as in JSON, in an address or in HTML, or as base64 or hex.
 * This removes secrets before the answer is stored or shown.
 */
import { printable } from '../../base/printable.js'
import type { Receiver } from './kind.js'
import { ANSWER_SHOWN, type Outcome } from './outcome.js'

/** Shorter words are left, because they may occur in any text. */
const WORD_MIN = 8
/** An answer that was cut within a secret may show this many of its first characters. */
const BEGINNING_MAX = 3
const HIDDEN = '***'

type Hide = (text: string) => string

export function redacting(receiver: Receiver, secrets: readonly string[]): Receiver {
  const words = wordsOf(secrets)
  const hide = (text: string) => hidden(text, words)
  return {
    deliver: async (delivery) => redacted(await receiver.deliver(delivery), hide),
    close: () => receiver.close(),
  }
}

function redacted(outcome: Outcome, hide: Hide): Outcome {
  if (outcome.kind === 'partly') {
    const refused = outcome.refused.map((one) => ({ ...one, text: hide(one.text) }))
    return { ...outcome, refused }
  }
  if (outcome.kind !== 'delivered') return { ...outcome, text: hide(outcome.text) }
  const { rejected } = outcome
  return rejected === undefined
    ? outcome
    : { ...outcome, rejected: { ...rejected, text: hide(rejected.text) } }
}

/** The secrets and what receivers make of them, the longest first. */
function wordsOf(secrets: readonly string[]): string[] {
  const parts = secrets
    // `NAME: value` needs no blank, so what follows the colon is hidden by itself, too.
    .flatMap((secret) => [secret, ...secret.split(/\s+/), ...secret.split(/:\s*/).slice(1)])
    .flatMap((part) => [part, part.replace(/^whsec_/, '')])
  // Basic and ApiKey are base64 of `name:password`.
  const decoded = parts
    .filter((part) => /^[A-Za-z0-9+/_-]+={0,2}$/.test(part))
    .map((part) => Buffer.from(part, 'base64').toString('latin1'))
    .filter((text) => /^[\x20-\x7e]+$/.test(text))
    .flatMap((text) => [text, text.slice(text.indexOf(':') + 1)])
  const words = new Set([...parts, ...decoded].filter((word) => word.length >= WORD_MIN))
  return [...words].sort((a, b) => b.length - a.length)
}

function hidden(text: string, words: readonly string[]): string {
  const isCut = text.length >= ANSWER_SHOWN
  let left = hiddenIn(text, words, isCut)
  for (const decode of [jsonDecoded, urlDecoded, htmlDecoded]) {
    const decoded = decode(left)
    const shown = decoded === left ? left : hiddenIn(decoded, words, isCut)
    // Otherwise the answer is shown in its own words.
    if (shown !== decoded) left = printable(shown, 4 * ANSWER_SHOWN)
  }
  return left
}

function hiddenIn(text: string, words: readonly string[], isCut: boolean): string {
  let left = text
  for (const word of words) left = left.replaceAll(word, HIDDEN)
  left = encodedHidden(left, words, isCut)
  return isCut ? withoutBeginning(left, words) : left
}

/** @returns the text without the beginning of a secret at its end */
function withoutBeginning(text: string, words: readonly string[]): string {
  for (const word of words)
    for (let length = word.length - 1; length > BEGINNING_MAX; length--)
      if (text.endsWith(word.slice(0, length))) return `${text.slice(0, -length)}${HIDDEN}`
  return text
}

const BASE64 = /[A-Za-z0-9+/_-]{8,}={0,2}/g
const HEX = /(?:[0-9a-fA-F]{2}){8,}/g

/** Hides base64 and hex that decode to a secret, or at the end of a cut answer to its beginning. */
function encodedHidden(text: string, words: readonly string[], isCut: boolean): string {
  const isTold = (bytes: Buffer, isEnd: boolean) => {
    const decoded = bytes.toString('utf8')
    const isBegun = isCut && isEnd && withoutBeginning(decoded, words) !== decoded
    return isBegun || words.some((word) => decoded.includes(word))
  }
  const hide =
    (encoding: 'hex' | 'base64', shifts: readonly number[]) =>
    (run: string, at: number, all: string) => {
      const isEnd = at + run.length === all.length
      const isSecret = shifts.some((shift) =>
        isTold(Buffer.from(run.slice(shift), encoding), isEnd),
      )
      return isSecret ? HIDDEN : run
    }
  return text.replace(HEX, hide('hex', [0])).replace(BASE64, hide('base64', [0, 1, 2, 3]))
}

const JSON_SHORT: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function jsonDecoded(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code?: string, one?: string) =>
    code === undefined
      ? (JSON_SHORT[one!] ?? one!)
      : String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function urlDecoded(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
}

const HTML_NAMES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

function htmlDecoded(text: string): string {
  return text.replace(
    /&(?:#(\d{1,5})|#x([0-9a-fA-F]{1,4})|(amp|lt|gt|quot|apos));/g,
    (_, ten?: string, hex?: string, name?: string) =>
      name !== undefined
        ? HTML_NAMES[name]!
        : String.fromCharCode(ten !== undefined ? Number(ten) : Number.parseInt(hex!, 16)),
  )
}
