/** Options that take times and months as people write them (session/moment.ts). */
import { type Option, parsedText } from '../base/config.js'
import { parseMoment } from '../session/moment.js'

/** An option for a time. */
export function moment(help: string): Option<string | undefined> {
  return parsedText(help, 'TIME', (text) => parseMoment(text, Date.now()))
}

export const MONTH_EXPECTED = 'expected a month as in 2026-11, "this month" or "last month" (UTC)'

/**
 * A month as the server keeps it: UTC, `2026-11`.
 * @throws Error with MONTH_EXPECTED
 */
export function parseMonth(text: string, nowMs: number): string {
  const input = text.trim()
  const back = { 'this month': 0, 'last month': 1 }[input]
  if (back !== undefined) {
    const now = new Date(nowMs)
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back))
      .toISOString()
      .slice(0, 7)
  }
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(input)) throw new Error(MONTH_EXPECTED)
  return input
}

export function month(help: string): Option<string | undefined> {
  return parsedText(help, 'MONTH', (text) => parseMonth(text, Date.now()))
}
