/**
 * Asks for the catalog once a second, in a loop of its own: a server that takes the request and is silent keeps nothing
 * else waiting.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { CatalogLists } from '../../session/catalog.js'
import type { CatalogSource } from './catalog-source.js'

const POLL_MS = 1_000

export class CatalogLoop {
  readonly #source: CatalogSource
  readonly #onCatalog: (catalog: CatalogLists) => void
  readonly #log: Logger
  #wake = new AbortController()

  constructor(source: CatalogSource, onCatalog: (catalog: CatalogLists) => void, log: Logger) {
    this.#source = source
    this.#onCatalog = onCatalog
    this.#log = log
  }

  /** Resolves when `signal` ends it, which also cuts a request in flight. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const catalog = await this.#source.poll(signal)
        if (catalog !== null && !signal.aborted) this.#onCatalog(catalog)
      } catch (error) {
        this.#log.error({ problem: messageOf(error) }, 'the catalog request failed')
      }
      const woken = AbortSignal.any([signal, this.#wake.signal])
      await sleep(POLL_MS, undefined, { signal: woken, ref: false }).catch(() => undefined)
    }
  }

  /** Asks now (SIGHUP). */
  reload(): void {
    this.#source.reload()
    this.#wake.abort()
    this.#wake = new AbortController()
  }
}
