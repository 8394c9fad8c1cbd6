/** Finds names for ids in a catalog. */
import type { Catalog } from './catalog.js'
import type { Names } from './fields.js'
import type { Session } from './session.js'

export const NO_NAMES: Names = {
  clientName: null,
  userName: null,
  resourceName: null,
  siteName: null,
  otherClientName: null,
}

export class CatalogNames {
  readonly #clients: ReadonlyMap<number, string>
  readonly #users: ReadonlyMap<string, string>
  readonly #resources: ReadonlyMap<number, string>

  constructor(catalog: Catalog) {
    this.#clients = new Map(catalog.clients.map((c) => [c.clientId, c.name]))
    this.#users = new Map(catalog.users.map((u) => [u.userId, u.name]))
    this.#resources = new Map(catalog.resources.map((r) => [r.siteResourceId, r.name]))
  }

  of(session: Pick<Session, 'clientId' | 'userId' | 'siteResourceId' | 'otherClientId'>): Names {
    const { clientId, userId, siteResourceId, otherClientId } = session
    return {
      clientName: clientId === null ? null : (this.#clients.get(clientId) ?? null),
      userName: userId === null ? null : (this.#users.get(userId) ?? null),
      resourceName: siteResourceId === null ? null : (this.#resources.get(siteResourceId) ?? null),
      siteName: null,
      otherClientName: otherClientId === null ? null : (this.#clients.get(otherClientId) ?? null),
    }
  }
}
