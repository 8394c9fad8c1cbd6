/**
 * Bounds of values at the edges of the program, shared by both halves: the server accepts all that
 * the meter sends, and the store gets only values that it can hold.
 */

/** Microseconds since 1970, up to the year 2200. Other times mean a broken clock. */
export const TIME_US_MIN = 0
export const TIME_US_MAX = 7_258_118_400_000_000

/** A meter's clock may run ahead of the server's by this much. */
export const FUTURE_US = 86_400e6

/** The bound of a report's JSON text. A working meter sends about 2 KiB. */
export const REPORT_BYTES_MAX = 64 * 1024
/**
 * The most names in one record of counters: reasons of other traffic or lost sessions, figures of
 * reconciliation.
 */
export const REPORT_KEYS_MAX = 64

/**
 * The bound of a catalog as JSON. A catalog of 100,000 clients and as many resources has about 40
 * MiB.
 */
export const CATALOG_BYTES_MAX = 64 * 1024 * 1024

/** An organisation's name. It is part of every path, so it needs no escaping. */
export const ORG_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/i
export const ORG_ID_EXPECTED = 'expected letters, digits, - and _, at most 63'
/** The highest site id; the lowest is 1. */
export const SITE_ID_MAX = Number.MAX_SAFE_INTEGER

/** A meter's name at the server. */
export const METER_ID = /^[A-Za-z0-9_.:-]{1,64}$/
export const METER_ID_EXPECTED = 'expected 1 to 64 of A-Z a-z 0-9 _ . : -'

/** The most characters (UTF-16) of the names of interfaces or files in a report. */
export const REPORT_INTERFACE_MAX = 1024
/** The most places in a report. */
export const REPORT_PLACES_MAX = 1000

/**
 * Joins names for a report, `wg0,wg1`. If they are too long: the first ones and the number of
 * others, `a.pcap,b.pcap,… and 998 more`. A first name that is too long alone is cut.
 */
export function joinNames(names: readonly string[], max = REPORT_INTERFACE_MAX): string {
  const all = names.join(',')
  if (all.length <= max) return all
  const rest = (shown: number): string =>
    shown === names.length ? '' : `,… and ${names.length - shown} more`
  let text = ''
  let shown = 0
  for (const name of names) {
    const longer = shown === 0 ? name : `${text},${name}`
    if (longer.length + rest(shown + 1).length > max) break
    text = longer
    shown++
  }
  if (shown > 0) return text + rest(shown)
  const end = `…${rest(1)}`
  // The store cannot hold half a character.
  return names[0]!.slice(0, max - end.length).replace(/[\uD800-\uDBFF]$/, '') + end
}

const ISO_TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?([Zz]|[+-]\d\d:?\d\d))?$/

export const ISO_TIME_EXPECTED =
  'expected an ISO 8601 time with a zone, as in 2026-11-22T08:00:00Z or 2026-11-22T08:00:00+01:00, or a day (UTC)'

/**
 * Microseconds since 1970 of an ISO 8601 time with a zone, or of the first moment of a day in UTC.
 * Undefined for everything else, such as a local time, which would differ between machines, or a
 * day that its month lacks. Not bounded: years 0000 to 9999.
 */
export function isoTimeUs(text: string): number | undefined {
  const match = ISO_TIME.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] =
    match
  const utc = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  // Date.parse accepts 24:00, and reads 30 February as a day in March.
  if (Number.isNaN(utc) || new Date(utc).getUTCDate() !== Number(day)) return undefined
  const offset = offsetMs(zone)
  if (offset === undefined) return undefined
  return (utc - offset) * 1e3 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

function offsetMs(zone: string): number | undefined {
  if (zone.length === 1) return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))]
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** True if the store can hold this time. */
export function isStorableTime(text: string): boolean {
  const us = isoTimeUs(text)
  return us !== undefined && us >= TIME_US_MIN && us <= TIME_US_MAX
}

/** The most rows that a page of the log may skip. A cursor or a time reaches further rows. */
export const OFFSET_MAX = 1_000_000
