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

/** One that could not be read is tried again after this. */
const RETRY_MS = 5_000
/** Nothing but another command or another user helps against these. */
const USER_MENDS: ReadonlySet<string> = new Set(['BAD_FILTER', 'NO_PERMISSION'])
/** Interfaces whose names never come again are not remembered for ever. */
const FAILED_MAX = 1_000

export interface InterfaceSetOptions
  extends Omit<ObservationOptions, 'interfaceName' | 'catalog' | 'siteId'> {
  /** Names and patterns. */
  readonly wanted: readonly string[]
  /** An interface that a pattern named is let go when it was away for so long. */
  readonly forgetAfterMs: number
  readonly siteId: () => number | null
  /** It is read from now on. */
  readonly onBegun: (name: string, stand: Stand | null) => void
  readonly log: Logger
}

export class InterfaceSet {
  readonly #options: InterfaceSetOptions
  readonly #observations = new Map<string, Observation>()
  /** Of those that are there and could not be read. */
  readonly #failed = new Map<string, { readonly problem: string; readonly atMs: number }>()
  readonly #full = new SayOnce()
  readonly #unlisted = new SayOnce()
  /** Of those that were let go. */
  #past: ReportedCounters = NOTHING_COUNTED
  #catalog: CatalogLists | null
  #following: Promise<void> | null = null
  #ended = false
  /** One that is wanted by its name, or is there, is not read. */
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
   * One that cannot be read costs itself: it is said, and tried again.
   * @throws AppError when none of them can be read, and waiting would not mend it
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

  /** A pattern has found something that cannot be read for want of threads, memory or descriptors. */
  #mayMend(error: unknown): boolean {
    const ofTheUser = error instanceof AppError && USER_MENDS.has(error.code)
    return !ofTheUser && this.#options.wanted.some(isPattern)
  }

  /** Every second: losses become gaps, and interfaces that have come are read. */
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

  counters(): ReportedCounters[] {
    return [this.#past, ...[...this.#observations.values()].map((o) => o.counters())]
  }

  /** Of all that are read, see WholeUntil; up to the last check, since what came later of losses is not said yet. */
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

  /** Resolves when the last session of each is handed over. */
  async stop(): Promise<void> {
    this.#sayShort()
    this.#ended = true
    await this.#following
    await Promise.all([...this.#observations.values()].map((o) => o.stop()))
  }

  /** What passes there is not seen. */
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

  /** Said once for each; it may be gone again already. */
  #couldNot(name: string, problem: string): void {
    if (this.#failed.get(name)?.problem !== problem)
      this.#options.log.error({ interface: name, problem }, 'interface cannot be read')
    if (this.#failed.size >= FAILED_MAX) this.#failed.clear()
    this.#failed.set(name, { problem, atMs: performance.now() })
  }

  /** Longest first. Those that were asked for by their name are waited for. */
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

  /** One that is there takes the place of the one that is away longest. */
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
