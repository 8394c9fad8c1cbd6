/**
 * A running meter: interfaces -> sessions -> spool -> server, and its life from start to stop.
 *
 * Its parts start one after the other and stop in reverse order (parts.ts). No part waits at its stop for anything
 * outside of the process but for one: the shipper, for the server, until `--drain-timeout` or a second signal.
 */
import type { CommandContext } from '../../base/context.js'
import { EXIT, messageOf } from '../../base/errors.js'
import { createLogger, type Logger } from '../../base/log.js'
import type { MeterSnapshot } from '../../base/metrics.js'
import { createNotifier, type Notifier } from '../../base/sd-notify.js'
import { packageVersion } from '../../base/version.js'
import type { BatchGap } from '../../session/batch.js'
import type { Catalog } from '../../session/catalog.js'
import { Consolidator } from '../../session/consolidate.js'
import type { Session } from '../../session/session.js'
import { engineOptions } from '../capture/engine-flags.js'
import type { Connection } from '../ship/connection.js'
import { openConnection, readKey } from '../ship/server-flags.js'
import { type Problem, Shipper } from '../ship/shipper.js'
import { Batcher } from '../spool/batcher.js'
import { openSpool } from '../spool/open.js'
import type { Spool } from '../spool/spool.js'
import { becomeUser } from './become-user.js'
import { CatalogLoop } from './catalog-loop.js'
import { type CatalogSource, catalogFromFile, catalogFromServer } from './catalog-source.js'
import { InterfaceSet } from './interface-set.js'
import { chooseInterfaces, systemInterfaces } from './interfaces.js'
import type { MeterOptions } from './meter-options.js'
import { serveMetrics } from './metrics-server.js'
import { Parts } from './parts.js'
import { meterReport } from './report.js'
import { RunLedger, type Stand } from './run-ledger.js'
import { SayEach, SayOnce } from './say-once.js'
import { asideBytesMax, defaultSpoolDirectory } from './spool-directory.js'

/** A session waits this long for others before its batch is made. */
const BATCH_AGE_MS = 1_000
const TICK_MS = 1_000
/** How much of a run that is killed counts as not metered at most. */
const NOTE_EVERY_MS = 5_000

export class MeterRun {
  readonly #options: MeterOptions
  readonly #context: CommandContext
  readonly #log: Logger
  readonly #notifier: Notifier
  readonly #startedAt = new Date().toISOString()
  readonly #dropped: Record<string, number> = {}
  readonly #consolidator: Consolidator | null
  readonly #parts = new Parts()
  /** The end was asked for. */
  readonly #ending = new AbortController()
  /** The server is not waited for any more. */
  readonly #givingUp = new AbortController()
  readonly #diskTrouble = new SayOnce()
  readonly #notice = new SayOnce()
  readonly #refused = new SayEach()
  #writeFailures = 0
  #reportedMs = Date.now()
  #notedMs = 0
  #spool!: Spool
  #ledger!: RunLedger
  #batcher!: Batcher
  #shipper!: Shipper
  #connection!: Connection
  #catalogs!: CatalogLoop
  #interfaces!: InterfaceSet

  constructor(options: MeterOptions, context: CommandContext) {
    this.#options = options
    this.#context = context
    this.#log = createLogger(options.logLevel)
    this.#notifier = createNotifier(context.env)
    this.#consolidator = options.consolidate
      ? new Consolidator((session) => this.#batcher.add(session))
      : null
  }

  async run(): Promise<number> {
    const present = systemInterfaces()
    const names = chooseInterfaces(this.#options.interface, present, this.#options.waitForInterface)
    this.#connection = await openConnection(this.#options)
    await this.#openSpool(names)
    // From here on there is something to bring to an end: a signal waits for the start to be complete.
    const stopped = this.#listenToSignals()
    try {
      await this.#start(names)
    } catch (error) {
      this.#givingUp.abort()
      await this.#stopParts()
      throw error
    }
    this.#notifier.ready()
    const { watchingSince, isFirstRun } = this.#ledger
    if (isFirstRun) this.#log.info({ watchingSince }, 'the first run with this spool')
    this.#log.info(
      {
        interfaces: this.#interfaces.names,
        meterId: this.#spool.meterId,
        version: packageVersion(),
      },
      'metering',
    )
    await this.#stop(await stopped)
    return EXIT.ok
  }

  async #openSpool(interfaces: readonly string[]): Promise<void> {
    const directory = this.#options.spool ?? defaultSpoolDirectory(this.#context.env)
    const { spoolMax, meterId, user } = this.#options
    becomeUser({ user, spoolDirectory: directory, interfaces, log: this.#log })
    this.#spool = await openSpool({
      directory,
      bytesMax: spoolMax,
      asideBytesMax: asideBytesMax(spoolMax),
      meterId,
      onLoss: (gap) => this.#lost(gap),
      onDamage: (movedTo) =>
        this.#log.error({ movedTo }, 'the spool was damaged and has been moved aside'),
    })
    this.#parts.started('spool', () => this.#spool.close())
    this.#ledger = RunLedger.open(directory)
  }

  async #start(names: readonly string[]): Promise<void> {
    this.#shipper = this.#makeShipper()
    this.#batcher = new Batcher({
      spool: this.#spool,
      report: () => this.#report(),
      ageMs: BATCH_AGE_MS,
      onTrouble: (message) => this.#diskTroubled(message),
    })
    const source = this.#catalogSource()
    const catalog = source.first()
    this.#interfaces = this.#makeInterfaces(catalog)
    this.#givingUp.signal.addEventListener('abort', () => this.#batcher.abandon())
    await this.#openMetrics()
    this.#shipper.start()
    this.#parts.started('shipper', () => this.#endShipping())
    this.#parts.started('batcher', () => this.#endBatches())
    this.#startCatalogs(source)
    this.#parts.started('interfaces', () => this.#endInterfaces())
    await this.#interfaces.start(names)
    this.#noteRun()
    // A sign of life, so that the server knows the meter, and what it did not see, before the first session.
    this.#batcher.beat()
    const timer = setInterval(() => this.#tick(), TICK_MS)
    this.#parts.started('upkeep', () => clearInterval(timer))
  }

  #makeShipper(): Shipper {
    return new Shipper({
      spool: this.#spool,
      connection: this.#connection,
      onProblem: (problem) => this.#shipProblem(problem),
      onSetAside: (batch, reason, sessions) => {
        if (this.#refused.isNew(reason))
          this.#log.error(
            { batch, sessions, reason },
            'the server refuses a batch; it is set aside, as are others for this reason: see tunmeter spool',
          )
      },
      onConflict: (batch, reason) =>
        this.#log.error(
          { batch, reason },
          'the spool was restored or copied: the server has another batch of this number; it is sent under a new one',
        ),
      onUnexpectedRepeat: (batch, sessions) =>
        this.#log.error(
          { batch, sessions },
          'the server says that it had a batch that was sent once; its sessions may not be stored',
        ),
      onNotice: (notice) => {
        // At every batch until it is mended.
        if (this.#notice.begins(notice))
          this.#log.warn({ notice }, 'the server takes batches and keeps nothing of them')
      },
      onStored: (sessions) => {
        if (sessions > 0 && this.#notice.isOver()) this.#log.info('the server keeps sessions again')
      },
    })
  }

  #catalogSource(): CatalogSource {
    const { catalog } = this.#options
    if (catalog !== undefined) return catalogFromFile(catalog, this.#log)
    const site = () => this.#shipper.site
    return catalogFromServer(this.#connection, site, {
      spoolDirectory: this.#spool.directory,
      bytesMax: this.#options.catalogMax,
      log: this.#log,
    })
  }

  #startCatalogs(source: CatalogSource): void {
    const changed = (catalog: Catalog, atUs: number) =>
      this.#interfaces.catalogChanged(catalog, atUs)
    this.#catalogs = new CatalogLoop(source, changed, this.#log)
    const running = this.#catalogs.run(this.#ending.signal)
    this.#parts.started('catalog', () => {
      this.#ending.abort()
      return running
    })
  }

  #makeInterfaces(catalog: Catalog | null): InterfaceSet {
    const { consolidate, activeTimeout, filter, snaplen, ring } = this.#options
    const options = {
      wanted: this.#options.interface,
      engine: {
        ...engineOptions(this.#options),
        // A merged session has ended: nothing is reported before.
        activeTimeoutMs: consolidate ? 0 : activeTimeout,
        earlyReport: !consolidate,
        records: 'all',
      },
      capture: {
        ringBytes: ring,
        ...(snaplen > 0 && { snaplen }),
        ...(filter !== undefined && { filter }),
      },
      peersEveryMs: this.#options.peersInterval,
      siteId: () => this.#spool.target()?.siteId ?? null,
      log: this.#log,
      onSession: (session: Session) => this.#take(session),
      relieved: () => this.#batcher.relieved(),
      onLoss: (gap: BatchGap) => this.#spool.lost(gap),
      onBegun: (name: string, stand: Stand | null) => this.#begun(name, stand),
    } as const
    return new InterfaceSet(options, catalog)
  }

  #take(session: Session): void {
    if (this.#consolidator === null) this.#batcher.add(session)
    else this.#consolidator.add(session)
  }

  async #openMetrics(): Promise<void> {
    const listen = this.#options.metricsListen
    if (listen === undefined) return
    const metrics = await serveMetrics(listen, () => this.#snapshot())
    this.#parts.started('metrics', () => metrics.close())
    this.#log.info({ url: metrics.url }, 'metrics')
  }

  #listenToSignals(): Promise<string> {
    process.on('SIGHUP', () => this.#reload())
    // One handler for the first and the second signal: between two of them a signal would end the process unwritten.
    let first = true
    return new Promise((resolve) => {
      const end = (signal: string): void => {
        if (first) resolve(signal)
        else this.#givingUp.abort()
        first = false
      }
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
    })
  }

  #reload(): void {
    this.#notifier.reloading()
    this.#log.info('reloading key and catalog')
    try {
      this.#connection.setKey(readKey(this.#options))
    } catch (error) {
      this.#log.error(
        { problem: messageOf(error) },
        'the key cannot be read again; the old one stays',
      )
    }
    this.#catalogs?.reload()
    this.#shipper?.retryNow()
    this.#interfaces?.refreshPeers()
    this.#notifier.ready()
  }

  /** What passed since the run before is in the log, as a gap. */
  #begun(name: string, stand: Stand | null): void {
    const gap = this.#ledger.began(name, stand)
    if (gap === null) return
    this.#spool.lost(gap)
    const { from, to, bytes } = gap
    this.#log.warn({ interface: name, from, to, bytes }, 'not metered since the last run')
  }

  #noteRun(): void {
    this.#notedMs = Date.now()
    void this.#ledger.note(this.#interfaces.stands())
  }

  async #endInterfaces(): Promise<void> {
    const stands = this.#interfaces.stands()
    await this.#interfaces.stop()
    await this.#ledger.end(stands)
  }

  #tick(): void {
    this.#interfaces.check()
    if (Date.now() - this.#notedMs >= NOTE_EVERY_MS) this.#noteRun()
    this.#consolidator?.expire(Date.now() * 1000)
    const { batches } = this.#spool.depth()
    const due = Date.now() - this.#reportedMs >= this.#options.reportInterval
    // With a backlog the server learns nothing from one more report behind it.
    if (due && batches === 0) this.#batcher.beat()
    this.#notifier.status(this.#status())
  }

  #status(): string {
    const { batches, sessions } = this.#spool.depth()
    const problem = this.#shipper.problem
    const server = problem === null ? 'server ok' : `server: ${problem.message}`
    return `${this.#interfaces.names.length} interface(s), ${batches} batches (${sessions} sessions) waiting, ${server}`
  }

  async #stop(signal: string): Promise<void> {
    this.#log.info({ signal }, 'stopping')
    this.#notifier.stopping()
    this.#ending.abort()
    const deadline = setTimeout(() => this.#givingUp.abort(), this.#options.drainTimeout)
    await this.#stopParts()
    clearTimeout(deadline)
  }

  async #stopParts(): Promise<void> {
    await this.#parts.stop((part, error) =>
      this.#log.error({ part, problem: messageOf(error) }, 'a part could not be stopped'),
    )
    this.#notifier.close()
  }

  async #endBatches(): Promise<void> {
    this.#consolidator?.end()
    // The last report: everything that was counted, with the sessions that the stop has ended.
    this.#batcher.beat()
    await this.#batcher.flush()
  }

  async #endShipping(): Promise<void> {
    const drained = await this.#shipper.drained(this.#givingUp.signal)
    await this.#shipper.stop()
    const { batches, sessions } = this.#spool.depth()
    this.#log.info(
      { batches, sessions },
      drained ? 'stopped; all is stored' : 'stopped; the rest is in the spool',
    )
  }

  #lost(gap: BatchGap): void {
    if (gap.sessions === 0) return
    this.#dropped[gap.reason] = (this.#dropped[gap.reason] ?? 0) + gap.sessions
    this.#log.error(gap, 'sessions lost')
  }

  #diskTroubled(message: string | null): void {
    if (message === null) {
      this.#diskTrouble.isOver()
      this.#log.info('the spool can be written again')
      return
    }
    this.#writeFailures++
    // Tried every second.
    if (!this.#diskTrouble.isTroubled)
      this.#log.error(
        { problem: message },
        'the spool cannot be written; sessions are held in memory',
      )
    this.#diskTrouble.begins(message)
  }

  #shipProblem(problem: Problem | null): void {
    const { batches, sessions } = this.#spool.depth()
    if (problem === null) this.#log.info({ batches, sessions }, 'the server stores batches again')
    else
      this.#log.warn(
        { problem: problem.message, kind: problem.kind, batches, sessions },
        'batches wait in the spool',
      )
  }

  #report(): ReturnType<typeof meterReport> {
    this.#reportedMs = Date.now()
    const { names } = this.#interfaces
    return meterReport({
      version: packageVersion(),
      interfaces: names.length === 0 ? this.#options.interface : names,
      startedAt: this.#startedAt,
      counters: this.#interfaces.counters(),
      sessionsDropped: { ...this.#dropped },
      spool: this.#spool.depth(),
      reconciliation: this.#interfaces.reconciliation(),
      watchingSince: this.#ledger.watchingSince,
      places: this.#interfaces.places(),
    })
  }

  #snapshot(): MeterSnapshot {
    const depth = this.#spool.depth()
    const ship = this.#shipper.counters()
    return {
      version: packageVersion(),
      interfaces: this.#interfaces.snapshots(),
      sessionsDropped: this.#dropped,
      spool: {
        ...depth,
        bytesMax: this.#options.spoolMax,
        oldestSeconds: depth.oldestMs === null ? 0 : (Date.now() - depth.oldestMs) / 1e3,
        heldSessions: this.#batcher.heldSessions,
        writeFailures: this.#writeFailures,
      },
      ship: {
        ...ship,
        up: this.#shipper.problem === null,
        lastStoredSeconds: (ship.storedAtMs ?? 0) / 1e3,
      },
    }
  }
}
