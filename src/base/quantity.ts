/**
 * Byte counts for people, in the dashboard and on a terminal: three significant digits in decimal
 * units (1 kB = 1,000 bytes), because links and bills are measured in those.
 */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const

export interface Quantity {
  readonly value: string
  readonly unit: string
}

export function bytesOf(bytes: number): Quantity {
  let value = bytes
  let unit = 0
  // 999.5 would print as 1000, so it takes the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return { value: value.toFixed(digits), unit: UNITS[unit]! }
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `1,234,567`. */
export function formatCount(count: number): string {
  return whole.format(count)
}

/** `1 batch`, `5,894,687 batches`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
