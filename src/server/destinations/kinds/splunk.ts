/**
 * `splunk`: the HTTP Event Collector, `POST /services/collector/event`. The body is a sequence of JSON objects, not an
 * array.
 *
 * An answer has a `code`. Codes 6, 12, 13 and 15 blame one event and give its number. The codes in BAD_SETTINGS blame
 * the token or its settings. Codes 24 and 25 accept the events and ask the sender to slow down. With `ack`, a batch is
 * delivered when the indexers have it; without `ack`, when the collector has it.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { joined } from '../events.js'
import { cimWriter } from '../formats/cim.js'
import { cimPeers } from '../formats/peers.js'
import { ATTEMPT_MS_MAX, HttpSender, postOf } from '../http-send.js'
import type { Delivery, Kind, Opening, Receiver } from '../kind.js'
import { type Outcome, outcomeOf, shown, type WholeAnswer } from '../outcome.js'
import { caSchema, headersSchema, urlSchema } from '../settings.js'

const COLLECTOR = '/services/collector'
const ACK_POLL_MS = 500
const SLOW_DOWN_MS = 10_000
/** Invalid data format, event field required, event field blank, indexed fields. */
const BAD_EVENT = new Set([6, 12, 13, 15])
const SLOW_DOWN = new Set([24, 25])
/** No data; incorrect index; channel missing or invalid; ack disabled; no authorization in the query. */
const BAD_SETTINGS = new Set([5, 7, 10, 11, 14, 16])

const word = (what: string) => z.string().regex(/^[\x21-\x7e]{1,200}$/, `expected ${what}`)
const settings = z.strictObject({
  url: urlSchema('https', 'http').meta({
    description: `Base address, without ${COLLECTOR}: https://splunk.example.org:8088`,
  }),
  index: word('the name of an index').optional().meta({ description: 'Else that of the token.' }),
  source: word('a source').default('tunmeter'),
  sourcetype: word('a sourcetype').default('tunmeter:session'),
  ack: z.boolean().default(false).meta({
    description: 'Wait for the indexers; the token must have acknowledgement enabled.',
  }),
  gzip: z.boolean().default(true),
  headers: headersSchema,
  ca: caSchema,
})
type Settings = z.output<typeof settings>

export const splunk: Kind = {
  name: 'splunk',
  settings,
  secrets: { token: { schema: word('a token'), required: true } },
  target: ({ url }) => new URL(url as string).origin,
  isEncrypted: ({ url }) => (url as string).startsWith('https:'),
  writer: cimWriter,
  peerWriter: cimPeers,
  open: (given) => new Splunk(given),
}

const answerSchema = z.object({
  code: z.int().optional(),
  text: z.string().default(''),
  'invalid-event-number': z.int().optional(),
  ackId: z.int().min(0).optional(),
})
const acksSchema = z.object({ acks: z.record(z.string(), z.boolean()) })

class Splunk implements Receiver {
  readonly #settings: Settings
  readonly #sender: HttpSender
  readonly #headers: Record<string, string>
  readonly #channel = randomUUID()
  readonly #showsMeter: boolean

  constructor({ settings: given, secrets, guard, columns }: Opening) {
    this.#settings = given as Settings
    this.#sender = new HttpSender(guard, this.#settings.ca)
    this.#showsMeter = columns === null || columns.includes('meterId')
    this.#headers = {
      ...this.#settings.headers,
      'content-type': 'application/json',
      ...(this.#settings.ack && { 'x-splunk-request-channel': this.#channel }),
      authorization: `Splunk ${secrets.token}`,
    }
  }

  async deliver({ events, rows, signal }: Delivery): Promise<Outcome> {
    const { index, source, sourcetype, gzip, ack } = this.#settings
    const common = JSON.stringify({ source, sourcetype, ...(index !== undefined && { index }) })
    const texts = events.map((event, i) => {
      const { endTimeUs, meterId } = rows[i]!
      const host = JSON.stringify(this.#showsMeter ? meterId : 'tunmeter')
      return `{"time":${seconds(endTimeUs)},"host":${host},${common.slice(1, -1)},"event":${event}}`
    })
    const plain = joined(texts, '\n')
    const request = await postOf(this.#url('/event'), plain, { gzip, headers: this.#headers })
    let ackId: number | undefined
    const outcome = await this.#sender.send(request, signal, (answer) => {
      const said = parsed(answer.text, answerSchema)
      ackId = said?.ackId
      return outcomeOfCode(answer, said)
    })
    if (outcome.kind !== 'delivered' || !ack) return outcome
    if (ackId !== undefined) return this.#acknowledged(ackId, outcome, signal)
    const text = 'the answer has no ackId: acknowledgement is not enabled for this token'
    return { kind: 'blocked', status: outcome.status, text }
  }

  #url(path: string): URL {
    const url = new URL(this.#settings.url)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}${COLLECTOR}${path}`
    return url
  }

  /** Waits for the indexers. If they do not acknowledge in time, the batch is sent again. */
  async #acknowledged(ackId: number, taken: Outcome, stopping: AbortSignal): Promise<Outcome> {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(ATTEMPT_MS_MAX)])
    const url = this.#url('/ack')
    url.searchParams.set('channel', this.#channel)
    const body = Buffer.from(JSON.stringify({ acks: [ackId] }))
    const text = 'the indexers have not acknowledged it'
    for (;;) {
      let isIn = false
      const request = await postOf(url, body, { gzip: false, headers: this.#headers })
      const outcome = await this.#sender.send(request, signal, (answer) => {
        isIn = parsed(answer.text, acksSchema)?.acks[ackId] === true
        return outcomeOf(answer, Date.now())
      })
      if (signal.aborted) return { kind: 'later', status: null, text }
      if (outcome.kind !== 'delivered') return outcome
      if (isIn) return taken
      await sleep(ACK_POLL_MS, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return { kind: 'later', status: null, text }
    }
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}

/** Writes the decimal digits itself, to the millisecond, because a floating-point number could round the time. */
export function seconds(us: number): string {
  const ms = Math.floor(us / 1e3)
  return `${Math.floor(ms / 1e3)}.${String(ms % 1e3).padStart(3, '0')}`
}

function parsed<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function outcomeOfCode(
  answer: WholeAnswer,
  said: z.output<typeof answerSchema> | undefined,
): Outcome {
  const { status } = answer
  const outcome = outcomeOf(answer, Date.now())
  const code = said?.code
  if (code === undefined) {
    // Something else answers, such as a proxy, and nothing was taken.
    const text = `the answer is not one of an HTTP Event Collector: ${shown(answer.text)}`
    return outcome.kind === 'delivered' ? { kind: 'blocked', status, text } : outcome
  }
  const text = shown(`code ${code}: ${said!.text}`)
  if (outcome.kind === 'delivered')
    return SLOW_DOWN.has(code) ? { ...outcome, afterMs: SLOW_DOWN_MS } : outcome
  if (status !== 400) return { ...outcome, text } as Outcome
  if (BAD_SETTINGS.has(code)) return { kind: 'blocked', status, text }
  const at = BAD_EVENT.has(code) ? said!['invalid-event-number'] : undefined
  return { kind: 'refused', status, text, ...(at !== undefined && { at }) }
}
