/** Addresses and prefixes as 32-bit words, most significant first: one word for IPv4, four for IPv6. */
import { isIP } from 'node:net'

export interface Prefix {
  readonly family: 4 | 6
  readonly words: Uint32Array
  /** In bits. Bits of `words` behind it are zero. */
  readonly length: number
}

/**
 * Writes the address into `out` (four words; IPv4 uses the first) and answers its family, 0 when the text is
 * no address. Takes every text form, with a zone (`fe80::1%wg0`), and allocates nothing for IPv4.
 */
export function parseAddress(text: string, out: Uint32Array): 0 | 4 | 6 {
  const ipv4 = parseIpv4(text, 0)
  if (ipv4 >= 0) {
    out[0] = ipv4
    return 4
  }
  if (isIP(text) !== 6) return 0
  parseIpv6(text, out)
  return 6
}

/** `ip/length` or a bare address. Null when it is neither; bits behind the length are cleared. */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf('/')
  const words = new Uint32Array(4)
  const family = parseAddress(slash < 0 ? text : text.slice(0, slash), words)
  if (family === 0) return null
  const bits = family === 4 ? 32 : 128
  const digits = slash < 0 ? String(bits) : text.slice(slash + 1)
  const length = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN
  if (!(length <= bits)) return null
  for (let i = 0; i < 4; i++) words[i] = words[i]! & maskOf(length - 32 * i)
  return { family, words: words.slice(0, bits / 32), length }
}

/** The mask of one word of which `bits` bits count (may be negative or above 32). */
export function maskOf(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? 0xffffffff : -1 << (32 - bits)
}

const DOT = 0x2e
const ZERO = 0x30

/** Dotted IPv4 from `at` to the end, as an unsigned number; -1 when it is none (leading zeros are not). */
function parseIpv4(text: string, at: number): number {
  let value = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return -1
      value = value * 256 + octet
      octet = 0
      digits = 0
    } else {
      const digit = code - ZERO
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return -1
      octet = octet * 10 + digit
      digits++
      if (octet > 255) return -1
    }
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : -1
}

const COLON = 0x3a
const PERCENT = 0x25

/** `text` is known to be IPv6. Groups before `::` count from the front, those behind it from the end. */
function parseIpv6(text: string, out: Uint32Array): void {
  out.fill(0)
  let group = 0
  let count = 0
  let gapAt = -1
  let pending = false
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : PERCENT
    if (code === COLON || code === PERCENT) {
      if (pending) put(out, count++, group)
      pending = false
      group = 0
      if (code === PERCENT) break
      if (text.charCodeAt(i + 1) === COLON) gapAt = count
    } else if (code === DOT) {
      const start = text.lastIndexOf(':', i) + 1
      const zone = text.indexOf('%')
      const ipv4 = parseIpv4(zone < 0 ? text : text.slice(0, zone), start)
      put(out, count++, ipv4 >>> 16)
      put(out, count++, ipv4 & 0xffff)
      break
    } else {
      group = group * 16 + hexDigit(code)
      pending = true
    }
  }
  if (gapAt >= 0) spread(out, gapAt, count)
}

function hexDigit(code: number): number {
  return code <= 0x39 ? code - ZERO : (code | 0x20) - 0x57
}

function put(out: Uint32Array, group: number, value: number): void {
  const word = group >> 1
  out[word] =
    group % 2 === 0 ? (out[word]! & 0xffff) | (value << 16) : (out[word]! & ~0xffff) | value
}

const get = (out: Uint32Array, group: number): number =>
  group % 2 === 0 ? out[group >> 1]! >>> 16 : out[group >> 1]! & 0xffff

/** Moves the groups behind the gap to the end. */
function spread(out: Uint32Array, gapAt: number, count: number): void {
  const shift = 8 - count
  for (let group = count - 1; group >= gapAt; group--) {
    put(out, group + shift, get(out, group))
    if (shift > 0) put(out, group, 0)
  }
}
