/** A live interface as an iterator of sessions. */
import { createLogger } from '../base/log.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import type { FlowMeterCounters } from '../meter/capture/flow-meter.js'
import { Observation } from '../meter/run/observation.js'
import { CatalogNames, NO_NAMES } from '../session/names.js'
import type { Session } from '../session/session.js'
import { type LoggedSession, logged } from './session-stream.js'
import { engineOf, refuseUnknown, type Settings } from './settings.js'

export interface MeterSettings extends Settings {
  /** pcap-filter(7) expression: only matching packets are metered. */
  readonly filter?: string
  /** Interval of reading the WireGuard peers, in ms. Default: 5,000. */
  readonly peersIntervalMs?: number
}

export interface Meter extends AsyncIterable<LoggedSession> {
  counters(): FlowMeterCounters
  /** Sessions lost because the iteration took them too late; interim reports count as well. */
  readonly lost: number
  /** Ends open sessions (`forcedEnd`). The iteration yields the sessions left and ends. */
  stop(): Promise<void>
}

/**
 * Sessions that wait for the iteration. More wait in the engine's queue (64 MiB); beyond that they
 * are lost.
 */
const WAITING_MAX = 10_000
const CHECK_MS = 1_000
const PEERS_INTERVAL_MS = 5_000

/**
 * Meters an interface from now on. Needs CAP_NET_RAW, and CAP_NET_ADMIN for the peers of kernel
 * WireGuard. Iterate once; leaving the loop stops the meter.
 * @throws AppError when the interface cannot be read, or a setting is wrong
 */
export async function openMeter(
  interfaceName: string,
  settings: MeterSettings = {},
): Promise<Meter> {
  refuseUnknown(settings, ['filter', 'peersIntervalMs'])
  const meter = new OpenMeter(interfaceName, settings)
  await meter.start()
  return meter
}

class OpenMeter implements Meter {
  readonly #observation: Observation
  readonly #names: CatalogNames | null
  readonly #waiting: Session[] = []
  #lost = 0
  #wake: () => void = () => undefined
  #relieve: () => void = () => undefined
  #stopping: Promise<void> | null = null
  #ended = false
  #timer: NodeJS.Timeout | undefined

  constructor(interfaceName: string, settings: MeterSettings) {
    const catalog = settings.catalog === undefined ? null : loadCatalog(settings.catalog)
    this.#names = catalog === null ? null : new CatalogNames(catalog)
    this.#observation = new Observation({
      interfaceName,
      engine: { ...engineOf(settings), earlyReport: true },
      capture: settings.filter === undefined ? {} : { filter: settings.filter },
      peersEveryMs: settings.peersIntervalMs ?? PEERS_INTERVAL_MS,
      catalog,
      siteId: null,
      log: createLogger('silent'),
      onSession: (session) => this.#take(session),
      relieved: () => this.#relieved(),
      onLoss: ({ sessions }) => {
        this.#lost += sessions
      },
    })
  }

  async start(): Promise<void> {
    try {
      await this.#observation.start()
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#timer = setInterval(() => this.#observation.check(), CHECK_MS)
  }

  get lost(): number {
    return this.#lost
  }

  counters(): FlowMeterCounters {
    return this.#observation.counters()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end()
    return this.#stopping
  }

  async #end(): Promise<void> {
    clearInterval(this.#timer)
    this.#relieve()
    try {
      await this.#observation.stop()
    } finally {
      this.#ended = true
      this.#wake()
    }
  }

  #take(session: Session): void {
    this.#waiting.push(session)
    this.#wake()
  }

  async #relieved(): Promise<void> {
    while (this.#waiting.length >= WAITING_MAX && this.#stopping === null)
      await new Promise<void>((resolve) => {
        this.#relieve = resolve
      })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LoggedSession> {
    try {
      while (!this.#ended || this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0)
        this.#relieve()
        for (const session of batch) yield logged(session, this.#names?.of(session) ?? NO_NAMES)
        if (this.#ended || this.#waiting.length > 0) continue
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      await this.stop()
    }
  }
}
