/** Makes texts from outside safe for a log, a terminal or the spool. */

/** Of a message that another program gave. */
export const MESSAGE_BYTES_MAX = 1024

/** Control characters, halves of characters, and those that turn the direction of what follows. */
const NOT_PRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** One line that changes nothing where it is shown: `?` for what is not printable, cut at `bytesMax` of UTF-8. */
export function printable(text: string, bytesMax = MESSAGE_BYTES_MAX): string {
  // No character takes less than a byte: what is beyond is not even looked at.
  const whole = text.slice(0, bytesMax + 1).replace(NOT_PRINTABLE, '?')
  if (text.length <= bytesMax && Buffer.byteLength(whole) <= bytesMax) return whole
  const mark = '…'
  const kept = Buffer.from(whole).subarray(0, bytesMax - Buffer.byteLength(mark))
  // A character that the cut went through.
  return kept.toString('utf8').replace(/\ufffd+$/, '') + mark
}
