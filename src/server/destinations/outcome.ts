/** What an attempt came to, and when the next one is due. */
import { printable } from '../../base/printable.js'
import { retryAfterMs } from '../../base/retry-after.js'

export const ANSWER_SHOWN = 300
/** Of a wait that the receiver asks for: whoever asks for more is asked again after it. */
export const RETRY_AFTER_MS_MAX = 3600e3
const BACKOFF_MS_MIN = 1000
const BACKOFF_MS_MAX = 300e3
export const PROBE_MS = 3600e3

export type Outcome =
  | {
      readonly kind: 'delivered'
      readonly status: number | null
      /** Not accepted, and not to be sent again; which ones is not known. */
      readonly rejected?: { readonly events: number; readonly text: string }
      /** The receiver is near its limits: the next attempt waits so long. */
      readonly afterMs?: number
    }
  /** The same again, later. */
  | {
      readonly kind: 'later'
      readonly status: number | null
      readonly text: string
      readonly afterMs?: number
    }
  /** Somebody has to change something; tried once an hour. */
  | { readonly kind: 'blocked'; readonly status: number | null; readonly text: string }
  /** Nothing was taken. One of these events, or their number, is to blame: that at `at`, where the answer says. */
  | {
      readonly kind: 'refused'
      readonly status: number | null
      readonly text: string
      readonly at?: number
    }
  /** All were taken but these, in their order. */
  | {
      readonly kind: 'partly'
      readonly status: number | null
      readonly refused: readonly Refused[]
    }

/** Of one event, or of what has been set apart. */
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

/** What a kind makes of an answer that says more than its status. */
export interface WholeAnswer extends HttpAnswer {
  readonly bytes: Buffer
  /** False: it is longer than was read. */
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

/** Of one event, which is taken or not. */
export function settled(outcome: Outcome): Settled {
  if (outcome.kind !== 'partly') return outcome
  const [{ status, text }] = outcome.refused as [Refused]
  return { kind: 'refused', status, text }
}

export function shown(text: string): string {
  return printable(text.trim(), 4 * ANSWER_SHOWN).slice(0, ANSWER_SHOWN)
}

/** Full jitter: receivers that were down together are not asked together. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures, 20))
}

/** For counts of attempts. */
export const ATTEMPT_CLASSES = ['2xx', '3xx', '4xx', '5xx', 'network'] as const
export type AttemptClass = (typeof ATTEMPT_CLASSES)[number]

export function classOf({ kind, status }: Outcome): AttemptClass {
  if (status === null) return kind === 'delivered' ? '2xx' : 'network'
  const name = `${Math.floor(status / 100)}xx`
  return (ATTEMPT_CLASSES as readonly string[]).includes(name) ? (name as AttemptClass) : 'network'
}
