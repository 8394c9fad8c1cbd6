/** A running meter: interfaces -> sessions -> spool -> server, and its life from start to stop. */
import { mkdirSync } from 'node:fs'
import type { CommandContext } from '../../base/context.js'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { createLogger, type Logger } from '../../base/log.js'
import type { MeterSnapshot } from '../../base/metrics.js'
import {
  type Account,
  dropPrivileges,
  findAccount,
  giveDirectory,
  isRoot,
  unnamedAccount,
} from '../../base/privileges.js'
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
import { uapiSocketIsRoots } from '../wireguard/uapi-socket.js'
import { type CatalogSource, catalogFromFile, catalogFromServer } from './catalog-source.js'
import { chooseInterfaces, systemInterfaces } from './interfaces.js'
import type { MeterOptions } from './meter-options.js'
import { type MetricsServer, serveMetrics } from './metrics-server.js'
import { Observation } from './observation.js'
import { sumFigures } from './reconciliation.js'
import { meterReport } from './report.js'
import { asideBytesMax, defaultSpoolDirectory } from './spool-directory.js'

/** A session waits this long for others before its batch is made. */
const BATCH_AGE_MS = 1_000
const TICK_MS = 1_000

export class MeterRun {
  readonly #options: MeterOptions
  readonly #context: CommandContext
  readonly #log: Logger
  readonly #notifier: Notifier
  readonly #startedAt = new Date().toISOString()
  readonly #observations = new Map<string, Observation>()
  readonly #dropped: Record<string, number> = {}
  readonly #consolidator: Consolidator | null
  #catalog: Catalog | null = null
  #writeFailures = 0
  #reportedMs = Date.now()
  #ticking: Promise<void> = Promise.resolve()
  #tickBusy = false
  #openProblem = ''
  #diskTroubled = false
  #notice = ''
  #spool!: Spool
  #batcher!: Batcher
  #shipper!: Shipper
  #connection!: Connection
  #catalogs!: CatalogSource
  #metrics: MetricsServer | null = null

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
      this.#openDelivery()
      for (const name of names) await this.#observe(name)
      await this.#openMetrics()
    } catch (error) {
      await this.#abort()
      throw error
    }
    const timer = setInterval(() => this.#tickOnce(), TICK_MS)
    this.#notifier.ready()
    const interfaces = [...this.#observations.keys()]
    this.#log.info(
      { interfaces, meterId: this.#spool.meterId, version: packageVersion() },
      'metering',
    )
    const signal = await stopped
    clearInterval(timer)
    await this.#stop(signal)
    return EXIT.ok
  }

  async #openSpool(interfaces: readonly string[]): Promise<void> {
    const directory = this.#options.spool ?? defaultSpoolDirectory(this.#context.env)
    const { spoolMax, meterId } = this.#options
    this.#becomeUser(directory, interfaces)
    this.#spool = await openSpool({
      directory,
      bytesMax: spoolMax,
      asideBytesMax: asideBytesMax(spoolMax),
      meterId,
      onLoss: (gap) => this.#lost(gap),
      onDamage: (movedTo) =>
        this.#log.error({ movedTo }, 'the spool was damaged and has been moved aside'),
    })
  }

  /** Before a packet is read, and before the spool is made, so that it belongs to the user. */
  #becomeUser(spoolDirectory: string, interfaces: readonly string[]): void {
    if (!isRoot()) {
      const { user } = this.#options
      if (user !== undefined)
        this.#log.warn({ user }, '--user is for a meter that is started as root')
      return
    }
    // Another user could not ask for the peers: every session would be nobody's.
    const rootsSocket = interfaces.find((name) => uapiSocketIsRoots(name))
    const user = this.#options.user ?? (rootsSocket === undefined ? undefined : 'root')
    const named = findAccount(user ?? 'tunmeter')
    if (named === null && user !== undefined) {
      throw new AppError('NO_USER', `there is no user "${user}" in /etc/passwd`, {
        exitCode: EXIT.usage,
      })
    }
    const account = named ?? unnamedAccount()
    prepareDirectory(spoolDirectory, account)
    dropPrivileges(account)
    // After: as root the program has started anew, and says it once.
    if (named === null) this.#log.warn({ becomes: account.name }, 'there is no user tunmeter')
    if (this.#options.user === undefined && rootsSocket !== undefined)
      this.#log.info(
        { interface: rootsSocket },
        'staying root, with two capabilities: the socket that tells the peers is for root alone',
      )
  }

  #openDelivery(): void {
    const spool = this.#spool
    this.#batcher = new Batcher({
      spool,
      report: () => this.#report(),
      ageMs: BATCH_AGE_MS,
      onTrouble: (message) => this.#diskTrouble(message),
    })
    this.#shipper = new Shipper({
      spool,
      connection: this.#connection,
      onProblem: (problem) => this.#shipProblem(problem),
      onSetAside: (batch, reason, sessions) =>
        this.#log.error(
          { batch, sessions, reason },
          'the server refuses a batch; it is set aside: see tunmeter spool',
        ),
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
      onNotice: (notice) => this.#notKept(notice),
      onStored: (sessions) => this.#kept(sessions),
    })
    this.#catalogs =
      this.#options.catalog !== undefined
        ? catalogFromFile(this.#options.catalog, this.#log)
        : catalogFromServer(this.#connection, () => this.#shipper.site, spool.directory, this.#log)
    this.#catalog = this.#catalogs.first()
    this.#shipper.start()
    // A sign of life, so that the server knows the meter before the first session.
    this.#batcher.beat()
  }

  async #observe(interfaceName: string): Promise<void> {
    const { consolidate, activeTimeout, filter, snaplen, ring } = this.#options
    const observation = new Observation({
      interfaceName,
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
      catalog: this.#catalog,
      siteId: this.#spool.target()?.siteId ?? null,
      log: this.#log,
      onSession: (session) => this.#take(session),
      relieved: () => this.#batcher.relieved(),
      onLoss: (gap) => this.#spool.lost(gap),
    })
    this.#observations.set(interfaceName, observation)
    try {
      await observation.start()
    } catch (error) {
      this.#observations.delete(interfaceName)
      await observation.stop()
      throw error
    }
  }

  #take(session: Session): void {
    if (this.#consolidator === null) this.#batcher.add(session)
    else this.#consolidator.add(session)
  }

  async #openMetrics(): Promise<void> {
    const listen = this.#options.metricsListen
    if (listen === undefined) return
    this.#metrics = await serveMetrics(listen, () => this.#snapshot())
    this.#log.info({ url: this.#metrics.url }, 'metrics')
  }

  #listenToSignals(): Promise<string> {
    process.on('SIGHUP', () => this.#reload())
    return new Promise((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const)
        process.once(signal, () => resolve(signal))
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
    this.#catalogs.reload()
    this.#shipper.retryNow()
    for (const observation of this.#observations.values()) void observation.refreshPeers()
    this.#notifier.ready()
  }

  /** Ticks do not overlap: one that takes longer than a second makes the next ones one. */
  #tickOnce(): void {
    if (this.#tickBusy) return
    this.#tickBusy = true
    this.#ticking = this.#tick()
      .catch((error: unknown) => this.#log.error({ problem: messageOf(error) }, 'upkeep failed'))
      .finally(() => {
        this.#tickBusy = false
      })
  }

  async #tick(): Promise<void> {
    for (const observation of this.#observations.values()) observation.check()
    await this.#followInterfaces()
    // Stamped before it is read, as the peers are: it may be newer than its stamp, never older.
    const atUs = Date.now() * 1000
    const catalog = await this.#catalogs.poll()
    if (catalog !== null) {
      this.#catalog = catalog
      for (const observation of this.#observations.values())
        observation.catalogChanged(catalog, atUs)
    }
    this.#consolidator?.expire(Date.now() * 1000)
    const { batches } = this.#spool.depth()
    const due = Date.now() - this.#reportedMs >= this.#options.reportInterval
    // With a backlog the server learns nothing from one more report behind it.
    if (due && batches === 0) this.#batcher.beat()
    this.#notifier.status(this.#status())
  }

  async #followInterfaces(): Promise<void> {
    const wanted = chooseInterfaces(this.#options.interface, systemInterfaces(), true)
    for (const name of wanted) {
      if (this.#observations.has(name)) continue
      try {
        await this.#observe(name)
        this.#log.info({ interface: name }, 'interface found')
      } catch (error) {
        // It may be gone again already; it is looked for every second, and said once.
        const problem = messageOf(error)
        if (this.#openProblem !== problem)
          this.#log.warn({ interface: name, problem }, 'interface cannot be read')
        this.#openProblem = problem
      }
    }
  }

  #status(): string {
    const { batches, sessions } = this.#spool.depth()
    const problem = this.#shipper.problem
    const server = problem === null ? 'server ok' : `server: ${problem.message}`
    return `${this.#observations.size} interface(s), ${batches} batches (${sessions} sessions) waiting, ${server}`
  }

  async #stop(signal: string): Promise<void> {
    const deadline = AbortSignal.timeout(this.#options.drainTimeout)
    this.#log.info({ signal }, 'stopping')
    this.#notifier.stopping()
    const again = new AbortController()
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => again.abort())
    const giveUp = AbortSignal.any([deadline, again.signal])
    giveUp.addEventListener('abort', () => this.#batcher.abandon())
    await this.#ticking
    await Promise.all([...this.#observations.values()].map((o) => o.stop()))
    this.#consolidator?.end()
    // The last report: everything that was counted, with the sessions that the stop has ended.
    this.#batcher.beat()
    await this.#batcher.flush()
    const drained = await this.#shipper.drained(giveUp)
    const { batches, sessions } = this.#spool.depth()
    await this.#close()
    this.#log.info(
      { batches, sessions },
      drained ? 'stopped; all is stored' : 'stopped; the rest is in the spool',
    )
  }

  async #abort(): Promise<void> {
    await Promise.all([...this.#observations.values()].map((o) => o.stop()))
    this.#batcher?.abandon()
    await this.#batcher?.flush()
    await this.#close()
  }

  async #close(): Promise<void> {
    await this.#shipper?.stop()
    await this.#metrics?.close()
    await this.#spool.close()
    this.#notifier.close()
  }

  #lost(gap: BatchGap): void {
    if (gap.sessions === 0) return
    this.#dropped[gap.reason] = (this.#dropped[gap.reason] ?? 0) + gap.sessions
    this.#log.error(gap, 'sessions lost')
  }

  #diskTrouble(message: string | null): void {
    if (message === null) this.#log.info('the spool can be written again')
    else {
      // Tried every second, said once.
      if (!this.#diskTroubled)
        this.#log.error(
          { problem: message },
          'the spool cannot be written; sessions are held in memory',
        )
      this.#writeFailures++
    }
    this.#diskTroubled = message !== null
  }

  /** At every batch until it is mended; said once. */
  #notKept(notice: string): void {
    if (this.#notice !== notice)
      this.#log.warn({ notice }, 'the server takes batches and keeps nothing of them')
    this.#notice = notice
  }

  #kept(sessions: number): void {
    if (sessions === 0 || this.#notice === '') return
    this.#log.info('the server keeps sessions again')
    this.#notice = ''
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
    const observations = [...this.#observations.values()]
    return meterReport({
      version: packageVersion(),
      interfaces:
        observations.length === 0 ? this.#options.interface : observations.map((o) => o.name),
      startedAt: this.#startedAt,
      counters: observations.map((o) => o.counters()),
      sessionsDropped: { ...this.#dropped },
      spool: this.#spool.depth(),
      reconciliation: sumFigures(observations.map((o) => o.reconciliation())),
    })
  }

  #snapshot(): MeterSnapshot {
    const depth = this.#spool.depth()
    const ship = this.#shipper.counters()
    return {
      version: packageVersion(),
      interfaces: [...this.#observations.values()].map((o) => o.snapshot()),
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

/** With what had to be made on the way to it: the account must be able to enter. */
function prepareDirectory(path: string, account: Account): void {
  try {
    const made = mkdirSync(path, { recursive: true, mode: 0o700 })
    if (account.uid !== 0) giveDirectory(made ?? path, account)
  } catch (error) {
    throw new AppError(
      'SPOOL_UNUSABLE',
      `cannot use the spool directory ${path}: ${messageOf(error)}`,
      { hint: 'Give a directory that can be made and written: --spool DIR.', cause: error },
    )
  }
}
