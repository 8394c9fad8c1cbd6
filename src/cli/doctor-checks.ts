/** The checks of `tunmeter doctor` on this machine: each has a question, an answer and a remedy. */
import { readFileSync } from 'node:fs'
import { AppError, messageOf } from '../base/errors.js'
import { plural } from '../base/quantity.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import { loadAddon } from '../meter/capture/addon.js'
import { EVERY_INTERFACE, findLink, type Link } from '../meter/capture/links.js'
import type { WireGuardDevice } from '../meter/wireguard/device.js'
import { readPeers } from '../meter/wireguard/read-peers.js'
import type { Catalog } from '../session/catalog.js'

export interface Finding {
  readonly check: string
  /** `skipped`: the check is not possible here, which is no fault. */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly message: string
  readonly todo?: string
}

const CAP_NET_ADMIN = 12
const CAP_NET_RAW = 13
/** The link types of linux/if_arp.h that the engine can read. */
const ARP_TYPES: Readonly<Record<string, string>> = {
  1: 'Ethernet',
  512: 'PPP',
  768: 'IPv4 in IPv4',
  769: 'IPv6 in IPv6',
  772: 'loopback',
  776: 'IPv6 in IPv4',
  778: 'GRE',
  823: 'GRE over IPv6',
  65534: 'raw IP',
}

export function finding(
  check: string,
  state: Finding['state'],
  message: string,
  todo?: string,
): Finding {
  return { check, state, message, ...(todo !== undefined && { todo }) }
}

/** A failed check: the error's message, and its hint as the remedy. */
export function failure(check: string, error: unknown): Finding {
  const hint = error instanceof AppError ? error.hint : undefined
  return finding(check, 'failed', messageOf(error), hint)
}

export function checkCapture(): Finding {
  try {
    return finding('capture', 'ok', loadAddon().captureLibrary)
  } catch (error) {
    return failure('capture', error)
  }
}

export function checkPrivileges(
  status: string = readFileSync('/proc/self/status', 'utf8'),
): Finding {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const has = (capability: number) => ((effective >> BigInt(capability)) & 1n) === 1n
  if (!has(CAP_NET_RAW))
    return finding(
      'privileges',
      'failed',
      'CAP_NET_RAW is missing: interfaces cannot be read',
      'Run as root, or give the service AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN.',
    )
  if (!has(CAP_NET_ADMIN))
    return finding(
      'privileges',
      'warning',
      "CAP_NET_ADMIN is missing: a kernel WireGuard's peers cannot be read",
      'Add CAP_NET_ADMIN to AmbientCapabilities, or name clients by their addresses in the catalog.',
    )
  return finding('privileges', 'ok', 'CAP_NET_RAW and CAP_NET_ADMIN')
}

export function checkInterface(name: string): Finding {
  if (name === EVERY_INTERFACE)
    return finding('interface', 'ok', 'every interface: a packet on two of them is counted twice')
  let link: Link | null
  try {
    link = findLink(name)
  } catch (error) {
    return failure('interface', error)
  }
  if (link === null)
    return finding(
      'interface',
      'failed',
      `there is no interface ${name}`,
      'Check --interface; in a container, share the network of the tunnel (docs/wireguard.md).',
    )
  const type = ARP_TYPES[link.type] ?? `type ${link.type}`
  const about = `${name}: ${type}, MTU ${link.mtu}`
  if (!link.isUp) return finding('interface', 'warning', `${about}, down`, `ip link set ${name} up`)
  return finding('interface', 'ok', about)
}

export async function checkPeers(
  name: string,
): Promise<{ device: WireGuardDevice | null; finding: Finding }> {
  try {
    const device = await readPeers(name)
    const quiet = device.peers.filter((peer) => peer.lastHandshakeSeconds === null).length
    const about = `${plural(device.peers.length, 'peer')} of a ${device.kind} WireGuard, ${quiet} without a handshake so far`
    return { device, finding: finding('peers', 'ok', about) }
  } catch (error) {
    const plain = error instanceof AppError && error.code === 'NOT_WIREGUARD'
    const one = failure('peers', error)
    return { device: null, finding: plain ? { ...one, state: 'warning' } : one }
  }
}

export function checkCatalog(path: string, devices: readonly WireGuardDevice[]): Finding {
  try {
    return comparePeers(loadCatalog(path), devices)
  } catch (error) {
    return failure('catalog', error)
  }
}

/** Warns of peers that have no client in the catalog. */
export function comparePeers(catalog: Catalog, devices: readonly WireGuardDevice[]): Finding {
  const known = new Set(catalog.clients.map((client) => client.publicKey))
  const unknown = devices
    .flatMap((device) => device.peers)
    .filter((peer) => !known.has(peer.publicKey))
  const { clients, resources } = catalog
  const about = `${plural(clients.length, 'client')}, ${plural(resources.length, 'resource')}`
  if (unknown.length === 0) return finding('catalog', 'ok', about)
  const keys = unknown.slice(0, 3).map((peer) => peer.publicKey)
  return finding(
    'catalog',
    'warning',
    `${about}; ${plural(unknown.length, 'peer')} without a client: ${keys.join(', ')}${unknown.length > 3 ? ', …' : ''}`,
    'Name them: tunmeter catalog init lists the peers, tunmeter catalog set client NAME --public-key KEY adds one.',
  )
}
