/** The message for a schema's refine() with isPlainText. */
export const PLAIN_TEXT = { error: 'expected a text of whole characters, without NUL' }

/** Whole characters without NUL: the database's texts end at NUL, and half a character becomes another one. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
