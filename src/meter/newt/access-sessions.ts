/**
 * Sessions of Newt's lines. An END says everything of its session. A START without one is kept, for the case that Newt
 * was killed: when the next Newt starts, what was open has ended, at the latest time that the log knew before.
 *
 * Limit: OPEN_MAX sessions without an end; beyond it the oldest is forgotten and counted.
 */
import { isoTimeUs } from '../../session/bounds.js'
import { type AccessEnd, type AccessStart, readLine } from './access-line.js'

const OPEN_MAX = 100_000

export type EndedSession = Omit<AccessEnd, 'kind'>

export interface LineCounters {
  readonly lines: number
  /** Lines of access that could not be read. */
  readonly bad: number
  /** Sessions that were cut off by the end of their Newt. */
  readonly cutOff: number
  readonly forgotten: number
  readonly open: number
}

export class AccessSessions {
  readonly #openMax: number
  readonly #onBad: (why: string) => void
  readonly #open = new Map<string, AccessStart>()
  /** The latest time in the log, as it is written there. */
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

  /** What has ended with this line. */
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
