/** Byte counts for people. A hover or the details show the exact count. */
import { bytesOf, formatCount, plural, type Quantity } from '../../base/quantity.js'

export { bytesOf, formatCount, plural, type Quantity }

export function formatBytes(bytes: number): string {
  const { value, unit } = bytesOf(bytes)
  return `${value} ${unit}`
}

const WEIGHT_LEAST = 1e3
const WEIGHT_MOST = 1e10

/** Length of the bar below a byte count, 0 to 1 on a logarithmic scale: 0 up to 1 kB, 1 from 10 GB. */
export function weightOf(bytes: number): number {
  if (bytes <= WEIGHT_LEAST) return 0
  return Math.min(1, Math.log10(bytes / WEIGHT_LEAST) / Math.log10(WEIGHT_MOST / WEIGHT_LEAST))
}

/** `1,234,567 bytes`. */
export function exactBytes(bytes: number): string {
  return plural(bytes, 'byte')
}
