/**
 * Makes sessions from Newt's log lines. An END line has all facts of its session. A START line without an END is kept,
 * because Newt may be killed: when Newt starts again, its open sessions end at the latest time seen in the log.
 *
 * Bound: OPEN_MAX sessions without an end. One more makes it forget and count the oldest.
 */
import { isoTimeUs } from '../../session/bounds.js'
import { type AccessEnd, type AccessStart, readLine } from './access-line.js'

const OPEN_MAX = 100_000

export type EndedSession = Omit<AccessEnd, 'kind'>

export interface LineCounters {
  readonly lines: number
  /** ACCESS lines that could not be read. */
  readonly bad: number
  /** Sessions without an END when Newt started again. */
  readonly cutOff: number
  readonly forgotten: number
  readonly open: number
}

export class AccessSessions {
  readonly #openMax: number
  readonly #onBad: (why: string) => void
  readonly #open = new Map<string, AccessStart>()
  /** The latest time in the log, as written there. */
  #latest = ''
  #latestUs = Number.NEGATIVE_INFINITY
  #lines = 0
  #bad = 0
  #cutOff = 0
  #forgotten = 0

  constructor(onBad: (why: string) => void, openMax = OPEN_MAX) {
    this.#onBad = onBad
    this.#openMax = openMax
  }

  /** The sessions that end with this line. */
  take(text: string): EndedSession[] {
    this.#lines++
    const line = readLine(text)
    switch (line.kind) {
      case 'start':
        this.#sawTime(line.startedAt)
        this.#open.set(line.sessionId, line)
        if (this.#open.size > this.#openMax) this.#forgetOldest()
        return []
      case 'end': {
        this.#sawTime(line.endedAt)
        this.#open.delete(line.sessionId)
        const { kind: _, ...ended } = line
        return [ended]
      }
      case 'boot':
        return this.#cut()
      case 'bad':
        this.#bad++
        this.#onBad(line.why)
        return []
      case 'other':
        return []
    }
  }

  counters(): LineCounters {
    return {
      lines: this.#lines,
      bad: this.#bad,
      cutOff: this.#cutOff,
      forgotten: this.#forgotten,
      open: this.#open.size,
    }
  }

  #sawTime(text: string): void {
    const us = isoTimeUs(text)!
    if (us < this.#latestUs) return
    this.#latest = text
    this.#latestUs = us
  }

  #cut(): EndedSession[] {
    const open = [...this.#open.values()]
    this.#open.clear()
    this.#cutOff += open.length
    return open.map(({ kind: _, ...started }) => ({
      ...started,
      endedAt: this.#latest,
      endReason: 'forcedEnd' as const,
    }))
  }

  #forgetOldest(): void {
    this.#open.delete(this.#open.keys().next().value!)
    this.#forgotten++
  }
}
