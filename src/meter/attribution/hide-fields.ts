/** Applies the catalog's field rules (`fields`): shortens or removes fields of a session that is kept. */
import { parseEndpoint } from '../../session/endpoint.js'
import { ipBytes } from '../../session/ip-bytes.js'
import { ipText } from '../../session/ip-text.js'
import type { Hidden } from '../../session/log-rule.js'
import { formatEndpoint, type Session } from '../../session/session.js'
import type { Collected } from './attributor.js'

/** Octets of a truncated address that stay, by its length: a /24 of IPv4, a /48 of IPv6. */
const KEPT_OCTETS = { 4: 3, 16: 6 } as const

export function hasFields({ fields }: Collected): boolean {
  return Boolean(fields.address ?? fields.port ?? fields.endpoint ?? fields.publicKey)
}

export function hideFields(session: Session, rule: Collected): Session {
  const { address, port, endpoint, publicKey } = rule.fields
  const [source, dest] = [rule.clientIsSource, rule.clientIsDest]
  return {
    ...session,
    ...(address && source && { sourceIp: hiddenAddress(session.sourceIp, address) }),
    ...(address && dest && { destIp: hiddenAddress(session.destIp, address) }),
    ...(port && source && { sourcePort: 0 }),
    ...(port && dest && { destPort: 0 }),
    ...(endpoint && { clientEndpoint: hiddenEndpoint(session.clientEndpoint, endpoint) }),
    ...(publicKey && { peerPublicKey: null }),
  }
}

export function hiddenAddress(ip: string, how: Hidden): string {
  const bytes = ipBytes(ip)
  const kept = how === 'drop' ? 0 : KEPT_OCTETS[bytes.length as 4 | 16]
  return ipText(Uint8Array.from(bytes, (byte, i) => (i < kept ? byte : 0)))
}

export function hiddenEndpoint(text: string | null, how: Hidden): string | null {
  const endpoint = text === null || how === 'drop' ? undefined : parseEndpoint(text)
  return endpoint === undefined ? null : formatEndpoint(hiddenAddress(endpoint.ip, how), 0)
}
