/** Times and durations for people. Absolute times are in the chosen zone (zone.ts), which the page names. */
import { format } from '../texts/format.js'
import { forms } from '../texts/language.js'
import { calendar, formatterOf } from './zone.js'

const clock = formatterOf({ hour: '2-digit', minute: '2-digit', second: '2-digit' })
const day = formatterOf({ day: 'numeric', month: 'short' })
const dayYear = formatterOf({ day: 'numeric', month: 'short', year: 'numeric' })
const weekday = formatterOf({ weekday: 'short' })
const minute = formatterOf({ hour: '2-digit', minute: '2-digit' })

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export function formatClock(ms: number): string {
  return clock(ms)
}

export function formatMinute(ms: number): string {
  return minute(ms)
}

/** `22 Nov`; with the year unless it is the current one. */
export function formatDay(ms: number, nowMs = Date.now()): string {
  const sameYear = calendar().at(ms).year === calendar().at(nowMs).year
  return (sameYear ? day : dayYear)(ms)
}

export function formatDateTime(ms: number, nowMs = Date.now()): string {
  return `${formatDay(ms, nowMs)}, ${formatClock(ms)}`
}

/** `Sun, 22 Nov 2026, 23:10:05.123456`, with the fraction of the ISO text, because a Date has milliseconds only. */
export function formatExact(iso: string): string {
  const ms = Date.parse(iso)
  const fraction = /\.(\d+)/.exec(iso)?.[1]
  return `${weekday(ms)}, ${dayYear(ms)}, ${formatClock(ms)}${fraction ? `.${fraction}` : ''}`
}

/** `just now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 days ago`; `in …` for the future. */
export function formatAgo(ms: number, nowMs: number): string {
  const span = Math.abs(nowMs - ms)
  if (span < 2 * SECOND) return format().justNow
  const isPast = nowMs >= ms
  if (span >= 2 * DAY) {
    const days = Math.floor(span / DAY)
    return isPast ? format().daysAgo(days) : format().untilDays(days)
  }
  const text = formatSpan(span / SECOND)
  return isPast ? format().ago(text) : format().until(text)
}

/** `12 s`, `5 min`, `3 h`, `2 days`: one unit, rounded down. */
export function formatSpan(seconds: number): string {
  const span = seconds * SECOND
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`
  return span < 2 * DAY ? `${Math.floor(span / HOUR)} h` : format().days(Math.floor(span / DAY))
}

const two = (n: number) => String(n).padStart(2, '0')

/** `0 ms`, `12 ms`, `1.23 s`, `45.1 s`, `3m 05s`, `2h 07m`, `3d 04h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 9.995) return `${forms().decimal(seconds, 2)} s`
  if (seconds < 59.95) return `${forms().decimal(seconds, 1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`
  return `${Math.floor(whole / 86_400)}d ${two(Math.floor((whole % 86_400) / 3600))}h`
}

/** A running duration in whole seconds, because nobody can read digits that change faster. */
export function formatTicking(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  return whole < 60 ? `${whole} s` : formatDuration(whole)
}

/** `2026-11-22 23:10` in the chosen zone, as it can be typed (typed-range.ts). */
export function timeText(ms: number): string {
  const { year, month, day, hour, minute } = calendar().at(ms)
  return `${year}-${two(month + 1)}-${two(day)} ${two(hour)}:${two(minute)}`
}
