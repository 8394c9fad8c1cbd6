/** Addresses as bytes. */
import { parseAddress } from './address.js'

const words = new Uint32Array(4)

/**
 * An address as 4 or 16 bytes in network order; no bytes for a text that is no address. A zone
 * (`%eth0`) is ignored.
 */
export function ipBytes(ip: string): number[] {
  const family = parseAddress(ip, words)
  const count = family === 6 ? 4 : family === 4 ? 1 : 0
  return Array.from({ length: 4 * count }, (_, i) => (words[i >> 2]! >>> (24 - 8 * (i & 3))) & 0xff)
}
