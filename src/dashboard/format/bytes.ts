/** Byte counts for people. A hover or the details show the exact count. */
import { type Quantity, bytesOf as quantityOf } from '../../base/quantity.js'
import { format } from '../texts/format.js'
import { forms } from '../texts/language.js'

export type { Quantity }

/** Three significant digits, with the decimal sign of the language. */
export function bytesOf(bytes: number): Quantity {
  const { value, unit } = quantityOf(bytes)
  const digits = value.split('.')[1]?.length ?? 0
  return { value: forms().decimal(Number(value), digits), unit }
}

export function formatBytes(bytes: number): string {
  const { value, unit } = bytesOf(bytes)
  return `${value} ${unit}`
}

export function formatCount(count: number): string {
  return forms().count(count)
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
  return format().bytes(bytes)
}
