/**
 * Polls the source of the catalog every second, in a loop of its own because a server that does not answer must not
 * delay anything else.
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

  /** Resolves after `signal` aborts, which also aborts a request in flight. */
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

  /** Polls now (SIGHUP). */
  reload(): void {
    this.#source.reload()
    this.#wake.abort()
    this.#wake = new AbortController()
  }
}
