/** `--to`: delivers the sessions of a running meter to the server, in batches through a spool. */
import { readKey } from '../../base/key-file.js'
import type { Logger } from '../../base/log.js'
import type { BatchGap, MeterReport } from '../../session/batch.js'
import type { PeerEvent } from '../../session/peer-event.js'
import type { Session } from '../../session/session.js'
import type { MeterSnapshot } from '../metrics/snapshot.js'
import type { Connection } from '../ship/connection.js'
import { type Problem, Shipper } from '../ship/shipper.js'
import { Batcher } from '../spool/batcher.js'
import { openSpool } from '../spool/open.js'
import type { Spool, SpoolDepth } from '../spool/spool.js'
import { type CatalogOptions, type CatalogSource, catalogFromServer } from './catalog-source.js'
import type { MeterOptions } from './meter-options.js'
import type { Parts } from './parts.js'
import { SayEach, SayOnce } from './say-once.js'
import { quarantineBytesMax } from './spool-directory.js'
import type { Held } from './whole-until.js'

/** The first session of a batch waits this long for others. */
const BATCH_AGE_MS = 1_000

export interface ServerDeliveryOptions {
  readonly options: MeterOptions
  readonly connection: Connection
  readonly directory: string
  readonly report: (spool: SpoolDepth, held: Held) => MeterReport
  readonly onLoss: (gap: BatchGap) => void
  /** Aborted when the stop must no longer wait for the server or the disk. */
  readonly givingUp: AbortSignal
  readonly log: Logger
}

export class ServerDelivery {
  readonly #given: ServerDeliveryOptions
  readonly #log: Logger
  readonly #spool: Spool
  readonly #batcher: Batcher
  readonly #shipper: Shipper
  readonly #diskTrouble = new SayOnce()
  readonly #notice = new SayOnce()
  readonly #refused = new SayEach()
  readonly #ignored = new SayOnce()
  #writeFailures = 0

  private constructor(given: ServerDeliveryOptions, spool: Spool) {
    this.#given = given
    this.#log = given.log
    this.#spool = spool
    this.#shipper = this.#makeShipper()
    this.#batcher = new Batcher({
      spool,
      report: () => given.report(spool.depth(), this.#batcher.waiting),
      ageMs: BATCH_AGE_MS,
      onTrouble: (message) => this.#diskTroubled(message),
    })
    given.givingUp.addEventListener('abort', () => this.#batcher.abandon())
  }

  /** @throws AppError SPOOL_LOCKED, SPOOL_UNUSABLE, SPOOL_OTHER_METER */
  static async open(given: ServerDeliveryOptions): Promise<ServerDelivery> {
    const { options, directory, onLoss, log } = given
    const spool = await openSpool({
      directory,
      bytesMax: options.spoolMax,
      quarantineBytesMax: quarantineBytesMax(options.spoolMax),
      meterId: options.meterId,
      onLoss,
      onDamage: (movedTo) =>
        log.error({ movedTo }, 'the spool was damaged and has been moved aside'),
    })
    return new ServerDelivery(given, spool)
  }

  get meterId(): string {
    return this.#spool.meterId
  }

  get siteId(): number | null {
    return this.#spool.target()?.siteId ?? null
  }

  get hasBacklog(): boolean {
    return this.#spool.depth().batches > 0
  }

  /** Begins to send; ends when its parts are stopped. */
  start(parts: Parts): void {
    this.#shipper.start()
    parts.started('shipper', () => this.#endShipping())
    parts.started('batcher', async () => {
      // The last report goes with the sessions that the stop ended, or in a batch of its own, and has the final counts.
      this.#batcher.heartbeat()
      await this.#batcher.flush()
    })
  }

  closeSpool(): Promise<void> {
    return this.#spool.close()
  }

  add(session: Session): void {
    this.#batcher.add(session)
  }

  addPeerEvents(events: readonly PeerEvent[]): void {
    this.#batcher.addPeerEvents(events)
  }

  lost(gap: BatchGap): void {
    this.#spool.lost(gap)
  }

  relieved(): Promise<void> {
    return this.#batcher.relieved()
  }

  heartbeat(): void {
    this.#batcher.heartbeat()
  }

  catalogSource(options: CatalogOptions): CatalogSource {
    return catalogFromServer(this.#given.connection, () => this.#shipper.site, {
      spoolDirectory: this.#spool.directory,
      bytesMax: this.#given.options.catalogMax,
      ...options,
    })
  }

  /** SIGHUP. @throws AppError when the key cannot be read */
  readKeyAgain(): void {
    this.#given.connection.setKey(readKey(this.#given.options))
  }

  retryNow(): void {
    this.#shipper.retryNow()
  }

  status(): string {
    const { batches, sessions } = this.#spool.depth()
    const problem = this.#shipper.problem
    const server = problem === null ? 'server ok' : `server: ${problem.message}`
    return `${batches} batches (${sessions} sessions) waiting, ${server}`
  }

  snapshot(): Pick<MeterSnapshot, 'spool' | 'ship'> {
    const depth = this.#spool.depth()
    const ship = this.#shipper.counters()
    return {
      spool: {
        ...depth,
        bytesMax: this.#given.options.spoolMax,
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

  #makeShipper(): Shipper {
    return new Shipper({
      spool: this.#spool,
      connection: this.#given.connection,
      onProblem: (problem) => this.#shipProblem(problem),
      onQuarantine: (batch, reason, sessions) => {
        if (this.#refused.isNew(reason))
          this.#log.error(
            { batch, sessions, reason },
            'the server refused a batch; this and further ones with the reason are in quarantine: see tunmeter spool ls',
          )
      },
      onConflict: (batch, reason) =>
        this.#log.error(
          { batch, reason },
          'the spool was restored or copied: the server has another batch with this number; sending it under a new one',
        ),
      onUnexpectedRepeat: (batch, sessions) =>
        this.#log.error(
          { batch, sessions },
          'the server confirmed a batch as repeated, but it was sent only once: its sessions may not be stored',
        ),
      onNotice: (notice) => {
        // The same notice comes with each batch.
        if (this.#notice.begins(notice))
          this.#log.warn({ notice }, 'the server accepts batches but stores nothing')
      },
      onPeerEventsIgnored: () => {
        if (this.#ignored.begins('peerEvents'))
          this.#log.warn(
            { hint: 'update the server' },
            'the server is too old for events of peers and drops them; it stores sessions as usual',
          )
      },
      onStored: (sessions) => {
        if (sessions > 0 && this.#notice.isOver())
          this.#log.info('the server stores sessions again')
      },
    })
  }

  async #endShipping(): Promise<void> {
    const drained = await this.#shipper.drained(this.#given.givingUp)
    await this.#shipper.stop()
    const { batches, sessions } = this.#spool.depth()
    this.#log.info(
      { batches, sessions },
      drained ? 'stopped; everything is stored' : 'stopped; the rest is in the spool',
    )
  }

  #diskTroubled(message: string | null): void {
    if (message === null) {
      this.#diskTrouble.isOver()
      this.#log.info('the spool can be written again')
      return
    }
    this.#writeFailures++
    // Logged once, because the write is tried again every second.
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
}
