/** The interfaces that a meter reads: existing ones, new ones, and operations on all of them. */
import { AppError, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { CatalogLists } from '../../session/catalog.js'
import { linkNames } from '../capture/links.js'
import type { InterfaceSnapshot } from '../metrics/snapshot.js'
import { placeOf } from './interface-place.js'
import { chooseInterfaces, INTERFACES_MAX, isPattern, matches } from './interfaces.js'
import { Observation, type ObservationOptions } from './observation.js'
import { sumFigures } from './reconciliation.js'
import { addCounters, NOTHING_COUNTED, type ReportedCounters } from './report.js'
import type { Stand } from './run-ledger.js'
import { SayOnce } from './say-once.js'
import type { Held } from './whole-until.js'

/** An interface that could not be read is tried again after this time. */
const RETRY_MS = 5_000
/** Only another command line or another user mends these, so waiting is useless. */
const USER_MENDS: ReadonlySet<string> = new Set(['BAD_FILTER', 'NO_PERMISSION'])
/** Bound of the failures remembered, because names may never come again. */
const FAILED_MAX = 1_000

export interface InterfaceSetOptions
  extends Omit<ObservationOptions, 'interfaceName' | 'catalog' | 'siteId'> {
  /** Names and patterns. */
  readonly wanted: readonly string[]
  /** An interface that only a pattern matches is forgotten after it was gone for this long. */
  readonly forgetAfterMs: number
  readonly siteId: () => number | null
  /** Called when an interface is read from now on. */
  readonly onBegun: (name: string, stand: Stand | null) => void
  readonly log: Logger
}

export class InterfaceSet {
  readonly #options: InterfaceSetOptions
  readonly #observations = new Map<string, Observation>()
  /** Present interfaces that could not be read. */
  readonly #failed = new Map<string, { readonly problem: string; readonly atMs: number }>()
  readonly #full = new SayOnce()
  readonly #unlisted = new SayOnce()
  /** Sums of the forgotten interfaces. */
  #past: ReportedCounters = NOTHING_COUNTED
  #catalog: CatalogLists | null
  #following: Promise<void> | null = null
  #ended = false
  /** A named interface, or a present one that a pattern matches, is not being read. */
  #isShort = false
  #checkedAt = new Date().toISOString()

  constructor(options: InterfaceSetOptions, catalog: CatalogLists | null) {
    this.#options = options
    this.#catalog = catalog
  }

  get names(): string[] {
    return [...this.#observations.keys()]
  }

  /**
   * An interface that cannot be read is logged and tried again; the others are read.
   * @throws AppError when none can be read and waiting would not help
   */
  async start(names: readonly string[]): Promise<void> {
    const begun = await Promise.allSettled(names.map((name) => this.#observe(name)))
    const failed = begun.flatMap((one, i) =>
      one.status === 'rejected' ? [{ name: names[i]!, error: one.reason as unknown }] : [],
    )
    const [first] = failed
    if (first !== undefined && this.#observations.size === 0 && !this.#mayMend(first.error))
      throw first.error
    for (const { name, error } of failed) this.#couldNot(name, messageOf(error))
    this.#isShort = this.#isAnyUnread()
  }

  /** With a pattern, a lack of threads, memory or descriptors may pass. */
  #mayMend(error: unknown): boolean {
    const ofTheUser = error instanceof AppError && USER_MENDS.has(error.code)
    return !ofTheUser && this.#options.wanted.some(isPattern)
  }

  /** Call every second: reports losses as gaps, and begins to read new interfaces. */
  check(): void {
    for (const observation of this.#observations.values()) observation.check()
    this.#sayShort()
    this.#following ??= this.#follow()
      .then(() => {
        this.#isShort = this.#isAnyUnread()
        this.#unlisted.isOver()
      })
      .catch((error: unknown) => {
        const problem = messageOf(error)
        if (this.#unlisted.begins(problem))
          this.#options.log.error({ problem }, 'interfaces cannot be listed')
      })
      .finally(() => {
        this.#following = null
      })
  }

  catalogChanged(catalog: CatalogLists): void {
    this.#catalog = catalog
    for (const observation of this.#observations.values()) observation.catalogChanged(catalog)
  }

  /** The kernel's counters of each interface. */
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

  counters(): ReportedCounters[] {
    return [this.#past, ...[...this.#observations.values()].map((o) => o.counters())]
  }

  /**
   * The earliest of all interfaces; see WholeUntil. At most the time of the last check, because later losses are not
   * reported yet.
   */
  wholeUntilMs(held: Held): number {
    return Math.min(
      Date.parse(this.#checkedAt),
      ...[...this.#observations.values()].map((o) => o.wholeUntilMs(held)),
    )
  }

  reconciliation(): Record<string, number> {
    return sumFigures([...this.#observations.values()].map((o) => o.reconciliation()))
  }

  snapshots(): InterfaceSnapshot[] {
    return [...this.#observations.values()].map((o) => o.snapshot())
  }

  /** Resolves when the last session of each interface is handed over. */
  async stop(): Promise<void> {
    this.#sayShort()
    this.#ended = true
    await this.#following
    await Promise.all([...this.#observations.values()].map((o) => o.stop()))
  }

  /** While an interface is not being read, reports the time since the last check as a gap. */
  #sayShort(): void {
    const now = new Date().toISOString()
    if (this.#isShort)
      this.#options.onLoss({
        reason: 'interfaceGone',
        sessions: 0,
        from: this.#checkedAt,
        to: now,
      })
    this.#checkedAt = now
  }

  async #follow(): Promise<void> {
    for (const { observation, goneForMs } of this.#gone())
      if (goneForMs >= this.#options.forgetAfterMs) await this.#letGo(observation)
    for (const name of chooseInterfaces(this.#options.wanted, linkNames(), true)) {
      if (this.#observations.has(name) || this.#ended || this.#failedJustNow(name)) continue
      if (!(await this.#hasRoom(name))) return
      try {
        await this.#observe(name)
        this.#failed.delete(name)
        this.#options.log.info({ interface: name }, 'interface found')
      } catch (error) {
        this.#couldNot(name, messageOf(error))
      }
    }
  }

  #isAnyUnread(): boolean {
    const isUnread = (name: string): boolean => !this.#observations.has(name)
    const present = linkNames()
    return this.#options.wanted.some((wanted) =>
      isPattern(wanted)
        ? present.some((name) => matches(wanted, name) && isUnread(name))
        : isUnread(wanted),
    )
  }

  #failedJustNow(name: string): boolean {
    const failed = this.#failed.get(name)
    return failed !== undefined && performance.now() - failed.atMs < RETRY_MS
  }

  /** Logs a problem once for each interface; the interface may be gone again. */
  #couldNot(name: string, problem: string): void {
    if (this.#failed.get(name)?.problem !== problem)
      this.#options.log.error({ interface: name, problem }, 'interface cannot be read')
    if (this.#failed.size >= FAILED_MAX) this.#failed.clear()
    this.#failed.set(name, { problem, atMs: performance.now() })
  }

  /** Gone interfaces, the longest gone first; without those given by name, because the meter waits for them. */
  #gone(): { observation: Observation; goneForMs: number }[] {
    return [...this.#observations.values()]
      .filter((observation) => !this.#options.wanted.includes(observation.name))
      .flatMap((observation) => {
        const goneForMs = observation.goneForMs()
        return goneForMs === null ? [] : [{ observation, goneForMs }]
      })
      .sort((a, b) => b.goneForMs - a.goneForMs)
  }

  async #letGo(observation: Observation): Promise<void> {
    await observation.letGo()
    this.#past = addCounters(this.#past, observation.counters())
    this.#observations.delete(observation.name)
    this.#options.log.info(
      { interface: observation.name },
      'the interface stayed away and is forgotten',
    )
  }

  /** At INTERFACES_MAX a present interface replaces the one that has been gone longest. */
  async #hasRoom(name: string): Promise<boolean> {
    if (this.#observations.size < INTERFACES_MAX) return true
    const [longest] = this.#gone()
    if (longest !== undefined) {
      await this.#letGo(longest.observation)
      return true
    }
    if (this.#full.begins(name))
      this.#options.log.warn({ interface: name, max: INTERFACES_MAX }, 'too many interfaces')
    return false
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
