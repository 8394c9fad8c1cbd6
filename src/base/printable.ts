/** Makes texts from outside safe for a log, a terminal or the spool. */

/** The default bound of a message from another program. */
export const MESSAGE_BYTES_MAX = 1024

/** Control characters, halves of characters, and characters that change the direction of text. */
const NOT_PRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/**
 * One line that is safe to show: `?` for each character that is not printable, cut at `bytesMax` of
 * UTF-8.
 */
export function printable(text: string, bytesMax = MESSAGE_BYTES_MAX): string {
  // Each character takes at least a byte, so later ones need no check.
  const whole = text.slice(0, bytesMax + 1).replace(NOT_PRINTABLE, '?')
  if (text.length <= bytesMax && Buffer.byteLength(whole) <= bytesMax) return whole
  const mark = '…'
  const kept = Buffer.from(whole).subarray(0, bytesMax - Buffer.byteLength(mark))
  // Drop a character that the cut divided.
  return kept.toString('utf8').replace(/\ufffd+$/, '') + mark
}
