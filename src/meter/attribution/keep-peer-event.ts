/**
 * Applies the catalog's rules to an event of a peer. A peer that is `off` or only counted has no events, because each
 * event tells a time and a place. An event that would tell only hidden fields is dropped.
 */
import type { LogFields } from '../../session/log-rule.js'
import { allowedIpsText, type PeerEvent } from '../../session/peer-event.js'
import type { PeerChange } from '../wireguard/peer-changes.js'
import type { PeerOwner } from './attributor.js'
import { hiddenAddress, hiddenEndpoint } from './hide-fields.js'

/** Null if the event is dropped. */
export function keepPeerEvent(
  change: PeerChange,
  { clientId, userId, rule }: PeerOwner,
  interfaceName: string,
): PeerEvent | null {
  if (rule.log !== 'full') return null
  const { event, atUs, handshakeUs, already } = change
  const { publicKey: hiddenKey } = rule.fields
  // Without a key and a client, the event would name nobody.
  if (hiddenKey === 'drop' && clientId === null) return null
  const endpoint = endpointOf(change.endpoint, rule.fields)
  const endpointBefore = endpointOf(change.endpointBefore, rule.fields)
  if (event === 'endpointChanged' && endpoint === endpointBefore) return null
  const allowedIps = prefixesOf(change.allowedIps, rule.fields)
  const allowedIpsBefore = prefixesOf(change.allowedIpsBefore, rule.fields)
  if (event === 'allowedIpsChanged' && allowedIps === allowedIpsBefore) return null
  const tellsPrefixes = event === 'allowedIpsChanged' || event === 'added' || event === 'gone'
  return {
    event,
    timeUs: atUs,
    interface: interfaceName,
    publicKey: hiddenKey === 'drop' ? null : change.publicKey,
    clientId,
    userId,
    endpoint,
    endpointBefore: endpoint === endpointBefore ? null : endpointBefore,
    allowedIps: tellsPrefixes ? allowedIps : null,
    allowedIpsBefore,
    handshakeUs,
    already,
  }
}

function endpointOf(text: string | null, { endpoint: how }: LogFields): string | null {
  return how === undefined ? text : hiddenEndpoint(text, how)
}

function prefixesOf(
  prefixes: readonly string[] | null,
  { address: how }: LogFields,
): string | null {
  if (prefixes === null || how === 'drop') return null
  if (how === undefined) return allowedIpsText(prefixes)
  return allowedIpsText([...new Set(prefixes.map(truncated))])
}

/** Shortens a prefix to the part of an address that may stay; a wider prefix stays as it is. */
function truncated(prefix: string): string {
  const slash = prefix.lastIndexOf('/')
  const [ip, length] = [prefix.slice(0, slash), Number(prefix.slice(slash + 1))]
  const kept = ip.includes(':') ? 48 : 24
  return length <= kept ? prefix : `${hiddenAddress(ip, 'truncate')}/${kept}`
}
