/**
 * Makes peer events of an interface: finds the changes between readings, adds the owner, and applies the catalog's
 * rules.
 *
 * Readings before the first catalog are ignored, because its rules may forbid events of a peer. The first reading with
 * a catalog reports the peers that are connected by then.
 */
import type { Logger } from '../../base/log.js'
import type { PeerEvent } from '../../session/peer-event.js'
import type { Attributor } from '../attribution/attributor.js'
import { keepPeerEvent } from '../attribution/keep-peer-event.js'
import type { WireGuardPeer } from '../wireguard/device.js'
import { type ConnectedBefore, type PeerChange, PeerChanges } from '../wireguard/peer-changes.js'

export interface PeerEventOptions {
  readonly connectedForMs: number
  readonly connectedBefore: (interfaceName: string) => ConnectedBefore | null
  readonly onEvents: (events: readonly PeerEvent[]) => void
}

export class PeerTelling {
  readonly #interfaceName: string
  readonly #options: PeerEventOptions
  readonly #owners: Pick<Attributor, 'ofPeer'>
  readonly #log: Pick<Logger, 'warn'>
  readonly #before: ConnectedBefore | null
  readonly #changes: PeerChanges
  #hasCatalog = false
  #hasRead = false

  constructor(
    interfaceName: string,
    options: PeerEventOptions,
    owners: Pick<Attributor, 'ofPeer'>,
    log: Pick<Logger, 'warn'>,
  ) {
    this.#interfaceName = interfaceName
    this.#options = options
    this.#owners = owners
    this.#log = log
    this.#before = options.connectedBefore(interfaceName)
    this.#changes = new PeerChanges({
      connectedForMs: options.connectedForMs,
      before: this.#before,
    })
  }

  get deferred(): number {
    return this.#changes.deferred
  }

  /** @returns whether it is the first catalog, after which the caller must read the peers */
  catalogIsThere(): boolean {
    const isFirst = !this.#hasCatalog
    this.#hasCatalog = true
    return isFirst
  }

  read(peers: readonly WireGuardPeer[], atUs: number, ms = performance.now()): void {
    if (!this.#hasCatalog) return
    this.#hasRead = true
    this.#tell(() => this.#changes.read(peers, { atUs, ms }))
  }

  interfaceGone(atUs = Date.now() * 1e3, ms = performance.now()): void {
    this.#tell(() => this.#changes.interfaceGone({ atUs, ms }))
  }

  /** The connected peers to remember for the next run; see PeerChanges. */
  connected(ms = performance.now()): readonly string[] {
    return this.#hasRead ? this.#changes.connected(ms) : (this.#before?.publicKeys ?? [])
  }

  #tell(look: () => PeerChange[]): void {
    const deferredBefore = this.#changes.deferred
    const events = look().flatMap((change) => {
      const owner = this.#owners.ofPeer(change.publicKey, change.allowedIps)
      return keepPeerEvent(change, owner, this.#interfaceName) ?? []
    })
    if (events.length > 0) this.#options.onEvents(events)
    if (deferredBefore === 0 && this.#changes.deferred > 0)
      this.#log.warn(
        { interface: this.#interfaceName },
        'peers change too often: some of their events are recorded later, or never',
      )
  }
}
