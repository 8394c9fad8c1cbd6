/** IPFIX output of a running meter, to a collector that may be unreachable or to a rotating file. */
import { isOpen } from '../../session/session.js'
import type { OutputTarget, SessionFormat } from '../output/output-queue.js'
import type { RotatingFile } from '../output/rotating-file.js'
import {
  type IpfixFacts,
  messagesIn,
  recordMessages,
  recordsIn,
  stamp,
  templateMessage,
} from './encode.js'
import type { CollectorPlace, IpfixPlace } from './place.js'
import { IpfixStream } from './stream.js'
import { messageBytesMax, openTransport } from './transport.js'

/** Bytes of the longest record. `length` counts this many for each session, because pieces are cut by length. */
const RECORD_BYTES_MAX = 123

/** Formats ended sessions as consecutive messages. The target must stamp each message with its time and sequence. */
export class IpfixMessages implements SessionFormat {
  readonly #bytesMax: number
  #held: IpfixFacts[] = []

  constructor(to: IpfixPlace['kind']) {
    this.#bytesMax = messageBytesMax(to)
  }

  get length(): number {
    return this.#held.length * RECORD_BYTES_MAX
  }

  add(session: IpfixFacts): void {
    if (!isOpen(session)) this.#held.push(session)
  }

  take(): Uint8Array {
    const messages = recordMessages(this.#held, this.#bytesMax)
    this.#held = []
    return Buffer.concat(messages)
  }
}

export interface CollectorOptions {
  readonly place: CollectorPlace
  readonly ca: string | undefined
  readonly domainId: number
}

/**
 * Connects on the first write, and again after a failure. After a failure, write() must get the same bytes again. It does
 * not repeat messages that were handed over before: IPFIX has no acknowledgements, and a collector would count them twice.
 */
export class CollectorTarget implements OutputTarget {
  readonly isDue = false
  readonly #options: CollectorOptions
  #stream: IpfixStream | null = null
  #handedOver = 0

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  /** @throws AppError OUTPUT_FAILED */
  async write(bytes: Uint8Array): Promise<void> {
    const { place, ca, domainId } = this.#options
    this.#stream ??= new IpfixStream(await openTransport(place, ca), domainId)
    const stream = this.#stream
    const messages = [...messagesIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))]
    try {
      for (const message of messages.slice(this.#handedOver)) {
        await stream.write(message)
        this.#handedOver++
      }
    } catch (error) {
      this.#stream = null
      void stream.close().catch(() => undefined)
      throw error
    }
    this.#handedOver = 0
  }

  /** @throws AppError OUTPUT_FAILED */
  async close(): Promise<void> {
    await this.#stream?.close()
  }
}

/** Writes the templates with each piece, so that every closed file can be read on its own. */
export class IpfixFileTarget implements OutputTarget {
  readonly #file: RotatingFile
  readonly #domainId: number
  #sequence = 0

  constructor(file: RotatingFile, domainId: number) {
    this.#file = file
    this.#domainId = domainId
  }

  get isDue(): boolean {
    return this.#file.isDue
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return this.#file.write(bytes)
    const piece = Buffer.concat([templateMessage(), bytes])
    let sequence = this.#sequence
    for (const message of messagesIn(piece)) {
      stamp(message, { nowMs: Date.now(), sequence, domainId: this.#domainId })
      sequence += recordsIn(message)
    }
    await this.#file.write(piece)
    this.#sequence = sequence >>> 0
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
