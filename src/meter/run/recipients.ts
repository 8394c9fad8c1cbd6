/**
 * Where the sessions and losses of a run go: the server (`--to`), local outputs (`--output`, `--ipfix`) and the metrics
 * of single clients and resources.
 */
import type { CommandContext } from '../../base/context.js'
import type { AppError } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { BatchGap, MeterReport } from '../../session/batch.js'
import type { CatalogLists } from '../../session/catalog.js'
import { Consolidator } from '../../session/consolidate.js'
import { isHourlySum } from '../../session/log-rule.js'
import type { PeerEvent } from '../../session/peer-event.js'
import type { Session } from '../../session/session.js'
import type { MeterSnapshot } from '../metrics/snapshot.js'
import type { Connection } from '../ship/connection.js'
import type { SpoolDepth } from '../spool/spool.js'
import { LocalOutputs, type OutputPlaces } from './local-outputs.js'
import { Losses } from './losses.js'
import type { MeterOptions } from './meter-options.js'
import type { Parts } from './parts.js'
import { ServerDelivery } from './server-delivery.js'
import type { StopSignals } from './stop-signals.js'
import { Watching } from './watching.js'
import type { Held } from './whole-until.js'

export interface RecipientsOptions {
  readonly options: MeterOptions
  readonly context: CommandContext
  readonly parts: Parts
  readonly signals: StopSignals
  readonly report: (spool: SpoolDepth, held: Held) => MeterReport
  readonly log: Logger
}

export class Recipients {
  readonly #given: RecipientsOptions
  readonly #losses: Losses
  readonly #consolidator: Consolidator | null
  readonly watching: Watching | null
  /** Null without --to. */
  #delivery: ServerDelivery | null = null
  /** Null without --output and --ipfix. */
  #outputs: LocalOutputs | null = null
  #failure: AppError | null = null

  constructor(given: RecipientsOptions) {
    const { consolidate, metricsClients, metricsResources } = given.options
    this.#given = given
    this.#losses = new Losses(given.log)
    this.watching = Watching.of(metricsClients, metricsResources)
    this.#consolidator = consolidate ? new Consolidator((session) => this.#give(session)) : null
  }

  get delivery(): ServerDelivery | null {
    return this.#delivery
  }

  get sessionsDropped(): Losses['sessions'] {
    return this.#losses.sessions
  }

  /** Why the last recipient has ended; null: one is left. */
  get failure(): AppError | null {
    return this.#failure
  }

  /** A write to a reader that takes nothing is pending, and would keep the process alive. */
  get areStuck(): boolean {
    return this.#outputs?.areStuck === true
  }

  /** The start of the oldest session that waits to be merged; infinity: none. */
  get mergingFromUs(): number {
    return this.#consolidator?.fromUs ?? Number.POSITIVE_INFINITY
  }

  async openDelivery(connection: Connection, directory: string): Promise<void> {
    const { options, parts, signals, report, log } = this.#given
    const delivery = await ServerDelivery.open({
      options,
      connection,
      directory,
      report,
      onLoss: (gap) => this.#losses.add(gap),
      givingUp: signals.givingUp,
      log,
    })
    this.#delivery = delivery
    parts.started('spool', () => delivery.closeSpool())
  }

  async openOutputs(places: OutputPlaces): Promise<void> {
    const { options, context, parts, signals, log } = this.#given
    const outputs = await LocalOutputs.open(options, places, context, {
      log,
      onDropped: (sessions) => {
        // With a server the session is not lost: it is only missing in the output.
        if (this.#delivery === null) this.#losses.count('output', sessions)
      },
      onClosed: (error) => this.#outputClosed(error),
    })
    this.#outputs = outputs
    parts.started('outputs', () => outputs.end(signals.givingUp))
  }

  /** The meter stops unless it has a server or another output to write to. */
  #outputClosed(error: AppError): void {
    if (this.#delivery !== null || this.#outputs?.areClosed !== true) return
    this.#failure = error
    this.#given.signals.end('outputClosed')
  }

  catalogChanged(catalog: CatalogLists): void {
    this.#outputs?.catalogChanged(catalog)
    this.watching?.catalogChanged(catalog)
  }

  take(session: Session): void {
    this.watching?.take(session)
    if (this.#consolidator === null || isHourlySum(session)) this.#give(session)
    else this.#consolidator.add(session, performance.now())
  }

  #give(session: Session): void {
    this.#delivery?.add(session)
    this.#outputs?.add(session)
  }

  /** False: there is neither a server nor a watched client. */
  get takePeerEvents(): boolean {
    return (this.#delivery ?? this.watching) !== null
  }

  addPeerEvents(events: readonly PeerEvent[]): void {
    this.#delivery?.addPeerEvents(events)
    this.watching?.told(events)
  }

  /** Reports a loss to the server, if there is one. */
  lost(gap: BatchGap): void {
    if (this.#delivery === null) this.#losses.add(gap)
    else this.#delivery.lost(gap)
  }

  /** Call every second. */
  tick(): void {
    this.#consolidator?.expire(performance.now())
    this.#outputs?.tick()
  }

  /** Called after the last session: the outputs end while the shipper waits for the server. */
  endSessions(): void {
    this.#consolidator?.end()
    // Stopping the part `outputs` awaits this end and logs its failure.
    this.#outputs?.end(this.#given.signals.givingUp).catch(() => undefined)
  }

  status(): string[] {
    const delivery = this.#delivery === null ? [] : [this.#delivery.status()]
    return [...delivery, ...(this.#outputs?.status() ?? [])]
  }

  snapshot(): Pick<MeterSnapshot, 'sessionsDropped' | 'outputs' | 'spool' | 'ship'> {
    return {
      sessionsDropped: this.#losses.sessions,
      outputs: this.#outputs?.snapshots() ?? [],
      ...this.#delivery?.snapshot(),
    }
  }
}
