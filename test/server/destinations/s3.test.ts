/** Objects, their names and their signature. */
import { createHash } from 'node:crypto'
import { AwsV4Signer } from 'aws4fetch'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { s3 } from '../../../src/server/destinations/kinds/s3.js'
import { type Received, Receiver } from '../../support/receiver.js'

const KEYS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(() => receiver.close())

async function send(settings: object = {}) {
  const url = `http://127.0.0.1:${receiver.port}/`
  const open = s3.open({
    settings: s3.settings.parse({
      ...{ url, bucket: 'logs', accessKeyId: KEYS.accessKeyId, prefix: 'a/b/' },
      ...settings,
    }),
    secrets: { secretAccessKey: KEYS.secretAccessKey },
    guard: { allowPlain: true, allowPrivate: true },
    columns: null,
    version: '1.0.0',
  })
  const sinceMs = Date.UTC(2026, 10, 28, 23, 59, 59)
  const delivery = { id: 'd1.3-9.2', orgId: 'acme', sinceMs, events: ['{"a":1}', '{"a":2}'] }
  const signal = new AbortController().signal
  return open.deliver({ ...delivery, rows: [], signal }).finally(() => open.close())
}

/** Signed again by what it says itself. */
async function signedAgain({ method, path, headers }: Received): Promise<string | null> {
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization!)![1]!.split(';')
  const given = names
    .filter((name) => name !== 'host')
    .map((name) => [name, headers[name] as string])
  const url = `http://${headers.host}${path}`
  const datetime = headers['x-amz-date'] as string
  const more = { method, url, service: 's3', region: 'us-east-1', datetime }
  const signer = new AwsV4Signer({ ...KEYS, ...more, headers: Object.fromEntries(given) })
  return (await signer.sign()).headers.get('authorization')
}

test('the known answer of the AWS documentation (PUT of an object, Signature Version 4)', async () => {
  const signer = new AwsV4Signer({
    method: 'PUT',
    url: 'https://examplebucket.s3.amazonaws.com/test%24file.text',
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    service: 's3',
    region: 'us-east-1',
    datetime: '20130524T000000Z',
    headers: {
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-content-sha256': createHash('sha256').update('Welcome to Amazon S3.').digest('hex'),
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    },
  })
  const { headers } = await signer.sign()
  expect(headers.get('authorization')).toMatch(
    /Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd$/,
  )
})

test('the same bounds are the same object: name, bytes and checksum', async () => {
  expect(await send()).toEqual({ kind: 'delivered', status: 200 })
  await send()
  const [one, two] = receiver.requests as [Received, Received]
  expect(one).toMatchObject({
    method: 'PUT',
    path: '/logs/a/b/session/dt=2026-11-28/acme-d1.3-9.2.ndjson.gz',
    text: '{"a":1}\n{"a":2}\n',
  })
  expect([two.path, two.body]).toEqual([one.path, one.body])
  const digest = createHash('sha256').update(one.body)
  expect(one.headers['x-amz-content-sha256']).toBe(digest.copy().digest('hex'))
  expect(one.headers['x-amz-checksum-sha256']).toBe(digest.digest('base64'))
  expect(one.headers.authorization).toBe(await signedAgain(one))
  expect(one.headers.authorization).toMatch(
    /SignedHeaders=[^,]*x-amz-checksum-sha256;x-amz-content-sha256/,
  )
})

test.each([
  [400, 'blocked'],
  [403, 'blocked'],
  [404, 'blocked'],
  [413, 'blocked'],
  [503, 'later'],
])('%i is %s: no single event is to blame for an object', async (status, kind) => {
  receiver.reply = () => ({ status, text: '<Error/>' })
  expect(await send()).toMatchObject({ kind, status, text: '<Error/>' })
})

test.each([
  { bucket: 'A' },
  { bucket: '../x' },
  { prefix: 'a' },
  { prefix: '/a/' },
  { prefix: '../' },
  { prefix: 'a/../b/' },
  { region: 'a b' },
  { accessKeyId: '' },
])('%j is refused', (change) => {
  const whole = { url: 'https://s3.example.org', bucket: 'logs', accessKeyId: 'k', ...change }
  expect(s3.settings.safeParse(whole).success).toBe(false)
})
