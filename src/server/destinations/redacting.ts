/** A receiver's answer may repeat what it was sent. What is kept and shown of it has no secret. */
import type { Receiver } from './kind.js'
import { ANSWER_SHOWN, type Outcome } from './outcome.js'

/** Shorter words may be part of any text. */
const WORD_MIN = 8
/** So much of the beginning of a secret may stand where an answer was cut. */
const BEGINNING_MAX = 3
const HIDDEN = '***'

export function redacting(receiver: Receiver, secrets: readonly string[]): Receiver {
  const words = secrets
    .flatMap((secret) => [secret, ...secret.split(/\s+/)])
    .filter((word) => word.length >= WORD_MIN)
  const hide = (text: string) => hidden(text, words)
  return {
    deliver: async (delivery) => redacted(await receiver.deliver(delivery), hide),
    close: () => receiver.close(),
  }
}

function redacted(outcome: Outcome, hide: (text: string) => string): Outcome {
  if (outcome.kind === 'partly') {
    const refused = outcome.refused.map((one) => ({ ...one, text: hide(one.text) }))
    return { ...outcome, refused }
  }
  if (outcome.kind !== 'delivered') return { ...outcome, text: hide(outcome.text) }
  const { rejected } = outcome
  return rejected === undefined
    ? outcome
    : { ...outcome, rejected: { ...rejected, text: hide(rejected.text) } }
}

function hidden(text: string, words: readonly string[]): string {
  let left = text
  for (const word of words) left = left.replaceAll(word, HIDDEN)
  if (text.length < ANSWER_SHOWN) return left
  for (const word of words)
    for (let length = word.length - 1; length > BEGINNING_MAX; length--)
      if (left.endsWith(word.slice(0, length))) return `${left.slice(0, -length)}${HIDDEN}`
  return left
}
