/** One local output of a running meter, and its log messages. */
import type { CommandContext } from '../../base/context.js'
import type { AppError } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { CatalogLists } from '../../session/catalog.js'
import { isOpen, type Session } from '../../session/session.js'
import { wholeMessageBytes } from '../ipfix/encode.js'
import { CollectorTarget, IpfixFileTarget, IpfixMessages } from '../ipfix/live.js'
import type { CollectorPlace } from '../ipfix/place.js'
import type { OutputSnapshot } from '../metrics/snapshot.js'
import { wholeLineBytes } from '../output/line-tail.js'
import type { OutputFlags } from '../output/output-flags.js'
import type { FilePlace } from '../output/output-place.js'
import { OutputQueue, type OutputTarget, type SessionFormat } from '../output/output-queue.js'
import { RotatingFile } from '../output/rotating-file.js'
import { SessionLines } from '../output/session-lines.js'
import { standardOutput } from '../output/stream-lines.js'
import { SayEach } from './say-once.js'

const STDOUT_FD = 1

export interface OutputEvents {
  readonly log: Logger
  readonly onDropped: (sessions: number) => void
  /** The output has ended for good, for example because its reader is gone. */
  readonly onClosed: (error: AppError) => void
}

/** A format that may use the catalog's names. */
interface NamingFormat extends SessionFormat {
  catalogChanged?(catalog: CatalogLists): void
}

export class LocalOutput {
  readonly #name: string
  readonly #queue: OutputQueue
  readonly #format: NamingFormat
  readonly #takesOpen: boolean
  #isClosed = false

  private constructor(
    name: string,
    format: NamingFormat,
    target: OutputTarget,
    events: OutputEvents,
    takesOpen: boolean,
  ) {
    this.#name = name
    this.#format = format
    this.#takesOpen = takesOpen
    this.#queue = this.#queueOf(target, events)
  }

  /** `--output`; null: standard output. @throws AppError OUTPUT_LOCKED, OUTPUT_FAILED */
  static async lines(
    flags: OutputFlags,
    place: FilePlace | null,
    { stdout }: CommandContext,
    events: OutputEvents,
  ): Promise<LocalOutput> {
    const target =
      place === null ? standardOutput(stdout, STDOUT_FD) : await openFile(flags, place, events.log)
    return new LocalOutput('ndjson', new SessionLines(), target, events, flags.outputInterim)
  }

  /** `--ipfix`. @throws AppError OUTPUT_LOCKED, OUTPUT_FAILED */
  static async ipfix(
    flags: OutputFlags & { readonly ipfixDomain: number },
    place: FilePlace | CollectorPlace,
    ca: string | undefined,
    events: OutputEvents,
  ): Promise<LocalOutput> {
    const domainId = flags.ipfixDomain
    if (!('folder' in place)) {
      const target = new CollectorTarget({ place, ca, domainId })
      return new LocalOutput('ipfix', new IpfixMessages(place.kind), target, events, false)
    }
    const file = await openFile(flags, place, events.log, wholeMessageBytes)
    const target = new IpfixFileTarget(file, domainId)
    return new LocalOutput('ipfix', new IpfixMessages('file'), target, events, false)
  }

  add(session: Session): void {
    if (this.#takesOpen || !isOpen(session)) this.#queue.add(session)
  }

  catalogChanged(catalog: CatalogLists): void {
    this.#format.catalogChanged?.(catalog)
  }

  /** Call every second. */
  tick(): void {
    this.#queue.cut()
  }

  /** Resolves when every session is written; after `givingUp` the rest counts as dropped. */
  end(givingUp: AbortSignal): Promise<void> {
    return this.#queue.end(givingUp)
  }

  /** After end(): a write is still pending. */
  get isStuck(): boolean {
    return this.#queue.isWriting
  }

  /** The output has ended for good. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  snapshot(): OutputSnapshot {
    return { output: this.#name, ...this.#queue.counters() }
  }

  status(): string {
    const { up, held } = this.#queue.counters()
    return up ? `${this.#name} ok` : `${this.#name}: ${held} sessions wait`
  }

  #queueOf(target: OutputTarget, { log, onDropped, onClosed }: OutputEvents): OutputQueue {
    const output = this.#name
    const dropped = new SayEach()
    return new OutputQueue({
      format: this.#format,
      target,
      onTrouble: (problem) => {
        if (problem === null) log.info({ output }, 'the output can be written again')
        else
          log.error(
            { output, problem },
            'the output cannot be written; sessions are held in memory',
          )
      },
      onDropped: (sessions, why) => {
        onDropped(sessions)
        if (dropped.isNew(why))
          log.error(
            { output, sessions, why },
            'the output lacks sessions; the metrics count further ones',
          )
      },
      onClosed: (error) => {
        this.#isClosed = true
        const { dropped: sessions } = this.#queue.counters()
        log.error({ output, problem: error.message, sessions }, 'the output has ended')
        onClosed(error)
      },
    })
  }
}

async function openFile(
  flags: OutputFlags,
  place: FilePlace,
  log: Logger,
  wholeBytes = wholeLineBytes,
): Promise<RotatingFile> {
  const file = await RotatingFile.open({
    place,
    wholeBytes,
    bytesMax: flags.outputRotateSize,
    ageMsMax: flags.outputRotateEvery,
    packs: flags.outputPack === 'gzip',
    keep: flags.outputKeep,
    onTrouble: (problem) =>
      log.error({ problem }, 'a closed output file cannot be compressed or deleted yet'),
    onRemoved: (names) => log.warn({ names }, 'deleting the oldest output files: --output-keep'),
  })
  if (file.tornBytes > 0)
    log.warn(
      { bytes: file.tornBytes },
      'the output ended in an incomplete line or record, which was removed',
    )
  return file
}
