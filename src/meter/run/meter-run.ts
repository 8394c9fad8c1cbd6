/**
 * A running meter from start to stop: interfaces -> sessions -> (spool -> server, outputs).
 *
 * Its parts start one after the other and stop in reverse order (parts.ts). Three parts retry at their stop until
 * `--drain-timeout` or a second signal: the shipper (server), the batcher (disk of the spool), and the outputs (disk or
 * reader).
 */
import type { CommandContext } from '../../base/context.js'
import { EXIT, messageOf } from '../../base/errors.js'
import { createLogger, type Logger } from '../../base/log.js'
import { createNotifier, type Notifier } from '../../base/sd-notify.js'
import { packageVersion } from '../../base/version.js'
import type { BatchGap } from '../../session/batch.js'
import type { CatalogLists } from '../../session/catalog.js'
import type { Session } from '../../session/session.js'
import { engineOptions } from '../capture/engine-flags.js'
import { linkNames } from '../capture/links.js'
import type { MeterSnapshot } from '../metrics/snapshot.js'
import { hiddenName } from '../output/output-place.js'
import type { Connection } from '../ship/connection.js'
import { openConnection } from '../ship/server-flags.js'
import type { SpoolDepth } from '../spool/spool.js'
import { becomeUser } from './become-user.js'
import { CatalogLoop } from './catalog-loop.js'
import { type CatalogSource, catalogFromFile } from './catalog-source.js'
import { ClockSteps } from './clock-steps.js'
import { InterfaceSet } from './interface-set.js'
import { chooseInterfaces, missingInterfaces } from './interfaces.js'
import { type OutputPlaces, outputFiles, outputPlaces } from './local-outputs.js'
import type { MeterOptions } from './meter-options.js'
import { Parts } from './parts.js'
import type { PeerEventOptions } from './peer-telling.js'
import { Recipients } from './recipients.js'
import { meterReport, uptimeMs } from './report.js'
import { RunLedger, type Stand } from './run-ledger.js'
import { SayOnce } from './say-once.js'
import type { ServerDelivery } from './server-delivery.js'
import { defaultSpoolDirectory } from './spool-directory.js'
import { StopSignals } from './stop-signals.js'
import { type Held, heldTogether, NOTHING_HELD } from './whole-until.js'

const TICK_MS = 1_000
/** A kill makes at most this much of a run count as not metered. */
const NOTE_EVERY_MS = 5_000

export class MeterRun {
  readonly #options: MeterOptions
  readonly #context: CommandContext
  readonly #log: Logger
  readonly #notifier: Notifier
  /** When the interfaces were open, because nothing is metered before. */
  #started: { readonly at: string; readonly uptimeMs: number } | null = null
  readonly #clockSteps = new ClockSteps()
  readonly #recipients: Recipients
  readonly #parts = new Parts()
  readonly #upkeep = new SayOnce()
  readonly #signals = new StopSignals()
  /** Monotonic, as are all times that decide when something is due. */
  #reportedMs = performance.now()
  #notedMs = 0
  /** Null without a spool and an output file, because nothing is kept from run to run then. */
  #ledger: RunLedger | null = null
  #catalogs!: CatalogLoop
  #interfaces!: InterfaceSet

  constructor(options: MeterOptions, context: CommandContext) {
    this.#options = options
    this.#context = context
    this.#log = createLogger(options.logLevel)
    this.#notifier = createNotifier(context.env)
    this.#recipients = new Recipients({
      options,
      context,
      parts: this.#parts,
      signals: this.#signals,
      report: (spool, held) => this.#report(spool, held),
      log: this.#log,
    })
  }

  async run(): Promise<number> {
    const present = linkNames()
    const names = chooseInterfaces(this.#options.interface, present, this.#options.waitForInterface)
    const { to } = this.#options
    const connection = to === undefined ? null : await openConnection(this.#options)
    const places = outputPlaces(this.#options)
    await this.#open(names, connection, places)
    // From here on a signal must stop the parts in order, which begins when the start is complete.
    const stopped = this.#listen()
    try {
      await this.#start(names)
    } catch (error) {
      this.#signals.giveUp()
      await this.#stopParts()
      throw error
    }
    this.#notifier.ready()
    this.#sayBegun()
    await this.#stop(await stopped)
    const { failure, sessionsDropped, areStuck } = this.#recipients
    if (failure !== null) throw failure
    const code = sessionsDropped.output === undefined ? EXIT.ok : EXIT.failed
    if (areStuck) process.exit(code)
    return code
  }

  /** Drops privileges, then opens the spool and the outputs. */
  async #open(
    interfaces: readonly string[],
    connection: Connection | null,
    places: OutputPlaces,
  ): Promise<void> {
    const options = this.#options
    const spoolDirectory =
      connection === null ? null : (options.spool ?? defaultSpoolDirectory(this.#context.env))
    becomeUser({
      user: options.user,
      spoolDirectory,
      outputDirectories: outputFiles(places)
        .filter((file) => file.ownsFolder)
        .map(({ option, folder }) => ({ option, path: folder })),
      interfaces,
      awaited: missingInterfaces(options.interface, interfaces),
      log: this.#log,
    })
    if (connection !== null && spoolDirectory !== null)
      await this.#openDelivery(connection, spoolDirectory)
    if (places.lines === undefined && places.ipfix === undefined) return
    try {
      await this.#openOutputs(places)
    } catch (error) {
      await this.#stopParts()
      throw error
    }
  }

  get #delivery(): ServerDelivery | null {
    return this.#recipients.delivery
  }

  async #openDelivery(connection: Connection, directory: string): Promise<void> {
    await this.#recipients.openDelivery(connection, directory)
    this.#ledger = RunLedger.open(directory)
  }

  async #openOutputs(places: OutputPlaces): Promise<void> {
    await this.#recipients.openOutputs(places)
    const [place] = outputFiles(places)
    if (place === undefined || this.#ledger !== null) return
    this.#ledger = RunLedger.open(place.folder, undefined, undefined, hiddenName(place, ''))
  }

  #sayBegun(): void {
    if (this.#ledger?.isFirstRun === true) {
      const { watchingSince } = this.#ledger
      const what = this.#delivery === null ? 'output' : 'spool'
      this.#log.info({ watchingSince }, `the first run with this ${what}`)
    }
    this.#log.info(
      {
        interfaces: this.#interfaces.names,
        ...(this.#delivery !== null && { meterId: this.#delivery.meterId }),
        ...(this.#options.output !== undefined && { output: this.#options.output }),
        ...(this.#options.ipfix !== undefined && { ipfix: this.#options.ipfix }),
        version: packageVersion(),
      },
      'metering',
    )
  }

  async #start(names: readonly string[]): Promise<void> {
    const source = this.#catalogSource()
    const catalog = (await source?.first(this.#signals.ending)) ?? null
    this.#interfaces = this.#makeInterfaces(catalog)
    if (catalog !== null) this.#recipients.catalogChanged(catalog)
    await this.#openMetrics()
    this.#delivery?.start(this.#parts)
    this.#parts.started('last sessions', () => this.#recipients.endSessions())
    if (source !== null) this.#startCatalogs(source)
    this.#parts.started('interfaces', () => this.#endInterfaces())
    await this.#interfaces.start(names)
    this.#hasStarted()
    this.#noteRun()
    // Sent before the first session, because the server must learn about the meter and the unmetered time at once.
    this.#delivery?.heartbeat()
    const timer = setInterval(() => this.#tryTick(), TICK_MS)
    this.#parts.started('upkeep', () => clearInterval(timer))
  }

  #catalogSource(): CatalogSource | null {
    const { catalog, output } = this.#options
    // Batches need no names, because the server has the catalog.
    const options = { users: output !== undefined, log: this.#log }
    if (catalog !== undefined) return catalogFromFile(catalog, options)
    return this.#delivery?.catalogSource(options) ?? null
  }

  #startCatalogs(source: CatalogSource): void {
    const changed = (catalog: CatalogLists) => {
      this.#interfaces.catalogChanged(catalog)
      this.#recipients.catalogChanged(catalog)
    }
    this.#catalogs = new CatalogLoop(source, changed, this.#log)
    const running = this.#catalogs.run(this.#signals.ending)
    this.#parts.started('catalog', () => {
      this.#signals.stopping()
      return running
    })
  }

  #makeInterfaces(catalog: CatalogLists | null): InterfaceSet {
    const { consolidate, activeTimeout, filter, snaplen, ring } = this.#options
    const { watching, takePeerEvents } = this.#recipients
    const options = {
      wanted: this.#options.interface,
      engine: {
        ...engineOptions(this.#options),
        // Only ended sessions can be merged, so there are no interim reports.
        activeTimeoutMs: consolidate ? 0 : activeTimeout,
        earlyReport: !consolidate,
        records: 'all',
      },
      capture: {
        ringBytes: ring,
        ...(snaplen > 0 && { snaplen }),
        ...(filter !== undefined && { filter }),
      },
      forgetAfterMs: this.#options.forgetInterfaceAfter,
      peersEveryMs: this.#options.peersInterval,
      siteId: () => this.#delivery?.siteId ?? null,
      log: this.#log,
      onSession: (session: Session) => this.#recipients.take(session),
      relieved: async () => this.#delivery?.relieved(),
      onLoss: (gap: BatchGap) => this.#recipients.lost(gap),
      onBegun: (name: string, stand: Stand | null) => this.#begun(name, stand),
      ...(watching !== null && { watching }),
      ...(takePeerEvents && { peerEvents: this.#peerEvents() }),
    } as const
    return new InterfaceSet(options, catalog)
  }

  #peerEvents(): PeerEventOptions {
    return {
      connectedForMs: this.#options.connectedFor,
      connectedBefore: (name) => this.#ledger?.connectedBefore(name) ?? null,
      onEvents: (events) => this.#recipients.addPeerEvents(events),
    }
  }

  async #openMetrics(): Promise<void> {
    const listen = this.#options.metricsListen
    if (listen === undefined) return
    // Loaded on use, because with its dependencies it is a fifth of all modules that a start loads.
    const { serveMetrics } = await import('./metrics-server.js')
    const metrics = await serveMetrics(
      listen,
      () => this.#snapshot(),
      () => this.#recipients.watching?.text() ?? '',
    )
    this.#parts.started('metrics', () => metrics.close())
    this.#log.info({ url: metrics.url }, 'metrics')
  }

  #listen(): Promise<string> {
    process.on('SIGHUP', () => this.#reload())
    return this.#signals.listen()
  }

  #reload(): void {
    this.#notifier.reloading()
    this.#log.info('reloading key and catalog')
    try {
      this.#delivery?.readKeyAgain()
    } catch (error) {
      this.#log.error(
        { problem: messageOf(error) },
        'the key cannot be reloaded; keeping the old one',
      )
    }
    this.#catalogs?.reload()
    this.#delivery?.retryNow()
    this.#interfaces?.refreshPeers()
    this.#notifier.ready()
  }

  /** Reports the time since the last run as a gap. */
  #begun(name: string, stand: Stand | null): void {
    const gap = this.#ledger?.began(name, stand) ?? null
    if (gap === null) return
    this.#recipients.lost(gap)
    const { from, to, bytes } = gap
    this.#log.warn({ interface: name, from, to, bytes }, 'not metered since the last run')
  }

  #noteRun(): void {
    this.#notedMs = performance.now()
    const stands = this.#stands()
    if (stands !== null) void this.#ledger?.note(stands)
  }

  /** Null when the kernel cannot be asked, for example without a free descriptor; the last note then stays. */
  #stands(): Record<string, Stand> | null {
    try {
      return this.#interfaces.stands()
    } catch {
      return null
    }
  }

  async #endInterfaces(): Promise<void> {
    const stands = this.#stands()
    await this.#interfaces.stop()
    if (stands !== null) await this.#ledger?.end(stands)
  }

  /** Logs errors of the upkeep instead of throwing, because a crash would lose the open sessions. */
  #tryTick(): void {
    try {
      this.#tick()
      this.#upkeep.isOver()
    } catch (error) {
      const problem = messageOf(error)
      if (this.#upkeep.begins(problem)) this.#log.error({ problem }, 'a periodic task failed')
    }
  }

  #tick(): void {
    const passedOver = this.#clockSteps.check()
    if (passedOver !== null) {
      this.#recipients.lost(passedOver)
      this.#log.warn({ from: passedOver.from, to: passedOver.to }, 'the clock was set forward')
    }
    this.#interfaces.check()
    if (performance.now() - this.#notedMs >= NOTE_EVERY_MS) this.#noteRun()
    this.#recipients.tick()
    const due = performance.now() - this.#reportedMs >= this.#options.reportInterval
    // Not behind a backlog, because each waiting batch carries a report already.
    if (due && this.#delivery?.hasBacklog === false) this.#delivery.heartbeat()
    this.#notifier.status(this.#status())
  }

  #status(): string {
    const interfaces = `${this.#interfaces.names.length} interface(s)`
    return [interfaces, ...this.#recipients.status()].join(', ')
  }

  async #stop(signal: string): Promise<void> {
    this.#log.info({ signal }, 'stopping')
    this.#notifier.stopping()
    this.#signals.stopping()
    const deadline = setTimeout(() => this.#signals.giveUp(), this.#options.drainTimeout)
    await this.#stopParts()
    clearTimeout(deadline)
  }

  async #stopParts(): Promise<void> {
    await this.#parts.stop((part, error) =>
      this.#log.error(
        { part, problem: messageOf(error) },
        'a part of the meter could not be stopped',
      ),
    )
    this.#notifier.close()
  }

  /** A report that is made while an interface is still being opened fixes the start, too. */
  #hasStarted(): { readonly at: string; readonly uptimeMs: number } {
    this.#started ??= { at: new Date().toISOString(), uptimeMs: uptimeMs() }
    return this.#started
  }

  #report(spool: SpoolDepth, held: Held): ReturnType<typeof meterReport> {
    this.#reportedMs = performance.now()
    const { names } = this.#interfaces
    const started = this.#hasStarted()
    const merging = this.#recipients.mergingFromUs / 1e3
    const wholeUntilMs = this.#interfaces.wholeUntilMs(
      heldTogether(held, { ...NOTHING_HELD, fromMs: merging }),
    )
    return meterReport({
      version: packageVersion(),
      interfaces: names.length === 0 ? this.#options.interface : names,
      startedAt: started.at,
      counters: this.#interfaces.counters(),
      sessionsDropped: { ...this.#recipients.sessionsDropped },
      spool,
      reconciliation: this.#interfaces.reconciliation(),
      wholeUntilMs,
      startedUptimeMs: started.uptimeMs,
      ...(this.#ledger !== null && { watchingSince: this.#ledger.watchingSince }),
      places: this.#interfaces.places(),
    })
  }

  #snapshot(): MeterSnapshot {
    return {
      version: packageVersion(),
      interfaces: this.#interfaces.snapshots(),
      ...this.#recipients.snapshot(),
    }
  }
}
