import { gunzipSync } from 'node:zlib'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { signed, webhook } from '../../../src/server/destinations/kinds/webhook.js'
import { Receiver } from '../../support/receiver.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OTHER = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(() => receiver.close())

async function send(settings: object, secrets: Record<string, string>): Promise<void> {
  const open = webhook.open({
    settings: webhook.settings.parse({ url: receiver.url, ...settings }),
    secrets,
    guard: { allowPlain: true, allowPrivate: true },
    columns: null,
    version: '1.0.0',
  })
  const events = ['{"a":1}', '{"a":"ü"}']
  const delivery = { id: 'd1.0-1.1', orgId: 'acme', sinceMs: 0, events, rows: [] }
  const outcome = await open.deliver({ ...delivery, signal: new AbortController().signal })
  expect(outcome).toEqual({ kind: 'delivered', status: 200 })
  await open.close()
}

test('the known answer of the standard', () => {
  const body = Buffer.from('{"test": 2432232314}')
  const headers = signed('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, body, SECRET)
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('the standard’s own library takes it, with both secrets while one is being changed', async () => {
  await send({ format: 'array' }, { secret: `${SECRET} ${OTHER}` })
  const [{ text, headers }] = receiver.requests as [(typeof receiver.requests)[0]]
  for (const secret of [SECRET, OTHER])
    expect(new Webhook(secret).verify(text, headers as Record<string, string>)).toEqual([
      { a: 1 },
      { a: 'ü' },
    ])
  expect(() => new Webhook(SECRET).verify(`${text} `, headers as Record<string, string>)).toThrow()
  expect(headers['content-type']).toBe('application/json')
})

test('NDJSON, packed: what is signed is what is on the wire', async () => {
  await send(
    { gzip: true, headers: { 'X-Tenant': 'a' } },
    { secret: SECRET, authorization: 'Bearer t' },
  )
  const [{ body, headers }] = receiver.requests as [(typeof receiver.requests)[0]]
  expect(gunzipSync(body).toString()).toBe('{"a":1}\n{"a":"ü"}\n')
  const id = headers['webhook-id'] as string
  const timestamp = Number(headers['webhook-timestamp'])
  expect(headers['webhook-signature']).toBe(
    signed(id, timestamp, body, SECRET)['webhook-signature'],
  )
  expect(headers).toMatchObject({
    'content-type': 'application/x-ndjson',
    'content-encoding': 'gzip',
    authorization: 'Bearer t',
    'x-tenant': 'a',
    'webhook-id': 'd1.0-1.1',
  })
})

test.each([
  ['ftp://example.com/'],
  ['https://user:pass@example.com/'],
  ['https://example.com/#x'],
  ['example.com'],
])('%s is no address to POST to', (url) => {
  expect(webhook.settings.safeParse({ url }).success).toBe(false)
})

test.each(['webhook-id', 'Host', 'authorization', 'Content-Type', 'a b', 'x:y'])(
  'the header %s is not one’s own',
  (name) => {
    const given = { url: 'https://example.com/', headers: { [name]: 'x' } }
    expect(webhook.settings.safeParse(given).success).toBe(false)
  },
)

test.each(['whsec_', 'whsec_c2hvcnQ=', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', `${OTHER}  ${OTHER}`])(
  '%s is no secret',
  (secret) => {
    expect(webhook.secrets.secret!.schema.safeParse(secret).success).toBe(false)
  },
)
