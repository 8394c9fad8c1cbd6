/**
 * Copies sessions from one engine to another, one day of one organisation at a time. It skips days whose sums of every hour
 * are equal on both sides, so a killed copy continues where it was, and a second copy writes nothing.
 */
import type { StoredSession } from '../session-log.js'

export const HOUR_US = 3_600_000_000
const DAY_HOURS = 24

/** Columns whose sums are compared, beside the number of sessions and of open ones. Both engines have them. */
export const SUMMED = [
  ...['start_us', 'duration_us', 'site_id', 'seq', 'source_port', 'dest_port', 'connection_count'],
  ...['bytes_tx', 'bytes_rx', 'packets_tx', 'packets_rx', 'headers_tx', 'headers_rx'],
  ...['client_id', 'site_resource_id', 'other_client_id'],
] as const

/** Lengths of texts that are summed. */
export const MEASURED = ['meter_id', 'source_ip', 'dest_ip', 'user_id', 'other_user_id'] as const

export interface CopiedSession {
  readonly session: StoredSession
  /** `closed`: the server has ended it, because its meter would not. */
  readonly state: 'open' | 'closed' | 'ended'
  /** For an open session: the start of the run that reported it, in µs since 1970. */
  readonly runStartedUs: number
}

export interface Day {
  readonly orgId: string
  /** Days since 1970 (UTC) at the start of the sessions. */
  readonly day: number
}

/** Sums as one text for each hour since 1970 of each organisation. */
export type Hours = ReadonlyMap<string, ReadonlyMap<number, string>>

export interface SessionSide {
  hours(): Promise<Hours>
  read(day: Day): AsyncIterable<readonly CopiedSession[]>
  /** Writes a day's sessions; a repetition changes nothing. @returns how many */
  write(day: Day, sessions: AsyncIterable<readonly CopiedSession[]>): Promise<number>
}

export interface Copied {
  readonly sessions: number
  readonly days: number
  /** Days that were there already. */
  readonly equalDays: number
}

/** @param said called after each day */
export async function copySessions(
  from: SessionSide,
  to: SessionSide,
  said: (day: Day, sessions: number) => void = () => undefined,
): Promise<Copied> {
  const [source, target] = await Promise.all([from.hours(), to.hours()])
  let [sessions, days, equalDays] = [0, 0, 0]
  const unequal = new Set(differences(source, target).map(({ orgId, hour }) => keyOf(orgId, hour)))
  for (const day of daysOf(source)) {
    if (!unequal.has(keyOf(day.orgId, day.day * DAY_HOURS))) {
      equalDays++
      continue
    }
    const written = await to.write(day, from.read(day))
    said(day, written)
    sessions += written
    days++
  }
  return { sessions, days, equalDays }
}

/** A key for the day that has this hour. */
function keyOf(orgId: string, hour: number): string {
  return JSON.stringify([orgId, Math.floor(hour / DAY_HOURS)])
}

function daysOf(hours: Hours): Day[] {
  return [...hours].flatMap(([orgId, its]) => {
    const days = new Set([...its.keys()].map((hour) => Math.floor(hour / DAY_HOURS)))
    return [...days].sort((a, b) => a - b).map((day) => ({ orgId, day }))
  })
}

export interface Difference {
  readonly orgId: string
  readonly hour: number
  /** The sums; undefined: there are no sessions. */
  readonly source: string | undefined
  readonly target: string | undefined
}

/** Hours whose sums differ, also those that only one side has. */
export function differences(source: Hours, target: Hours): Difference[] {
  const found: Difference[] = []
  for (const orgId of new Set([...source.keys(), ...target.keys()])) {
    const [a, b] = [source.get(orgId), target.get(orgId)]
    for (const hour of new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])]))
      if (a?.get(hour) !== b?.get(hour))
        found.push({ orgId, hour, source: a?.get(hour), target: b?.get(hour) })
  }
  return found
}

/** @param rows organisation, hour, sums */
export function hoursOf(
  rows: Iterable<readonly [orgId: string, hour: number, sums: string]>,
): Hours {
  const hours = new Map<string, Map<number, string>>()
  for (const [orgId, hour, sums] of rows) {
    const its = hours.get(orgId) ?? new Map<number, string>()
    hours.set(orgId, its)
    its.set(hour, sums)
  }
  return hours
}
