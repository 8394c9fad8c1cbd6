/** Addresses from their network-order bytes to text. */

/** 4 bytes to dotted IPv4, 16 bytes to IPv6 as RFC 5952 writes it: lower case, the longest run of zeros as `::`. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  const { at, length } = longestZeroRun(groups)
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  // RFC 5952 section 4.2.2: one zero group alone is not shortened.
  if (length < 2) return hex(groups)
  return `${hex(groups.slice(0, at))}::${hex(groups.slice(at + length))}`
}

/** The first of the longest runs (RFC 5952 section 4.2.3). */
function longestZeroRun(groups: readonly number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 }
  for (let at = 0; at < groups.length; at++) {
    let length = 0
    while (groups[at + length] === 0) length++
    if (length > best.length) best = { at, length }
    at += length
  }
  return best
}
