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

/** `12.3k`: for chart axes and badges, where a full count does not fit. */
export function compactCount(count: number): string {
  if (count < 10_000) return formatCount(count)
  const { value, unit } = bytesOf(count)
  return `${value}${unit === 'B' ? '' : unit.charAt(0)}`
}

/** `"2.5 MB"`, `"10k"`, `"4096"` to bytes, decimal (1 kB is 1,000 bytes); null when the text is no such amount. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)b?$/i.exec(text.trim())
  if (match === null) return null
  const power = ['', 'k', 'm', 'g', 't'].indexOf(match[2]!.toLowerCase())
  return Math.round(Number(match[1]) * 1000 ** power)
}
