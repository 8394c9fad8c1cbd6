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

/** The places that the options name, read before the meter becomes another user. */
export interface OutputPlaces {
  /** Undefined: no --output; null: standard output. */
  readonly lines: FilePlace | null | undefined
  readonly ipfix: FilePlace | CollectorPlace | undefined
  readonly ipfixCa: string | undefined
}

/** @throws AppError BAD_OPTIONS, FILE_UNREADABLE */
export function outputPlaces({
  output,
  ipfix,
  ipfixCaFile,
}: Partial<Pick<MeterOptions, 'output' | 'ipfix' | 'ipfixCaFile'>>): OutputPlaces {
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

/** The outputs that are files, --output's first. */
export function outputFiles({ lines, ipfix }: OutputPlaces): (FilePlace & { option: string })[] {
  const files = []
  if (lines != null) files.push({ ...lines, option: '--output' })
  if (ipfix !== undefined && 'folder' in ipfix) files.push({ ...ipfix, option: '--ipfix' })
  return files
}

export class LocalOutputs {
  readonly #outputs: LocalOutput[] = []
  #ending: Promise<void> | null = null

  /** @throws AppError OUTPUT_LOCKED, OUTPUT_FAILED; an output that was opened before is closed */
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

  /** Call every second. */
  tick(): void {
    for (const output of this.#outputs) output.tick()
  }

  /**
   * Resolves when every session is written; after `givingUp` the rest counts as dropped. A second call waits for the
   * first.
   */
  end(givingUp: AbortSignal): Promise<void> {
    this.#ending ??= this.#end(givingUp)
    return this.#ending
  }

  async #end(givingUp: AbortSignal): Promise<void> {
    const ended = await Promise.allSettled(this.#outputs.map((output) => output.end(givingUp)))
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }

  /** All outputs have ended for good. */
  get areClosed(): boolean {
    return this.#outputs.every((output) => output.isClosed)
  }

  /** After end(): a write is still pending. */
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
