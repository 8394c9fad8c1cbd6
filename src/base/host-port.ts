/** Addresses to listen on, as an option has them: HOST:PORT. */

/**
 * Splits an address, as in 127.0.0.1:8480 or [::1]:8480.
 * @throws Error that says what is expected
 */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || host === '' || port > 65_535)
    throw new Error('expected HOST:PORT, as in 127.0.0.1:8480 or [::1]:8480')
  return { host, port }
}

/** The `parse` of an option that keeps such an address as text. */
export function hostPortText(text: string): string {
  parseHostPort(text)
  return text
}
