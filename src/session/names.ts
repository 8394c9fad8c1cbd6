/** Finds names for ids in a catalog. */
import type { CatalogLists } from './catalog.js'
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

  constructor({ clients, users, resources }: CatalogLists) {
    this.#clients = namesBy(clients, (client) => client.clientId)
    this.#users = namesBy(users, (user) => user.userId)
    this.#resources = namesBy(resources, (resource) => resource.siteResourceId)
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

function namesBy<T extends { readonly name: string }, Id>(
  entries: Iterable<T>,
  idOf: (entry: T) => Id,
) {
  const names = new Map<Id, string>()
  for (const entry of entries) names.set(idOf(entry), entry.name)
  return names
}
