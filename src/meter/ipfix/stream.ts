/**
 * Sends messages over one transport: the templates first, and with each message the number of records sent before it. A
 * new connection needs a new stream (RFC 7011, section 3.1).
 */
import { recordsIn, stamp, templateMessage } from './encode.js'
import type { IpfixTransport } from './transport.js'

/**
 * Over UDP, templates are sent again after this time, because a collector may have lost them or started later. Until then
 * it cannot read a record. They are one message of 204 bytes.
 */
const TEMPLATES_EVERY_MS = 60_000

export class IpfixStream {
  readonly #transport: IpfixTransport
  readonly #domainId: number
  readonly #nowMs: () => number
  #templatesMs: number | null = null
  #sequence = 0

  constructor(transport: IpfixTransport, domainId: number, nowMs: () => number = Date.now) {
    this.#transport = transport
    this.#domainId = domainId
    this.#nowMs = nowMs
  }

  get messageBytesMax(): number {
    return this.#transport.messageBytesMax
  }

  /** @param message one whole message. @throws AppError OUTPUT_FAILED */
  async write(message: Buffer): Promise<void> {
    const nowMs = this.#nowMs()
    if (this.#needsTemplates(nowMs)) {
      await this.#send(templateMessage(), nowMs)
      this.#templatesMs = nowMs
    }
    await this.#send(message, nowMs)
    this.#sequence = (this.#sequence + recordsIn(message)) >>> 0
  }

  /** A clock that was set back must not delay them. */
  #needsTemplates(nowMs: number): boolean {
    if (this.#templatesMs === null) return true
    return this.#transport.isLossy && Math.abs(nowMs - this.#templatesMs) >= TEMPLATES_EVERY_MS
  }

  /** @throws AppError OUTPUT_FAILED */
  close(): Promise<void> {
    return this.#transport.close()
  }

  #send(message: Buffer, nowMs: number): Promise<void> {
    stamp(message, { nowMs, sequence: this.#sequence, domainId: this.#domainId })
    return this.#transport.write(message)
  }
}
