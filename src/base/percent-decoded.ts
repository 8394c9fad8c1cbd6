/** @returns a text without percent-encoding (RFC 3986, 2.1); undefined: a `%` in it begins no code */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
