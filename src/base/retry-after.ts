/**
 * The wait of a Retry-After header (RFC 9110 section 10.2.3: seconds or a date), in milliseconds
 * from `nowMs` and at most `maxMs`. Undefined without a header, or when it is neither.
 */
export function retryAfterMs(
  header: string | undefined,
  nowMs: number,
  maxMs: number,
): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1e3 : Date.parse(header) - nowMs
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), maxMs)
}
