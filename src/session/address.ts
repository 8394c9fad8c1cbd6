/** Addresses and prefixes as 32-bit words, most significant first: one word for IPv4, four for IPv6. */
export interface Prefix {
  readonly family: 4 | 6
  readonly words: readonly number[]
  /** In bits. Bits of `words` after it are zero. */
  readonly length: number
}

/**
 * Writes the address into `out` (four words; IPv4 uses the first) and returns its family, 0 for a
 * text that is no address. It accepts every text form, also with a zone (`fe80::1%wg0`), and
 * allocates nothing. Node's own isIP() is a regular expression, which took two thirds of the time
 * of attributing an IPv6 session.
 */
export function parseAddress(text: string, out: Uint32Array): 0 | 4 | 6 {
  const ipv4 = parseIpv4(text, 0, text.length)
  if (ipv4 >= 0) {
    out[0] = ipv4
    return 4
  }
  return parseIpv6(text, out) ? 6 : 0
}

/** True for dotted IPv4 without leading zeros, which is the canonical text. */
export const isIpv4 = (text: string): boolean => parseIpv4(text, 0, text.length) >= 0

/**
 * Parses `ip/length` or a bare address. Null for other texts. Bits after the length are cleared.
 */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf('/')
  const family = parseAddress(slash < 0 ? text : text.slice(0, slash), scratch)
  if (family === 0) return null
  const bits = family === 4 ? 32 : 128
  const digits = slash < 0 ? String(bits) : text.slice(slash + 1)
  const length = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN
  if (!(length <= bits)) return null
  for (let i = 0; i < 4; i++) scratch[i] = scratch[i]! & maskOf(length - 32 * i)
  const words = family === 4 ? [scratch[0]!] : [...scratch]
  return { family, words, length }
}
/**
 * Shared, because a catalog has up to 100,000 prefixes, and a typed array for each would be most of
 * their cost.
 */
const scratch = new Uint32Array(4)

/** The mask of one word with its first `bits` bits set (`bits` may be negative or above 32). */
export function maskOf(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? 0xffffffff : -1 << (32 - bits)
}

const DOT = 0x2e
const ZERO = 0x30

/**
 * Parses dotted IPv4 from `at` to `end` as an unsigned number; -1 for other texts and for leading
 * zeros.
 */
function parseIpv4(text: string, at: number, end: number): number {
  let value = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = at; i < end; i++) {
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
const GROUPS = 8

/**
 * Parses IPv6: groups before `::` count from the front, groups after it from the end. False for
 * other texts.
 */
function parseIpv6(text: string, out: Uint32Array): boolean {
  out[0] = out[1] = out[2] = out[3] = 0
  const zoneAt = text.indexOf('%')
  if (zoneAt >= 0 && !ZONE.test(text.slice(zoneAt + 1))) return false
  const end = zoneAt < 0 ? text.length : zoneAt
  const leadingGap = text.charCodeAt(0) === COLON && text.charCodeAt(1) === COLON
  let gapAt = leadingGap ? 0 : -1
  let count = 0
  for (let at = leadingGap ? 2 : 0; ; ) {
    const start = at
    let group = 0
    let digit = hexDigit(text, at, end)
    for (; digit >= 0; digit = hexDigit(text, ++at, end)) group = group * 16 + digit
    if (at < end && text.charCodeAt(at) === DOT) {
      const ipv4 = parseIpv4(text, start, end)
      if (ipv4 < 0 || count > GROUPS - 2) return false
      put(out, count++, ipv4 >>> 16)
      put(out, count++, ipv4 & 0xffff)
      break
    }
    // An empty group is correct only after `::` at the end.
    if (at === start) {
      if (at === end && gapAt === count) break
      return false
    }
    if (at - start > 4 || count === GROUPS) return false
    put(out, count++, group)
    if (at === end) break
    if (text.charCodeAt(at++) !== COLON) return false
    if (at === end || text.charCodeAt(at) !== COLON) continue
    if (gapAt >= 0) return false
    gapAt = count
    at++
  }
  if (gapAt < 0) return count === GROUPS
  spread(out, gapAt, count)
  return count < GROUPS
}
/** The zones that Node accepts. */
const ZONE = /^[0-9a-zA-Z\-.:]+$/

/** The hexadecimal digit at `at`; -1 for anything else. */
function hexDigit(text: string, at: number, end: number): number {
  if (at >= end) return -1
  const code = text.charCodeAt(at)
  const digit = code - ZERO
  if (digit >= 0 && digit <= 9) return digit
  const letter = (code | 0x20) - 0x61
  return letter >= 0 && letter <= 5 ? letter + 10 : -1
}

function put(out: Uint32Array, group: number, value: number): void {
  const word = group >> 1
  out[word] =
    group % 2 === 0 ? (out[word]! & 0xffff) | (value << 16) : (out[word]! & ~0xffff) | value
}

const get = (out: Uint32Array, group: number): number =>
  group % 2 === 0 ? out[group >> 1]! >>> 16 : out[group >> 1]! & 0xffff

/** Moves the groups after the gap to the end. */
function spread(out: Uint32Array, gapAt: number, count: number): void {
  const shift = 8 - count
  for (let group = count - 1; group >= gapAt; group--) {
    put(out, group + shift, get(out, group))
    if (shift > 0) put(out, group, 0)
  }
}
