/**
 * The server's counters of chosen clients and resources (session/watched.ts), by organisation. In: what was acknowledged,
 * without replays. They name organisations and persons, so only the operator chooses and gets them.
 *
 * A session counts when it ends: after a restart of the server, nothing would tell what was counted of an open one.
 */
import { EMPTY_CATALOG } from '../../session/catalog.js'
import type { PeerEvent } from '../../session/peer-event.js'
import { type Chosen, checkPattern, Watched } from '../../session/watched.js'
import { watchedText } from '../../session/watched-text.js'
import type { Control } from '../control/control.js'
import type { Store, StoredSession } from '../store/store.js'

/** An organisation, and clients or resources of it. */
export interface ChosenOfOrg {
  readonly orgId: string
  readonly pattern: string
}

/** @throws Error that says what is expected */
export function parseChosen(text: string): ChosenOfOrg {
  const slash = text.indexOf('/')
  if (slash < 1)
    throw new Error('expected ORG/NAME, a name or an id; * stands for any text, as in acme/backup*')
  return { orgId: text.slice(0, slash), pattern: checkPattern(text.slice(slash + 1)) }
}

interface Group {
  readonly watched: Watched
  /** Of the catalog that was read last. */
  etag: string | null
}

interface Sources {
  readonly store: Pick<Store, 'catalog'>
  readonly control: Pick<Control, 'org'>
}

export class WatchedMetrics {
  readonly #from: Sources
  readonly #groups = new Map<string, Group>()

  constructor(clients: readonly ChosenOfOrg[], resources: readonly ChosenOfOrg[], from: Sources) {
    this.#from = from
    for (const orgId of new Set([...clients, ...resources].map((one) => one.orgId))) {
      const of = (all: readonly ChosenOfOrg[]) =>
        all.filter((one) => one.orgId === orgId).map(({ pattern }) => pattern)
      const chosen: Chosen = { clients: of(clients), resources: of(resources) }
      this.#groups.set(orgId, { watched: new Watched(chosen, { open: false }), etag: null })
    }
  }

  /** Reads the catalogs that changed. Call it before the first session. */
  async refresh(): Promise<void> {
    const { store, control } = this.#from
    for (const [orgId, group] of this.#groups) {
      if (control.org(orgId) === undefined) {
        group.watched.catalogChanged(EMPTY_CATALOG)
        group.etag = null
        continue
      }
      const { catalog, etag } = await store.catalog(orgId)
      if (group.etag !== etag) group.watched.catalogChanged(catalog)
      group.etag = etag
    }
  }

  take(
    orgId: string,
    sessions: readonly StoredSession[],
    peerEvents: readonly PeerEvent[] = [],
  ): void {
    const watched = this.#groups.get(orgId)?.watched
    if (watched === undefined) return
    for (const session of sessions) watched.take(session)
    for (const { event, clientId, handshakeUs } of peerEvents) {
      watched.handshake(clientId, handshakeUs)
      if (event === 'endpointChanged') watched.endpointChanged(clientId)
    }
  }

  async text(): Promise<string> {
    if (this.#groups.size === 0) return ''
    await this.refresh()
    return watchedText([...this.#groups].map(([orgId, { watched }]) => ({ orgId, watched })))
  }
}
