/** A receiver that repeats a secret in another form. */
import { expect, test } from 'vitest'
import type { Delivery, Receiver } from '../../../src/server/destinations/kind.js'
import { shown } from '../../../src/server/destinations/outcome.js'
import { redacting } from '../../../src/server/destinations/redacting.js'

const TOKEN = 'p"ss/w\\rd+<hush>&hush=0123'
const SECRET = `Bearer ${TOKEN}`

async function said(answer: string, ...secrets: string[]): Promise<string> {
  const receiver: Receiver = {
    deliver: () => Promise.resolve({ kind: 'blocked', status: 403, text: shown(answer) }),
    close: () => Promise.resolve(),
  }
  const outcome = await redacting(receiver, secrets).deliver({} as Delivery)
  return (outcome as { text: string }).text
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
const entities = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&#62;')
    .replaceAll('"', '&quot;')

test.each([
  ['JSON', `{"got":${JSON.stringify(SECRET)}}`],
  ['JSON with escaped slashes', `{"got":${JSON.stringify(SECRET).replaceAll('/', '\\/')}}`],
  [
    'JSON of code points',
    `{"got":"${[...SECRET].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"}`,
  ],
  ['JSON in JSON', JSON.stringify({ got: JSON.stringify({ key: encodeURIComponent(SECRET) }) })],
  ['an address', `/login?key=${encodeURIComponent(SECRET)}`],
  [
    'an address in small letters',
    encodeURIComponent(SECRET).replace(/%../g, (c) => c.toLowerCase()),
  ],
  ['a form', String(new URLSearchParams({ key: SECRET }))],
  ['HTML', `<p>${entities(SECRET)}</p>`],
  ['base64', `got ${base64(SECRET)}`],
  ['base64 of more', `got ${base64(`x=${SECRET}; y`)}`],
  ['base64 behind other letters', `token${base64(SECRET)}`],
  ['base64url', `got ${Buffer.from(SECRET).toString('base64url')}`],
  ['base64 in an address', `got ${encodeURIComponent(base64(SECRET))}`],
  ['hex', `got ${Buffer.from(SECRET).toString('hex')}`],
])('%s is hidden', async (_, answer) => {
  const text = await said(answer, SECRET)
  expect(text).toContain('***')
  for (const part of ['hush', 'aHVza', '0123', '68757368']) expect(text).not.toContain(part)
})

test('the end of an answer that was cut within it does not show its beginning', async () => {
  const secret = 'hush-hush-hush-0123456789-hush-hush'
  for (const one of [
    base64(secret),
    Buffer.from(secret).toString('hex'),
    `\\u0068${secret.slice(1)}`,
  ]) {
    const text = await said(`${'x '.repeat(140)}${one}`, secret)
    expect(text.endsWith('***')).toBe(true)
  }
})

test('the name and password of Basic are hidden, decoded too', async () => {
  const secret = `Basic ${base64('tunmeter:hush-hush-0123')}`
  expect(await said('no user tunmeter with hush-hush-0123', secret)).toBe(
    'no user tunmeter with ***',
  )
  expect(await said('no tunmeter:hush-hush-0123', secret)).toBe('no ***')
})

test('a signing key is hidden without its prefix, too', async () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  expect(await said('key MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', secret)).toBe('key ***')
})

test.each([
  'a+b is 100%25 &amp; "quoted\\n"',
  'no index [logs-tunmeter.session-default]: 01234567-89ab-cdef',
])('an answer without a secret is shown in its own words: %s', async (answer) => {
  expect(await said(answer, SECRET)).toBe(answer)
})
