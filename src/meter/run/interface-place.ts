/** Identifies an interface, to tell whether two meters read the same one, and reads its counters. */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { EVERY_INTERFACE, findLink } from '../capture/links.js'
import type { WireGuardPeer } from '../wireguard/device.js'
import { PEERS_MAX, type Stand } from './run-ledger.js'

/**
 * A hash that is the same for all processes that see this interface and differs for other interfaces. It must reveal
 * nothing else, because reports carry it. Null when the interface does not exist.
 */
export function placeOf(interfaceName: string): string | null {
  try {
    const index = interfaceName === EVERY_INTERFACE ? 0 : findLink(interfaceName)?.index
    if (index === undefined) return null
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const space = readlinkSync('/proc/self/ns/net')
    const hash = createHash('sha256').update(`${boot} ${space} ${index}`)
    return hash.digest('hex').slice(0, 16)
  } catch {
    return null
  }
}

/** Null when the interface does not exist. */
export function standOf(
  interfaceName: string,
  peers: readonly WireGuardPeer[],
  connected?: readonly string[],
  nowMs = Date.now(),
): Stand | null {
  const link = findLink(interfaceName)
  if (link === null) return null
  const known = peers.slice(0, PEERS_MAX).map((p) => [p.publicKey, p.rxBytes + p.txBytes])
  const peersBytes = Object.fromEntries(known) as Record<string, number>
  const { index, rxBytes, txBytes } = link
  return {
    atMs: nowMs,
    index,
    bytes: rxBytes + txBytes,
    peers: peersBytes,
    ...(connected !== undefined && { connected: connected.slice(0, PEERS_MAX) }),
  }
}
