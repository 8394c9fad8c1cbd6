/**
 * Keeps destinations out of the server's own network: a user who sets one up must not reach internal services through
 * it.
 *
 * Addresses are checked after the name is resolved. The connection goes to the checked address, because guardedLookup
 * is the lookup of that connection. The ranges are those of RFC 6890 and those that embed an IPv4 address.
 */
import { type LookupAddress, lookup as resolve } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'

const PRIVATE: readonly (readonly [address: string, length: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local; cloud metadata services are here.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 96],
  ['::ffff:0:0', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]

/** Two lists, because a single one would match each IPv4 address with ::ffff:0:0/96. */
const blocked = { ipv4: new BlockList(), ipv6: new BlockList() }
for (const [address, length] of PRIVATE)
  blocked[familyOf(address)].addSubnet(address, length, familyOf(address))

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}

export interface GuardOptions {
  readonly allowPlain: boolean
  readonly allowPrivate: boolean
  /** Called with the address of a name that is refused. Only the operator may see it. */
  readonly onRefused?: (host: string, address: string) => void
}

/** The server's options forbid the address. The destination is blocked, because only the operator can change them. */
export class NotAllowed extends Error {}

export function isPrivate(address: string): boolean {
  const family = familyOf(address)
  return blocked[family].check(address, family) || isOwn(address, family)
}

/** This machine's own addresses, which may be public. Services there often trust local connections. */
function isOwn(address: string, family: 'ipv4' | 'ipv6'): boolean {
  const own = new BlockList()
  for (const one of Object.values(networkInterfaces()).flat())
    if (one !== undefined && familyOf(one.address) === family) own.addAddress(one.address, family)
  return own.check(address, family)
}

/** Does not name the address that a name has: with it, the users of a tenant could map the server's network. */
function refusal(is: string): NotAllowed {
  return new NotAllowed(
    `${is} a private, link-local or otherwise special address: only a server with --allow-private-destinations sends there`,
  )
}

/** For the `lookup` of a connection. Node does not call it if the host is an address; checkHost covers that case. */
export function guardedLookup({ allowPrivate, onRefused }: GuardOptions): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, found) => {
      const addresses = (found as LookupAddress[] | undefined) ?? []
      if (error !== null || addresses.length === 0)
        return done(error ?? new Error(`${host} has no address`), [])
      const refused = allowPrivate ? undefined : addresses.find(({ address }) => isPrivate(address))
      if (refused !== undefined) {
        onRefused?.(host, refused.address)
        return done(refusal(`${host} has`), [])
      }
      if (options.all === true) return done(null, addresses)
      const [first] = addresses as [LookupAddress]
      done(null, first.address, first.family)
    })
  }
}

/** Call it before each connection. @param host as in a URL, an IPv6 address in brackets */
export function checkHost(host: string, { allowPrivate }: GuardOptions): void {
  const address = host.replace(/^\[(.*)\]$/, '$1')
  if (!allowPrivate && isIP(address) !== 0 && isPrivate(address)) throw refusal(`${address} is`)
}

/** @throws NotAllowed */
export function checkUrl(
  url: URL,
  guard: GuardOptions,
  isEncrypted = url.protocol === 'https:',
): void {
  if (!isEncrypted && !guard.allowPlain)
    throw new NotAllowed(
      `${url.protocol}// is not encrypted: only a server with --allow-plain-destinations sends there`,
    )
  checkHost(url.hostname, guard)
}
