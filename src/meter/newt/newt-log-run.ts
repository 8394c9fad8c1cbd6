/** `tunmeter newt-log`: lines -> ended sessions -> server, in the order of the log. */
import type { CommandContext } from '../../base/context.js'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { humanCount } from '../output/human.js'
import { SayEach } from '../run/say-once.js'
import { openConnection } from '../ship/server-flags.js'
import { AccessLogSender } from './access-log-sender.js'
import { AccessSessions, type EndedSession } from './access-sessions.js'
import { chunksOfFile, chunksOfPipe, LineCutter } from './lines.js'
import type { NewtLogOptions } from './newt-log-options.js'

/** Sessions in one request, at most. If this many wait, the reader waits for their delivery, which bounds the memory. */
const SESSIONS_MAX = 1_000
/** A session waits at most this long for its request to fill. */
const AGE_MS = 1_000

export class NewtLogRun {
  readonly #file: string
  readonly #options: NewtLogOptions
  readonly #context: CommandContext
  readonly #said = new SayEach()
  readonly #sessions = new AccessSessions((why) => this.#sayEach(`a line cannot be read: ${why}`))
  readonly #cutter = new LineCutter()
  readonly #reading = new AbortController()
  readonly #sending = new AbortController()
  #sender!: AccessLogSender
  #waiting: EndedSession[] = []
  #timer: NodeJS.Timeout | null = null
  #queue: Promise<void> = Promise.resolve()
  #failure: unknown = null

  constructor(file: string, options: NewtLogOptions, context: CommandContext) {
    this.#file = file
    this.#options = options
    this.#context = context
  }

  async run(): Promise<number> {
    const connection = await openConnection(this.#options)
    this.#sender = new AccessLogSender(connection, {
      onAway: (message) =>
        this.#say(message === null ? 'the server is back' : `${message}; trying again`),
      onRefused: (reason) => this.#sayEach(`the server refuses a session: ${reason}`),
    })
    const release = this.#listenToSignals()
    // Close the connection, because a request to a silent server would otherwise delay the end.
    this.#sending.signal.addEventListener('abort', () => void connection.close())
    try {
      await this.#read()
      await this.#flush()
      if (this.#failure !== null) throw this.#failure
    } finally {
      release()
      if (this.#timer !== null) clearTimeout(this.#timer)
      await connection.close()
      this.#summary()
    }
    return this.#waiting.length > 0 || this.#sender.refused > 0 ? EXIT.failed : EXIT.ok
  }

  /** The first signal ends the reading, not the delivery. A second signal or --drain-timeout ends the delivery, too. */
  #listenToSignals(): () => void {
    const end = (): void => {
      if (this.#reading.signal.aborted) this.#sending.abort()
      this.#reading.abort()
      setTimeout(() => this.#sending.abort(), this.#options.drainTimeout).unref()
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
    return () => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, end)
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#reading
    const { follow } = this.#options
    const chunks =
      this.#file === '-'
        ? chunksOfPipe(this.#context.stdin, signal)
        : chunksOfFile(this.#file, follow, signal, (why) => this.#sayEach(why))
    try {
      for await (const chunk of chunks) {
        const lines = chunk === null ? this.#cutter.end() : this.#cutter.cut(chunk)
        for (const line of lines) await this.#take(line)
        if (this.#failure !== null) return
      }
      for (const line of this.#cutter.end()) await this.#take(line)
    } catch (error) {
      if (error instanceof AppError) throw error
      throw new AppError('FILE_UNREADABLE', `cannot read ${this.#file}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  async #take(line: string): Promise<void> {
    for (const session of this.#sessions.take(line)) this.#waiting.push(session)
    if (this.#waiting.length >= SESSIONS_MAX) await this.#flush()
    else if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => void this.#flush(), AGE_MS)
  }

  /** Resolves when the waiting sessions are delivered or cannot be. Never rejects: an error is kept in #failure. */
  #flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#queue = this.#queue
      .then(() => this.#deliver())
      .catch((error: unknown) => {
        this.#failure ??= error
        this.#reading.abort()
      })
    return this.#queue
  }

  async #deliver(): Promise<void> {
    while (this.#waiting.length > 0 && this.#failure === null) {
      const some = this.#waiting.slice(0, SESSIONS_MAX)
      if (!(await this.#sender.send(some, this.#sending.signal))) return
      this.#waiting.splice(0, some.length)
    }
  }

  #summary(): void {
    const { open, bad, cutOff, forgotten } = this.#sessions.counters()
    const { stored, refused, excluded, site } = this.#sender
    const where = site === null ? '' : ` for site ${site.siteId} of ${site.orgId}`
    const rest: [number, string][] = [
      [refused, 'REFUSED'],
      [excluded, 'left out by the rules of the catalog'],
      [this.#waiting.length, 'NOT delivered: read the log again'],
      [cutOff, 'were cut off by a restart of Newt'],
      [open, 'have not ended in this log'],
      [forgotten, 'without an end were dropped, because too many were open'],
      [bad, 'lines could not be read'],
      [this.#cutter.tooLong, 'lines were too long'],
    ]
    const more = rest.filter(([n]) => n > 0).map(([n, what]) => `; ${humanCount(n)} ${what}`)
    this.#context.stderr.write(`${humanCount(stored)} sessions delivered${where}${more.join('')}\n`)
  }

  #sayEach(text: string): void {
    if (this.#said.isNew(text)) this.#say(text)
  }

  #say(text: string): void {
    this.#context.stderr.write(`tunmeter: ${text}\n`)
  }
}
