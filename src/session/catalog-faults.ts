/**
 * Finds faults that a catalog's schema cannot: identities that two entries share. Attribution would
 * depend on their order, so both a file and `PUT …/catalog` are refused.
 */
import type { Catalog } from './catalog.js'
import { ipBytes } from './ip-bytes.js'

type Identity = string | number

/** @returns one text for each entry that repeats an identity; none for a usable catalog */
export function catalogFaults({
  clients,
  users,
  sites,
  resources,
  prefixes = [],
}: Catalog): string[] {
  return [
    ...doubled('clients', 'clientId', clients, (one, say) => say(one.clientId)),
    ...doubled('clients', 'publicKey', clients, (one, say) => {
      if (one.publicKey != null) say(one.publicKey)
    }),
    ...doubled('clients', 'addresses', clients, (one, say) => {
      for (const address of one.addresses) say(canonicalPrefix(address))
    }),
    ...doubled('users', 'userId', users, (one, say) => say(one.userId)),
    ...doubled('sites', 'siteId', sites, (one, say) => say(one.siteId)),
    // A resource may have several entries: one for each destination and protocol.
    ...doubled('resources', 'siteResourceId', resources, (one, say) =>
      say(
        `${one.siteResourceId} (${canonicalPrefix(one.destination)}, ${one.protocol ?? 'any protocol'})`,
      ),
    ),
    ...doubled('prefixes', 'prefix', prefixes, (one, say) => say(canonicalPrefix(one.prefix))),
  ]
}

/**
 * @param identities calls `say` for each identity of an entry that no other entry may have; it may
 * repeat one
 */
function doubled<T>(
  list: string,
  field: string,
  entries: readonly T[],
  identities: (entry: T, say: (identity: Identity) => void) => void,
): string[] {
  const different = new Set<Identity>()
  let said = 0
  for (const entry of entries)
    identities(entry, (identity) => {
      different.add(identity)
      said++
    })
  // Nearly every catalog returns here; the search for the places costs twice as much.
  if (different.size === said) return []
  const firstAt = new Map<Identity, number>()
  const faults: string[] = []
  for (let index = 0; index < entries.length; index++)
    identities(entries[index]!, (identity) => {
      const first = firstAt.get(identity)
      if (first === undefined) firstAt.set(identity, index)
      else if (first !== index)
        faults.push(`${list}[${index}].${field}: ${identity} is that of ${list}[${first}] already`)
    })
  return faults
}

/**
 * One text for each prefix, as messages show it: `10.8.0.0/24`, `fd00:0:…:0/64`; a whole address
 * without its length.
 */
function canonicalPrefix(text: string): string {
  // A whole IPv4 address has only one text.
  if (!text.includes(':')) {
    if (!text.includes('/')) return text
    if (text.endsWith('/32')) return text.slice(0, -3)
  }
  const [ip = '', prefix] = text.split('/')
  const bytes = ipBytes(ip)
  const length = prefix === undefined ? bytes.length * 8 : Number(prefix)
  const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))))
  const suffix = length === bytes.length * 8 ? '' : `/${length}`
  if (bytes.length === 4) return masked.join('.') + suffix
  const groups = Array.from({ length: 8 }, (_, i) => masked[2 * i]! * 256 + masked[2 * i + 1]!)
  return groups.map((group) => group.toString(16)).join(':') + suffix
}
