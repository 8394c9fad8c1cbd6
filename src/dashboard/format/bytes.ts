/** Byte counts for people; the exact count is always one hover or one click away. */
import { bytesOf, formatCount, plural, type Quantity } from '../../base/quantity.js'

export { bytesOf, formatCount, plural, type Quantity }

export function formatBytes(bytes: number): string {
  const { value, unit } = bytesOf(bytes)
  return `${value} ${unit}`
}

const WEIGHT_LEAST = 1e3
const WEIGHT_MOST = 1e10

/** 0 to 1 on a scale of powers: each tenfold between 1 kB and 10 GB is the same step, so that large ones stand out. */
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

/** `"2.5 MB"`, `"10k"`, `"4096"` to bytes; null when it is none of these. Decimal, as everything here. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)b?$/i.exec(text.trim())
  if (match === null) return null
  const power = ['', 'k', 'm', 'g', 't'].indexOf(match[2]!.toLowerCase())
  return Math.round(Number(match[1]) * 1000 ** power)
}
