const NOT_PLAIN = /\0|\p{Surrogate}/u

/** Whole characters without NUL: the database's texts end at NUL, and half a character becomes another one. */
export function isPlainText(text: string): boolean {
  return !NOT_PLAIN.test(text)
}
