/** For refine() of a schema: what is taken where isPlainText says no. */
export const PLAIN_TEXT = { error: 'expected a text of whole characters, without NUL' }

/** Whole characters without NUL: the database's texts end at NUL, and half a character becomes another one. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
