/** Days and clock times: of the machine's or browser's zone, or of UTC. */
export interface CalendarTime {
  readonly year: number
  /** 0 to 11. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  /** Monday is 0. */
  readonly weekday: number
}

export interface Calendar {
  at(ms: number): CalendarTime
  /** Fields may be out of their bounds, as of Date: day 0 is the last of the month before. */
  ms(
    year: number,
    month: number,
    day: number,
    hour?: number,
    minute?: number,
    second?: number,
  ): number
}

export const LOCAL_CALENDAR: Calendar = {
  at(ms) {
    const date = new Date(ms)
    return {
      year: date.getFullYear(),
      month: date.getMonth(),
      day: date.getDate(),
      hour: date.getHours(),
      minute: date.getMinutes(),
      weekday: (date.getDay() + 6) % 7,
    }
  },
  ms: (year, month, day, hour = 0, minute = 0, second = 0) =>
    new Date(year, month, day, hour, minute, second).getTime(),
}

export const UTC_CALENDAR: Calendar = {
  at(ms) {
    const date = new Date(ms)
    return {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth(),
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      weekday: (date.getUTCDay() + 6) % 7,
    }
  },
  ms: (year, month, day, hour = 0, minute = 0, second = 0) =>
    Date.UTC(year, month, day, hour, minute, second),
}
