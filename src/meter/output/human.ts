/** Formats sizes, durations and counts for people, and colours text. */
import { styleText } from 'node:util'
import { bytesOf } from '../../base/quantity.js'

export function humanBytes(bytes: number): string {
  const { value, unit } = bytesOf(bytes)
  return `${value} ${unit}`
}

export function humanSeconds(seconds: number | null): string {
  if (seconds === null) return 'open'
  if (seconds < 1) return `${Math.round(seconds * 1e3)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const pad = (n: number): string => String(n).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`
  return `${Math.floor(whole / 3600)}h${pad(Math.floor(whole / 60) % 60)}m`
}

export function humanCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

export type Style = Parameters<typeof styleText>[0]

/** Colours text on a terminal, unless NO_COLOR is set or the terminal is dumb. */
export function painter(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv,
): (style: Style, text: string) => string {
  const on = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  return on ? (style, text) => styleText(style, text) : (_, text) => text
}
