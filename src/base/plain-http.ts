/** Refuses to send a key unencrypted to another machine, unless the operator allows it. */
import { isIP } from 'node:net'
import { AppError, EXIT } from './errors.js'

export const ALLOW_PLAIN_HTTP_HELP =
  'Send the key unencrypted (http://) to another machine: for a network that is protected otherwise, as a tunnel is'

/** @throws AppError PLAIN_HTTP */
export function refusePlainHttp(option: string, url: URL, allowed: boolean): void {
  if (url.protocol !== 'http:' || allowed || isLoopback(url.hostname)) return
  throw new AppError(
    'PLAIN_HTTP',
    `${option}: ${url.origin} is another machine, and http:// would send the key unencrypted`,
    {
      hint: 'Use https://, or --allow-plain-http where the network itself is protected.',
      exitCode: EXIT.usage,
    },
  )
}

/** @param host as in URL.hostname: IPv4 in four numbers, IPv6 in brackets */
function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '[::1]' || host === 'localhost' || host.endsWith('.localhost')
}
