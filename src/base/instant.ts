/** Times in microseconds since 1970 (UTC), and their texts (ISO 8601). */

/** With milliseconds. */
export function usToIso(us: number): string {
  return new Date(us / 1e3).toISOString()
}

export function isoToUs(iso: string): number {
  // Date keeps milliseconds; the microseconds are the digits after them.
  const fraction = /\.(\d{1,6})/.exec(iso)?.[1] ?? ''
  return Math.floor(Date.parse(iso) / 1000) * 1e6 + Number(fraction.padEnd(6, '0'))
}
