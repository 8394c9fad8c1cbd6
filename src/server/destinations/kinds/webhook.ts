/**
 * `webhook`: POST of NDJSON or of one JSON array, optionally compressed with gzip, signed as in Standard Webhooks 1.0.
 *
 *   webhook-id         the same for a repetition, so that a receiver can recognise it
 *   webhook-timestamp  Unix seconds of this attempt
 *   webhook-signature  `v1,` + base64(HMAC-SHA256(secret, `{id}.{timestamp}.{body}`)). During a change of secrets, one
 *                      signature for each. The body is signed as sent, after gzip.
 */
import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { joined } from '../events.js'
import { eventsSchema } from '../formats/formats.js'
import { HttpSender, postOf } from '../http-send.js'
import type { Delivery, Kind, Opening, Receiver } from '../kind.js'
import { authorizationSecret, caSchema, headersSchema, urlSchema } from '../settings.js'

const settings = z.strictObject({
  url: urlSchema('https', 'http').meta({ description: 'Where to POST.' }),
  format: z.enum(['ndjson', 'array']).default('ndjson'),
  gzip: z.boolean().default(false),
  events: eventsSchema,
  headers: headersSchema,
  ca: caSchema,
})
type Settings = z.output<typeof settings>

const SECRET = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/
/** The secret of a signature. */
export const signingSecret = z
  .string()
  .refine(
    (text) => text.split(' ').length <= 2 && text.split(' ').every(isSecret),
    'expected whsec_ and base64 of 24 to 64 bytes; two with a blank between while it is being changed',
  )

function isSecret(text: string): boolean {
  const bytes = Buffer.from(text.slice(6), 'base64').length
  return SECRET.test(text) && bytes >= 24 && bytes <= 64
}

export const webhook: Kind = {
  name: 'webhook',
  settings,
  secrets: {
    secret: { schema: signingSecret, required: false },
    authorization: authorizationSecret,
  },
  target: ({ url }) => new URL(url as string).origin,
  isEncrypted: ({ url }) => (url as string).startsWith('https:'),
  open: (given) => new Webhook(given),
}

class Webhook implements Receiver {
  readonly #settings: Settings
  readonly #secrets: Opening['secrets']
  readonly #sender: HttpSender

  constructor({ settings: given, secrets, guard }: Opening) {
    this.#settings = given as Settings
    this.#secrets = secrets
    this.#sender = new HttpSender(guard, this.#settings.ca)
  }

  async deliver({ id, events, signal }: Delivery) {
    const { url, format, gzip, headers } = this.#settings
    const isArray = format === 'array'
    const plain = isArray ? Buffer.from(`[${events.join(',')}]`) : joined(events, '\n', '\n')
    const { secret, authorization } = this.#secrets
    const request = await postOf(new URL(url), plain, {
      gzip,
      headers: {
        ...headers,
        'content-type': isArray ? 'application/json' : 'application/x-ndjson',
        ...(authorization !== undefined && { authorization }),
      },
    })
    const signature = signed(id, Math.floor(Date.now() / 1e3), request.body, secret)
    return this.#sender.send({ ...request, headers: { ...request.headers, ...signature } }, signal)
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}

export function signed(
  id: string,
  timestamp: number,
  body: Buffer,
  secret: string | undefined,
): Record<string, string> {
  const head = { 'webhook-id': id, 'webhook-timestamp': String(timestamp) }
  if (secret === undefined) return head
  const signatures = secret.split(' ').map((one) => {
    const hmac = createHmac('sha256', Buffer.from(one.slice('whsec_'.length), 'base64'))
    return `v1,${hmac.update(`${id}.${timestamp}.`).update(body).digest('base64')}`
  })
  return { ...head, 'webhook-signature': signatures.join(' ') }
}
