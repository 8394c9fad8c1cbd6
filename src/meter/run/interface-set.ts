/** The interfaces that a meter reads: those that are there, those that come, and what is asked of all of them. */
import { messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { InterfaceSnapshot } from '../../base/metrics.js'
import type { Catalog } from '../../session/catalog.js'
import type { FlowMeterCounters } from '../capture/flow-meter.js'
import { placeOf } from './interface-place.js'
import { chooseInterfaces, systemInterfaces } from './interfaces.js'
import { Observation, type ObservationOptions } from './observation.js'
import { sumFigures } from './reconciliation.js'
import type { Stand } from './run-ledger.js'
import { SayOnce } from './say-once.js'

export interface InterfaceSetOptions
  extends Omit<ObservationOptions, 'interfaceName' | 'catalog' | 'siteId'> {
  /** Names and patterns. */
  readonly wanted: readonly string[]
  readonly siteId: () => number | null
  /** It is read from now on. */
  readonly onBegun: (name: string, stand: Stand | null) => void
  readonly log: Logger
}

export class InterfaceSet {
  readonly #options: InterfaceSetOptions
  readonly #observations = new Map<string, Observation>()
  readonly #openProblem = new SayOnce()
  #catalog: Catalog | null
  #following: Promise<void> | null = null
  #ended = false

  constructor(options: InterfaceSetOptions, catalog: Catalog | null) {
    this.#options = options
    this.#catalog = catalog
  }

  get names(): string[] {
    return [...this.#observations.keys()]
  }

  /** @throws AppError when one of them cannot be read */
  async start(names: readonly string[]): Promise<void> {
    const begun = await Promise.allSettled(names.map((name) => this.#observe(name)))
    const failed = begun.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Every second: losses become gaps, and interfaces that have come are read. */
  check(): void {
    for (const observation of this.#observations.values()) observation.check()
    this.#following ??= this.#follow()
      .catch((error: unknown) =>
        this.#options.log.error({ problem: messageOf(error) }, 'interfaces cannot be looked for'),
      )
      .finally(() => {
        this.#following = null
      })
  }

  catalogChanged(catalog: Catalog, atUs: number): void {
    this.#catalog = catalog
    for (const observation of this.#observations.values()) observation.catalogChanged(catalog, atUs)
  }

  /** Where the kernel's counters of each stand. */
  stands(): Record<string, Stand> {
    const all = [...this.#observations.values()].map((o) => [o.name, o.stand()] as const)
    return Object.fromEntries(
      all.flatMap(([name, stand]) => (stand === null ? [] : [[name, stand]])),
    )
  }

  /** See placeOf(). */
  places(): string[] {
    return this.names.flatMap((name) => placeOf(name) ?? [])
  }

  refreshPeers(): void {
    for (const observation of this.#observations.values()) void observation.refreshPeers()
  }

  counters(): FlowMeterCounters[] {
    return [...this.#observations.values()].map((o) => o.counters())
  }

  reconciliation(): Record<string, number> {
    return sumFigures([...this.#observations.values()].map((o) => o.reconciliation()))
  }

  snapshots(): InterfaceSnapshot[] {
    return [...this.#observations.values()].map((o) => o.snapshot())
  }

  /** Resolves when the last session of each is handed over. */
  async stop(): Promise<void> {
    this.#ended = true
    await this.#following
    await Promise.all([...this.#observations.values()].map((o) => o.stop()))
  }

  async #follow(): Promise<void> {
    for (const name of chooseInterfaces(this.#options.wanted, systemInterfaces(), true)) {
      if (this.#observations.has(name) || this.#ended) continue
      try {
        await this.#observe(name)
        this.#options.log.info({ interface: name }, 'interface found')
      } catch (error) {
        // It may be gone again already; it is looked for every second, and said once.
        const problem = messageOf(error)
        if (this.#openProblem.begins(`${name}: ${problem}`))
          this.#options.log.warn({ interface: name, problem }, 'interface cannot be read')
      }
    }
  }

  async #observe(interfaceName: string): Promise<void> {
    const { siteId, onBegun, wanted: _, ...options } = this.#options
    const observation = new Observation({
      ...options,
      interfaceName,
      catalog: this.#catalog,
      siteId: siteId(),
    })
    this.#observations.set(interfaceName, observation)
    try {
      await observation.start()
      onBegun(interfaceName, observation.stand())
    } catch (error) {
      this.#observations.delete(interfaceName)
      await observation.stop()
      throw error
    }
  }
}
