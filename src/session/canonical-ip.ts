/** One text for each address, so that texts can be compared. */
import { ipBytes } from './ip-bytes.js'
import { formatGroups } from './ip-text.js'

/**
 * The store's text of an address: RFC 5952 without mixed notation and without a zone. `text` must
 * pass isIP().
 */
export function canonicalIp(text: string): string {
  return text.includes(':') ? formatGroups(Uint8Array.from(ipBytes(text)), 0) : text
}
