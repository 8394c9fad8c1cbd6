/** The local outputs of a running meter: `--output` and `--ipfix`. */
import type { CommandContext } from '../../base/context.js'
import type { CatalogLists } from '../../session/catalog.js'
import type { Session } from '../../session/session.js'
import { type CollectorPlace, ipfixPlace } from '../ipfix/place.js'
import { readCa } from '../ipfix/transport.js'
import type { OutputSnapshot } from '../metrics/snapshot.js'
import { type FilePlace, outputPlace } from '../output/output-place.js'
import { LocalOutput, type OutputEvents } from './local-output.js'
import type { MeterOptions } from './meter-options.js'

/** What the options name, read before the meter becomes another user. */
export interface OutputPlaces {
  /** Undefined: no --output; null: standard output. */
  readonly lines: FilePlace | null | undefined
  readonly ipfix: FilePlace | CollectorPlace | undefined
  readonly ipfixCa: string | undefined
}

/** @throws AppError BAD_OPTIONS, FILE_UNREADABLE */
export function outputPlaces({ output, ipfix, ipfixCaFile }: MeterOptions): OutputPlaces {
  const place = ipfix === undefined ? undefined : ipfixPlace(ipfix)
  return {
    lines: output === undefined ? undefined : outputPlace(output),
    ipfix: place?.kind === 'file' ? ipfixFile(place.path) : place,
    ipfixCa: readCa(ipfixCaFile),
  }
}

function ipfixFile(path: string): FilePlace {
  return outputPlace(path, { option: '--ipfix', nameInFolder: 'sessions.ipfix' })!
}

/** Files that are written, --output's first. */
export function outputFiles({ lines, ipfix }: OutputPlaces): FilePlace[] {
  return [lines, ipfix].filter((place) => place != null && 'folder' in place)
}

export class LocalOutputs {
  readonly #outputs: LocalOutput[] = []
  #ending: Promise<void> | null = null

  /** @throws AppError OUTPUT_LOCKED, OUTPUT_FAILED; what was opened before is closed */
  static async open(
    options: MeterOptions,
    places: OutputPlaces,
    context: CommandContext,
    events: OutputEvents,
  ): Promise<LocalOutputs> {
    const opened = new LocalOutputs()
    try {
      if (places.lines !== undefined)
        opened.#outputs.push(await LocalOutput.lines(options, places.lines, context, events))
      if (places.ipfix !== undefined)
        opened.#outputs.push(await LocalOutput.ipfix(options, places.ipfix, places.ipfixCa, events))
    } catch (error) {
      await opened.end(AbortSignal.abort()).catch(() => undefined)
      throw error
    }
    return opened
  }

  add(session: Session): void {
    for (const output of this.#outputs) output.add(session)
  }

  catalogChanged(catalog: CatalogLists): void {
    for (const output of this.#outputs) output.catalogChanged(catalog)
  }

  /** Every second. */
  tick(): void {
    for (const output of this.#outputs) output.tick()
  }

  /** All is written, or, once `givingUp`, counted as dropped; again: waits for the same. */
  end(givingUp: AbortSignal): Promise<void> {
    this.#ending ??= this.#end(givingUp)
    return this.#ending
  }

  async #end(givingUp: AbortSignal): Promise<void> {
    const ended = await Promise.allSettled(this.#outputs.map((output) => output.end(givingUp)))
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }

  /** Nothing can be written anywhere any more. */
  get areClosed(): boolean {
    return this.#outputs.every((output) => output.isClosed)
  }

  /** After end(): a write is still under way. */
  get areStuck(): boolean {
    return this.#outputs.some((output) => output.isStuck)
  }

  snapshots(): OutputSnapshot[] {
    return this.#outputs.map((output) => output.snapshot())
  }

  status(): string[] {
    return this.#outputs.map((output) => output.status())
  }
}
