/**
 * Interprets the answer to a batch. Only a receipt in the body that names the batch's number confirms the batch; after
 * any other answer the batch stays in the spool.
 *
 *   200 with the receipt of this number  stored
 *   413                                  tooLarge: sent again in halves
 *   400 405 406 410 411 415 422 431      refused, if the envelope is a tunmeter server's: quarantined
 *   409 batchConflict                    conflict: sent again under a new spoolId
 *   401 403 404                          denied: the key or the address is wrong; retried, as an operator can mend it
 *   408 425 429 5xx, redirects, garbage  away: retried, at the earliest after Retry-After
 */
import { z } from 'zod'
import { printable } from '../../base/printable.js'
import { retryAfterMs } from '../../base/retry-after.js'
import { BATCH_SESSIONS_MAX, type BatchReceipt } from '../../session/batch.js'
import { BATCH_PEER_EVENTS_MAX } from '../../session/peer-event.js'

export type Verdict =
  | { readonly kind: 'stored'; readonly receipt: BatchReceipt }
  | { readonly kind: 'conflict'; readonly message: string }
  | { readonly kind: 'tooLarge'; readonly message: string }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'denied'; readonly status: number; readonly message: string }
  | { readonly kind: 'away'; readonly message: string; readonly retryAfterMs: number }

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

/** The longest wait that Retry-After can ask for. */
export const RETRY_AFTER_MAX_MS = 300_000

/** Made printable, because it goes to the log, to the operator and into the spool. */
const message = z.string().transform((text) => printable(text))

const receiptSchema = z.object({
  batch: z.int(),
  stored: z.int().min(0).max(BATCH_SESSIONS_MAX),
  refused: z
    .array(z.object({ index: z.int().min(0), sessionId: z.string().nullable(), reason: message }))
    .max(BATCH_SESSIONS_MAX)
    .refine((all) => new Set(all.map((one) => one.index)).size === all.length),
  repeated: z.boolean(),
  peerEvents: z.int().min(0).max(BATCH_PEER_EVENTS_MAX).exactOptional(),
  notice: message.exactOptional(),
})

const envelopeSchema = z.object({
  data: z.unknown(),
  success: z.boolean(),
  error: z.boolean().optional(),
  message: message.optional(),
  code: z.string().optional(),
})
export type Envelope = z.infer<typeof envelopeSchema>

/** Null when the text is no envelope of a tunmeter server: a proxy's page, half an answer. */
export function parseEnvelope(text: string): Envelope | null {
  try {
    const parsed = envelopeSchema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

const REFUSED = new Set([400, 405, 406, 410, 411, 415, 422, 431])
const DENIED = new Set([401, 403, 404])

export function judge(answer: Answer, batch: number, nowMs: number): Verdict {
  const { status } = answer
  const envelope = parseEnvelope(answer.text)
  const said = `HTTP ${status}${envelope?.message === undefined ? '' : `: ${envelope.message}`}`
  if (status === 200) return judgeReceipt(envelope, batch)
  if (status === 413) return { kind: 'tooLarge', message: said }
  if (status === 409 && envelope?.success === false && envelope.code === 'batchConflict')
    return { kind: 'conflict', message: said }
  if (DENIED.has(status)) return { kind: 'denied', status, message: said }
  if (REFUSED.has(status) && envelope?.success === false) {
    return { kind: 'refused', status, message: said }
  }
  const retryAfterMs = parseRetryAfter(answer.retryAfter, nowMs)
  return { kind: 'away', message: said, retryAfterMs }
}

function judgeReceipt(envelope: Envelope | null, batch: number): Verdict {
  const receipt = receiptSchema.safeParse(envelope?.data)
  if (envelope?.success === true && receipt.success && receipt.data.batch === batch) {
    return { kind: 'stored', receipt: receipt.data }
  }
  const message = 'HTTP 200, but not with the receipt of the batch: is this a tunmeter server?'
  return { kind: 'away', message, retryAfterMs: 0 }
}

/** Milliseconds to wait, at most RETRY_AFTER_MAX_MS; 0 when the answer asks for no wait. */
export function parseRetryAfter(text: string | undefined, nowMs: number): number {
  return retryAfterMs(text, nowMs, RETRY_AFTER_MAX_MS) ?? 0
}
