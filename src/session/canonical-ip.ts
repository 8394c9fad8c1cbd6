/** One text for one address, so that texts can be compared. */
import { ipBytes } from './ip-bytes.js'
import { formatGroups } from './ip-text.js'

/** As the store compares it: RFC 5952 without mixed notation and without a zone. Takes what isIP() takes. */
export function canonicalIp(text: string): string {
  return text.includes(':') ? formatGroups(Uint8Array.from(ipBytes(text)), 0) : text
}
