/**
 * Byte counts for people: decimal units (1 kB = 1,000 bytes), as links and bills are measured, everywhere in the
 * dashboard. Three significant digits; the exact count is always one hover or one click away.
 */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const

export interface Quantity {
  readonly value: string
  readonly unit: string
}

export function bytesOf(bytes: number): Quantity {
  let value = bytes
  let unit = 0
  // 999.5 would print as 1000: the next unit already.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return { value: value.toFixed(digits), unit: UNITS[unit]! }
}

export function formatBytes(bytes: number): string {
  const { value, unit } = bytesOf(bytes)
  return `${value} ${unit}`
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

export function formatCount(count: number): string {
  return whole.format(count)
}

/** `1,234,567 bytes`. */
export function exactBytes(bytes: number): string {
  return `${whole.format(bytes)} ${bytes === 1 ? 'byte' : 'bytes'}`
}

/** `12.3k`: for chart axes and badges, where a full count does not fit. */
export function compactCount(count: number): string {
  if (count < 10_000) return whole.format(count)
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

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
