/** Times in this machine's zone (TZ), and the text for that zone. */

const two = (n: number): string => String(n).padStart(2, '0')

/** `2026-11-22 23:40:01`. */
export function localTime(ms: number): string {
  const d = new Date(ms)
  return `${String(d.getFullYear()).padStart(4, '0')}-${localDay(d)}`
}

/** `11-22 23:40:01`. */
export function localDay(d: Date): string {
  const day = `${two(d.getMonth() + 1)}-${two(d.getDate())}`
  return `${day} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** The zone at that moment: `UTC`, `+01:00`. */
export function zoneAt(ms: number): string {
  const minutes = -new Date(ms).getTimezoneOffset()
  if (minutes === 0) return 'UTC'
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}
