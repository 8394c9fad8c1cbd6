/** Sums by weekday and hour of the day, from sums by the hour. */
const HOURS = 24

export interface HourSums {
  readonly sessions: number
  readonly bytes: number
}

export interface WeekHours {
  /** Monday first, each with its 24 hours. */
  readonly days: readonly (readonly HourSums[])[]
  /** Minute at which the hours begin: not 0 where the zone is no whole hours from UTC. */
  readonly minute: number
}

interface Hourly {
  /** Starts of hours, ISO 8601. */
  readonly times: readonly string[]
  readonly sessions: readonly number[]
  readonly bytes: readonly number[]
}

/** @param placeOf the weekday (Monday is 0), hour and minute of a time in the zone */
export function weekHours(
  { times, sessions, bytes }: Hourly,
  placeOf: (ms: number) => { weekday: number; hour: number; minute: number },
): WeekHours {
  const days = Array.from({ length: 7 }, () =>
    Array.from({ length: HOURS }, () => ({ sessions: 0, bytes: 0 })),
  )
  let begin = 0
  times.forEach((time, i) => {
    const { weekday, hour, minute } = placeOf(Date.parse(time))
    const sums = days[weekday]![hour]!
    sums.sessions += sessions[i] ?? 0
    sums.bytes += bytes[i] ?? 0
    begin = minute
  })
  return { days, minute: begin }
}
