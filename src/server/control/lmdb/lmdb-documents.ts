/**
 * Documents in the lmdb file:
 *
 *   document  [kind, orgId, owner, id] -> the document
 */
import type { Database, RootDatabase } from 'lmdb'
import { wasRemoved } from '../control.js'
import {
  DOCUMENT_KINDS,
  type DocumentBounds,
  type DocumentKind,
  type DocumentPlace,
  type Documents,
} from '../documents.js'
import { commitFault } from './control-file.js'

type Place = [kind: string, orgId: string, owner: string, id: string]

export class LmdbDocuments implements Documents {
  readonly #root: RootDatabase
  readonly #documents: Database<unknown, Place>
  readonly #hasOrg: (orgId: string) => boolean

  constructor(root: RootDatabase, hasOrg: (orgId: string) => boolean) {
    this.#root = root
    this.#documents = root.openDB<unknown, Place>('document', { encoding: 'json' })
    this.#hasOrg = hasOrg
  }

  async of<T>(kind: DocumentKind, orgId: string, owner: string): Promise<T[]> {
    const own = this.#documents.getRange(range(kind, orgId, owner))
    return [...own.map(({ value }) => value as T)]
  }

  async all<T>(kind: DocumentKind): Promise<T[]> {
    return [...this.#documents.getRange(range(kind)).map(({ value }) => value as T)]
  }

  async put(
    { kind, orgId, owner, id }: DocumentPlace,
    value: unknown,
    { ofOwner, ofOrg }: DocumentBounds,
  ): Promise<boolean> {
    return this.#commit(() => {
      if (!this.#hasOrg(orgId)) throw wasRemoved(orgId)
      const place: Place = [kind, orgId, owner, id]
      const isNew = !this.#documents.doesExist(place)
      const isFull = (bound: number, ...parts: string[]) =>
        this.#documents.getKeysCount(range(kind, ...parts)) >= bound
      if (isNew && (isFull(ofOwner, orgId, owner) || isFull(ofOrg, orgId))) return false
      this.#documents.put(place, value)
      return true
    })
  }

  async remove({ kind, orgId, owner, id }: DocumentPlace): Promise<boolean> {
    return this.#commit(() => {
      const place: Place = [kind, orgId, owner, id]
      const isThere = this.#documents.doesExist(place)
      if (isThere) this.#documents.remove(place)
      return isThere
    })
  }

  /** Call it in a transaction. A root key may own documents of every organisation. */
  forgetOwner(keyId: string): void {
    for (const key of [...this.#documents.getKeys()])
      if (key[2] === keyId) this.#documents.remove(key)
  }

  /** Call it in a transaction. */
  forgetOrg(orgId: string): void {
    for (const kind of DOCUMENT_KINDS)
      for (const key of [...this.#documents.getKeys(range(kind, orgId))])
        this.#documents.remove(key)
  }

  #commit<T>(work: () => T): T {
    try {
      return this.#root.transactionSync(work)
    } catch (error) {
      throw commitFault(error)
    }
  }
}

/** All places that begin with these parts. '~' sorts after every id of an organisation, a key and a document. */
function range(...parts: string[]): { start: Place; end: Place } {
  return {
    start: parts as unknown as Place,
    end: [...parts, '~'] as unknown as Place,
  }
}
