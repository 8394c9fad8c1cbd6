/**
 * What a catalog's schema cannot see: identities that two entries share. Attribution would be a matter of their order,
 * so a file and `PUT …/catalog` are refused alike.
 */
import type { Catalog } from './catalog.js'
import { ipBytes } from './ip-bytes.js'

type Identity = string | number | null | undefined
/** Of each entry of a list, those that no other entry may have. */
type Identities = readonly (readonly Identity[])[]

/** @returns one text for each entry that repeats an identity; none when the catalog may be used */
export function catalogFaults({ clients, users, sites, resources }: Catalog): string[] {
  return [
    ...doubled('clients', 'clientId', single(clients.map((one) => one.clientId))),
    ...doubled('clients', 'publicKey', single(clients.map((one) => one.publicKey))),
    ...doubled(
      'clients',
      'addresses',
      clients.map((one) => one.addresses.map(canonicalPrefix)),
    ),
    ...doubled('users', 'userId', single(users.map((one) => one.userId))),
    ...doubled('sites', 'siteId', single(sites.map((one) => one.siteId))),
    ...doubled(
      'resources',
      'siteResourceId',
      // A resource may have several entries: one for each destination and protocol.
      single(
        resources.map(
          (one) =>
            `${one.siteResourceId} (${canonicalPrefix(one.destination)}, ${one.protocol ?? 'any protocol'})`,
        ),
      ),
    ),
  ]
}

function single(values: readonly Identity[]): Identities {
  return values.map((value) => [value])
}

/** An entry may say the same twice: it is the same entry that is meant. */
function doubled(list: string, field: string, entries: Identities): string[] {
  const firstAt = new Map<string | number, number>()
  return entries.flatMap((values, index) =>
    values.flatMap((value) => {
      if (value == null) return []
      const first = firstAt.get(value)
      if (first === undefined) firstAt.set(value, index)
      return first === undefined || first === index
        ? []
        : [`${list}[${index}].${field}: ${value} is that of ${list}[${first}] already`]
    }),
  )
}

/** One text for one prefix, as messages show it: `10.8.0.0/24`, `fd00:0:…:0/64`; a whole address without its length. */
function canonicalPrefix(text: string): string {
  const [ip = '', given] = text.split('/')
  const bytes = ipBytes(ip)
  const length = given === undefined ? bytes.length * 8 : Number(given)
  const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))))
  const suffix = length === bytes.length * 8 ? '' : `/${length}`
  if (bytes.length === 4) return masked.join('.') + suffix
  const groups = Array.from({ length: 8 }, (_, i) => masked[2 * i]! * 256 + masked[2 * i + 1]!)
  return groups.map((group) => group.toString(16)).join(':') + suffix
}
