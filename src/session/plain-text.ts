/** The message for a schema's refine() with isPlainText. */
export const PLAIN_TEXT = { error: 'expected a text of whole characters, without NUL' }

/**
 * True for whole characters without NUL. The database ends texts at NUL and changes half
 * characters.
 */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
