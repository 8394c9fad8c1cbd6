/** Ended sessions as IPFIX messages to one place. Open ones are left out: a collector would add their counters up. */
import { isOpen, type Session } from '../../session/session.js'
import { IpfixMessages } from './encode.js'
import type { IpfixTransport } from './transport.js'

/** So many sessions are held before they are written. */
const HELD_MAX = 1_000
/** Over UDP: a collector that started later, or lost them, knows the templates after this. */
const TEMPLATES_EVERY_MS = 600_000

export class IpfixExporter {
  readonly #transport: IpfixTransport
  readonly #messages: IpfixMessages
  readonly #nowMs: () => number
  #held: Session[] = []
  #templatesMs = Number.NEGATIVE_INFINITY
  #written = 0
  #closed = false

  constructor(transport: IpfixTransport, domainId: number, nowMs: () => number = Date.now) {
    this.#transport = transport
    this.#messages = new IpfixMessages(domainId, transport.messageBytesMax)
    this.#nowMs = nowMs
  }

  get written(): number {
    return this.#written
  }

  add(session: Session): void {
    if (!isOpen(session)) this.#held.push(session)
  }

  /** Writes when there is enough. @throws AppError OUTPUT_FAILED */
  async ready(): Promise<void> {
    if (this.#held.length >= HELD_MAX) await this.flush()
  }

  async flush(): Promise<void> {
    const nowMs = this.#nowMs()
    const isDue = this.#transport.isLossy && nowMs - this.#templatesMs >= TEMPLATES_EVERY_MS
    if (isDue || this.#templatesMs === Number.NEGATIVE_INFINITY) {
      await this.#transport.write(this.#messages.templates(nowMs))
      this.#templatesMs = nowMs
    }
    const sessions = this.#held
    this.#held = []
    for (const message of this.#messages.records(sessions, nowMs))
      await this.#transport.write(message)
    this.#written += sessions.length
  }

  /** Once; what is held and not flushed is left. @throws AppError OUTPUT_FAILED */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#transport.close()
  }
}
