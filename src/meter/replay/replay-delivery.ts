/**
 * `tunmeter replay --to`: delivers the sessions of files through spool and shipper.
 *
 * A replay cuts its batches by size only. So the n-th batch of the same files and options is always the same, and has the
 * number n. A replay that was killed goes on where its spool ends. Without its spool, it sends all batches again; the
 * server knows their numbers and stores nothing twice. Each replay of a pipe has a new identity, so its batches may be
 * cut by age, too.
 */

import { formatDuration } from '../../base/config.js'
import { AppError } from '../../base/errors.js'
import { packageVersion } from '../../base/version.js'
import type { Session } from '../../session/session.js'
import type { FlowMeterCounters } from '../capture/flow-meter.js'
import { humanCount } from '../output/human.js'
import { type TemporaryDirectory, temporaryDirectory } from '../run/ending.js'
import { meterReport } from '../run/report.js'
import type { Connection } from '../ship/connection.js'
import { openConnection } from '../ship/server-flags.js'
import { type Problem, Shipper } from '../ship/shipper.js'
import { Batcher } from '../spool/batcher.js'
import { openSpool } from '../spool/open.js'
import type { Spool } from '../spool/spool.js'
import { firstPipe } from './capture-files.js'
import type { ReplayIdentity } from './replay-identity.js'
import type { ReplayOptions } from './replay-options.js'

/** A session of a pipe waits at most this long for its batch to fill. */
const PIPE_AGE_MS = 1_000

interface Parts {
  readonly spool: Spool
  readonly batcher: Batcher
  readonly shipper: Shipper
  readonly connection: Connection
  /** The spool's directory if --spool is absent; removed at the end. */
  readonly temporary: TemporaryDirectory | null
  readonly end: End
}

/** `reached`: all sessions are in batches. `reported`: a report says that. */
interface End {
  reached: boolean
  reported: boolean
}

export class Delivery {
  readonly #parts: Parts
  readonly #options: ReplayOptions
  readonly #say: (line: string) => void
  readonly #stop = new AbortController()
  #failure: AppError | null = null
  #away: NodeJS.Timeout | null = null
  #complete = false

  private constructor(parts: Parts, options: ReplayOptions, say: (line: string) => void) {
    this.#parts = parts
    this.#options = options
    this.#say = say
  }

  static async open(
    files: readonly string[],
    options: ReplayOptions,
    identity: ReplayIdentity,
    counters: () => FlowMeterCounters,
    say: (line: string) => void,
  ): Promise<Delivery> {
    const connection = await openConnection(options)
    const temporary = options.spool === undefined ? temporaryDirectory('tunmeter-replay-') : null
    const directory = options.spool ?? temporary!.path
    const spool = await openSpool({
      directory,
      meterId: identity.meterId,
      numbersFollowContent: true,
      // Twice --spool-max: the reader waits at --spool-max, so that the spool never has to drop a batch.
      bytesMax: 2 * options.spoolMax,
      quarantineBytesMax: options.spoolMax,
      onDamage: (movedTo) => {
        throw new AppError('SPOOL_DAMAGED', `the spool was damaged and is now in ${movedTo}`, {
          hint: `Remove ${directory} and replay again: no session is stored twice.`,
        })
      },
    })
    const startedAt = new Date().toISOString()
    const end: End = { reached: false, reported: false }
    const report = () => {
      end.reported = end.reached
      return meterReport({
        replay: end.reached ? 'finished' : 'running',
        version: packageVersion(),
        interfaces: files,
        startedAt,
        counters: [counters()],
        sessionsDropped: {},
        spool: spool.depth(),
      })
    }
    const batcher = new Batcher({
      spool,
      report,
      ageMs: firstPipe(files) === undefined ? null : PIPE_AGE_MS,
      sessionsMax: options.batchSessions,
      skipBatches: spool.nextBatch - 1,
    })
    const delivery: { current: Delivery | null } = { current: null }
    const shipper = new Shipper({
      spool,
      connection,
      splits: false,
      keepsUnstored: true,
      onProblem: (problem) => delivery.current?.problem(problem),
      onStored: () => delivery.current?.progressed(),
    })
    const parts = { spool, batcher, shipper, connection, temporary, end }
    delivery.current = new Delivery(parts, options, say)
    shipper.start()
    return delivery.current
  }

  add(session: Session): void {
    this.#parts.batcher.add(session)
  }

  /** Waits while the disk or the server is behind. @throws AppError NOT_DELIVERED after giving up */
  async ready(): Promise<void> {
    const { batcher, spool } = this.#parts
    const { spoolMax } = this.#options
    await batcher.drained()
    // This runs often, and depth() reads the disk. So ask waitingBytes first.
    while (
      spool.waitingBytes > spoolMax &&
      spool.depth().bytes > spoolMax &&
      this.#failure === null
    ) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    if (this.#failure !== null) throw this.#failure
  }
  #waiting: (() => void)[] = []

  /** Resolves when all sessions are stored. @throws AppError NOT_DELIVERED after giving up */
  async finish(): Promise<void> {
    const { batcher, end } = this.#parts
    end.reached = true
    await batcher.flush()
    // The last batch may be older than `end.reached`. Then its report does not say `finished`.
    if (!end.reported) batcher.heartbeat()
    await batcher.flush()
    this.#complete = await this.#parts.shipper.drained(this.#stop.signal)
    if (this.#failure !== null) throw this.#failure
    await this.#compareCatalogs()
  }

  /** Sessions are sent without names. So a user of --catalog must know if the server's catalog has none. */
  async #compareCatalogs(): Promise<void> {
    const { catalog } = this.#options
    const { connection, shipper } = this.#parts
    if (catalog === undefined || shipper.site === null) return
    const { content } = (await connection.catalog(shipper.site, null)) ?? {}
    const { clients, resources } = (content ?? {}) as Partial<Record<string, unknown[]>>
    if (clients?.length !== 0 || resources?.length !== 0) return
    this.#say(
      `the server’s catalog is empty: it shows ids without names until tunmeter catalog push --file ${catalog}`,
    )
  }

  async close(): Promise<void> {
    const { batcher, shipper, spool, temporary } = this.#parts
    if (this.#away !== null) clearTimeout(this.#away)
    await shipper.stop()
    batcher.abandon()
    await batcher.flush()
    await spool.close()
    temporary?.remove()
  }

  get stored(): number {
    return this.#parts.shipper.counters().sessionsStored
  }

  /** Batches that the server already had. */
  get repeated(): number {
    return this.#parts.shipper.counters().batchesRepeated
  }

  get refused(): number {
    return this.#parts.shipper.counters().sessionsRefused
  }

  /** True if all sessions are stored and none was refused. */
  get complete(): boolean {
    const { quarantined } = this.#parts.shipper.counters()
    return this.#complete && quarantined === 0
  }

  says(): string {
    const { sessionsStored, batchesStored, batchesRepeated, quarantined } =
      this.#parts.shipper.counters()
    const site = this.#parts.shipper.site
    const where = site === null ? '' : ` for site ${site.siteId} of ${site.orgId}`
    const repeated =
      batchesRepeated === 0 ? '' : `; ${batchesRepeated} of ${batchesStored} batches were there`
    const refused = quarantined === 0 ? '' : `; ${humanCount(quarantined)} sessions REFUSED`
    return `${humanCount(sessionsStored)} sessions stored${where}${repeated}${refused}`
  }

  /** The shipper calls this when sending fails, and with null when it works again. */
  problem(problem: Problem | null): void {
    if (this.#away !== null) clearTimeout(this.#away)
    this.#away = null
    if (problem === null) return
    if (problem.kind !== 'away' && problem.kind !== 'spool') this.#giveUp(problem)
    else this.#wait(problem)
  }

  #wait(problem: Problem): void {
    const { giveUpAfter } = this.#options
    this.#away = setTimeout(() => this.#giveUp(problem), giveUpAfter)
    if (giveUpAfter > 0)
      this.#say(`${problem.message}; trying again for ${formatDuration(giveUpAfter)}`)
  }

  progressed(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #giveUp(problem: Problem): void {
    const hints: Record<Problem['kind'], string> = {
      away: 'Is the server running, and is --to its address? Replay again when it is back.',
      denied: 'Check --to and the key: it must be one for ingest, of this server.',
      refusing: 'Is --to the base address of a tunmeter server of this version?',
      notStored:
        'Set the retention of the organisation, then replay again: nothing was lost by trying.',
      spool: 'Is there space in --spool (or the temporary directory)?',
    }
    this.#failure = new AppError(
      'NOT_DELIVERED',
      `not all sessions are stored: ${problem.message}`,
      {
        hint: hints[problem.kind],
      },
    )
    this.progressed()
    this.#stop.abort()
  }
}
