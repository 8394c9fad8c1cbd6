/** One text for one address, so that texts can be compared. */
import { SocketAddress } from 'node:net'

/** As the store compares it: RFC 5952, without mixed notation. */
export function canonicalIp(text: string): string {
  if (!text.includes(':')) return text
  const address = new SocketAddress({ address: text.split('%')[0]!, family: 'ipv6' }).address
  const mixed = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  if (mixed === null) return address
  const [a, b, c, d] = mixed.slice(2).map(Number) as [number, number, number, number]
  return `${mixed[1]!}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}
