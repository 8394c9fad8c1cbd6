/** The outcomes of an attempt, and the wait before the next one. */
import { printable } from '../../base/printable.js'
import { retryAfterMs } from '../../base/retry-after.js'

export const ANSWER_SHOWN = 300
/** The longest wait that a receiver may ask for. A longer Retry-After is cut to it. */
export const RETRY_AFTER_MS_MAX = 3600e3
const BACKOFF_MS_MIN = 1000
const BACKOFF_MS_MAX = 300e3
const TROUBLE_MS = 5000
export const PROBE_MS = 3600e3
/** No destination waits longer for its next attempt. */
export const WAIT_MS_MAX = Math.max(RETRY_AFTER_MS_MAX, PROBE_MS)

export type Outcome =
  | {
      readonly kind: 'delivered'
      readonly status: number | null
      /** Events that the receiver rejected without naming them. They must not be sent again. */
      readonly rejected?: { readonly events: number; readonly text: string }
      /** The receiver asks to slow down: milliseconds before the next attempt. */
      readonly afterMs?: number
    }
  /** Send the same batch again later. */
  | {
      readonly kind: 'later'
      readonly status: number | null
      readonly text: string
      readonly afterMs?: number
    }
  /** Someone must change the settings or the receiver. Until then there is one attempt an hour. */
  | { readonly kind: 'blocked'; readonly status: number | null; readonly text: string }
  /** Nothing was taken: an event is bad, or there are too many. `at`: the bad event, if the answer names it. */
  | {
      readonly kind: 'refused'
      readonly status: number | null
      readonly text: string
      readonly at?: number
    }
  /** All events were taken except these, which are in the order of the batch. */
  | {
      readonly kind: 'partly'
      readonly status: number | null
      readonly refused: readonly Refused[]
    }

/** The outcome of a single event, or of a batch after its refused events became dead letters. */
export type Settled = Exclude<Outcome, { readonly kind: 'partly' }>

export interface Refused {
  readonly at: number
  readonly status: number
  readonly text: string
}

const LATER = new Set([408, 425, 429])
const REFUSED = new Set([400, 413, 422])

export interface HttpAnswer {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | undefined
}

/** For kinds that read more of the answer than its status. */
export interface WholeAnswer extends HttpAnswer {
  readonly bytes: Buffer
  /** False if the answer was cut at the limit. */
  readonly isWhole: boolean
}

export function outcomeOf({ status, text: body, retryAfter }: HttpAnswer, nowMs: number): Outcome {
  if (status >= 200 && status < 300) return { kind: 'delivered', status }
  const text = shown(body)
  if (LATER.has(status) || status >= 500) {
    const afterMs = retryAfterMs(retryAfter, nowMs, RETRY_AFTER_MS_MAX)
    return { kind: 'later', status, text, ...(afterMs !== undefined && { afterMs }) }
  }
  if (REFUSED.has(status)) return { kind: 'refused', status, text }
  const redirect = status >= 300 && status < 400 ? 'it redirects, which is not followed' : text
  return { kind: 'blocked', status, text: redirect }
}

/** For a batch of one event: `partly` means that this event was refused. */
export function settled(outcome: Outcome): Settled {
  if (outcome.kind !== 'partly') return outcome
  const [{ status, text }] = outcome.refused as [Refused]
  return { kind: 'refused', status, text }
}

export function shown(text: string): string {
  return printable(text.trim(), 4 * ANSWER_SHOWN).slice(0, ANSWER_SHOWN)
}

/** Full jitter, because receivers that failed together must not all be tried at the same moment. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures, 20))
}

/**
 * The wait after a fault of this server: a full disk, a busy store. If faults end attempts again and again (`broken` in a
 * row), it grows, because each repetition sends events again.
 */
export function troubleMs(broken: number, random?: () => number): number {
  return TROUBLE_MS + (broken > 1 ? backoffMs(broken, random) : 0)
}

/**
 * False: it is too early. A time that lies further ahead than the longest wait was noted before the clock was set back,
 * and counts as reached, because nothing would be sent until the clock is there again.
 */
export function isReached(atMs: number, nowMs: number, longestMs: number): boolean {
  return nowMs >= atMs || atMs - nowMs > longestMs
}

export const ATTEMPT_CLASSES = ['2xx', '3xx', '4xx', '5xx', 'network'] as const
export type AttemptClass = (typeof ATTEMPT_CLASSES)[number]

export function classOf({ kind, status }: Outcome): AttemptClass {
  if (status === null) return kind === 'delivered' ? '2xx' : 'network'
  const name = `${Math.floor(status / 100)}xx`
  return (ATTEMPT_CLASSES as readonly string[]).includes(name) ? (name as AttemptClass) : 'network'
}
