/** A receiver's answer may repeat a secret. This removes secrets before the answer is stored or shown. */
import type { Receiver } from './kind.js'
import { ANSWER_SHOWN, type Outcome } from './outcome.js'

/** Shorter words are left, because they may occur in any text. */
const WORD_MIN = 8
/** An answer that was cut within a secret may show this many of its first characters. */
const BEGINNING_MAX = 3
const HIDDEN = '***'

export function redacting(receiver: Receiver, secrets: readonly string[]): Receiver {
  const words = secrets
    // `NAME: value` needs no blank, so what follows the colon is hidden by itself, too.
    .flatMap((secret) => [secret, ...secret.split(/\s+/), ...secret.split(/:\s*/).slice(1)])
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
