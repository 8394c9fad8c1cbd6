/** `--output`: what a running meter writes itself, and what it says about that. */
import type { CommandContext } from '../../base/context.js'
import type { AppError } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { Catalog } from '../../session/catalog.js'
import { isOpen, type Session } from '../../session/session.js'
import type { OutputSnapshot } from '../metrics/snapshot.js'
import type { OutputFlags } from '../output/output-flags.js'
import type { FilePlace } from '../output/output-place.js'
import { type OutputCounters, OutputQueue, type OutputTarget } from '../output/output-queue.js'
import { RotatingFile } from '../output/rotating-file.js'
import { SessionLines } from '../output/session-lines.js'
import { standardOutput } from '../output/stream-lines.js'
import { SayEach } from './say-once.js'

const STDOUT_FD = 1

export interface OutputEvents {
  readonly log: Logger
  readonly onDropped: (sessions: number) => void
  /** Nothing can be written there any more. */
  readonly onClosed: (error: AppError) => void
}

export class LocalOutput {
  readonly name: string
  readonly #queue: OutputQueue
  readonly #lines: SessionLines
  readonly #takesOpen: boolean

  private constructor(name: string, queue: OutputQueue, lines: SessionLines, takesOpen: boolean) {
    this.name = name
    this.#queue = queue
    this.#lines = lines
    this.#takesOpen = takesOpen
  }

  /** @throws AppError OUTPUT_LOCKED, OUTPUT_FAILED */
  static async open(
    flags: OutputFlags,
    place: FilePlace | null,
    { stdout }: CommandContext,
    events: OutputEvents,
  ): Promise<LocalOutput> {
    const target =
      place === null ? standardOutput(stdout, STDOUT_FD) : await openFile(flags, place, events.log)
    const lines = new SessionLines()
    const queue = queueOf(lines, target, events)
    return new LocalOutput('ndjson', queue, lines, flags.outputInterim)
  }

  add(session: Session): void {
    if (this.#takesOpen || !isOpen(session)) this.#queue.add(session)
  }

  catalogChanged(catalog: Catalog): void {
    this.#lines.catalogChanged(catalog)
  }

  /** Every second. */
  tick(): void {
    this.#queue.cut()
  }

  /** All is written, or, once `givingUp`, counted as dropped. */
  end(givingUp: AbortSignal): Promise<void> {
    return this.#queue.end(givingUp)
  }

  /** After end(): a write is still under way. */
  get isStuck(): boolean {
    return this.#queue.isWriting
  }

  counters(): OutputCounters {
    return this.#queue.counters()
  }

  snapshot(): OutputSnapshot {
    return { output: this.name, ...this.#queue.counters() }
  }

  status(): string {
    const { up, held } = this.#queue.counters()
    return up ? 'output ok' : `output: ${held} sessions wait`
  }
}

async function openFile(flags: OutputFlags, place: FilePlace, log: Logger): Promise<RotatingFile> {
  const file = await RotatingFile.open({
    place,
    bytesMax: flags.outputRotateSize,
    ageMsMax: flags.outputRotateEvery,
    packs: flags.outputPack === 'gzip',
    keep: flags.outputKeep,
    onTrouble: (problem) =>
      log.error({ problem }, 'a closed output file cannot be packed or removed yet'),
    onRemoved: (names) => log.warn({ names }, 'the oldest output files are removed: --output-keep'),
  })
  if (file.tornBytes > 0)
    log.warn({ bytes: file.tornBytes }, 'the output ended in half a line, which was cut off')
  return file
}

function queueOf(lines: SessionLines, target: OutputTarget, events: OutputEvents): OutputQueue {
  const { log, onDropped, onClosed } = events
  const dropped = new SayEach()
  return new OutputQueue({
    format: lines,
    target,
    onTrouble: (problem) => {
      if (problem === null) log.info('the output can be written again')
      else log.error({ problem }, 'the output cannot be written; sessions are held in memory')
    },
    onDropped: (sessions, why) => {
      onDropped(sessions)
      if (dropped.isNew(why))
        log.error(
          { sessions, why },
          'sessions are not in the output; others may follow, see the metrics',
        )
    },
    onClosed,
  })
}
