/** Addresses as bytes. */
import { parseAddress } from './address.js'

const words = new Uint32Array(4)

/** Network order, 4 or 16 bytes; none for a text that is no address. A zone (`%eth0`) is not part of the address. */
export function ipBytes(ip: string): number[] {
  const family = parseAddress(ip, words)
  const count = family === 6 ? 4 : family === 4 ? 1 : 0
  return Array.from({ length: 4 * count }, (_, i) => (words[i >> 2]! >>> (24 - 8 * (i & 3))) & 0xff)
}
