/** Sessions as NDJSON, with their names from the current catalog. */
import type { CatalogLists } from '../../session/catalog.js'
import { CatalogNames, NO_NAMES } from '../../session/names.js'
import type { Session } from '../../session/session.js'
import type { SessionFormat } from './output-queue.js'
import { PrintedRow } from './printed-row.js'
import { NdjsonWriter } from './row-writer.js'

export class SessionLines implements SessionFormat {
  readonly #writer = new NdjsonWriter()
  readonly #row = new PrintedRow()
  #names: CatalogNames | null = null

  get length(): number {
    return this.#writer.length
  }

  catalogChanged(catalog: CatalogLists): void {
    this.#names = new CatalogNames(catalog)
  }

  add(session: Session): void {
    this.#writer.row(this.#row.of(session, this.#names?.of(session) ?? NO_NAMES))
  }

  take(): Uint8Array {
    return this.#writer.take()
  }
}
