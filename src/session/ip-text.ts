/** Addresses from their network-order bytes to text. */

/** 4 bytes to dotted IPv4, 16 bytes to IPv6. */
export function ipText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes, 0)
}

/** RFC 5952; section 5: IPv4-mapped addresses (RFC 4291 2.5.5.2) end in dotted form. */
export function formatIpv6(bytes: Uint8Array, at: number): string {
  const mapped = bytes[at + 10] === 0xff && bytes[at + 11] === 0xff && allZero(bytes, at, at + 10)
  if (!mapped) return formatGroups(bytes, at)
  return `::ffff:${bytes[at + 12]}.${bytes[at + 13]}.${bytes[at + 14]}.${bytes[at + 15]}`
}

/** RFC 5952 section 4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
export function formatGroups(bytes: Uint8Array, at: number): string {
  let runStart = -1
  let runLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && isZeroGroup(bytes, at, i + length)) length++
    if (length > runLength) {
      runStart = i
      runLength = length
    }
    i += length
  }
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      text += '::'
      i += runLength - 1
      continue
    }
    if (text !== '' && !text.endsWith(':')) text += ':'
    text += ((bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!).toString(16)
  }
  return text
}

function isZeroGroup(bytes: Uint8Array, at: number, group: number): boolean {
  return bytes[at + 2 * group] === 0 && bytes[at + 2 * group + 1] === 0
}

function allZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false
  return true
}
