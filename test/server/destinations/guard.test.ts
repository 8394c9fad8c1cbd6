/** Where a tenant's destination may not send this server to. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { checkUrl, isPrivate } from '../../../src/server/destinations/guard.js'
import { HttpSender } from '../../../src/server/destinations/http-send.js'
import { SECRETS_FILE, Secrets } from '../../../src/server/destinations/secrets.js'
import { Receiver } from '../../support/receiver.js'

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  networkInterfaces: () => ({
    eth0: [
      { address: '198.41.0.4', family: 'IPv4' },
      { address: '2001:503:ba3e::2:30', family: 'IPv6' },
    ],
  }),
}))

test('public addresses of this machine are none of a receiver', () => {
  expect(isPrivate('198.41.0.4')).toBe(true)
  expect(isPrivate('2001:503:ba3e:0::2:30')).toBe(true)
  expect(isPrivate('198.41.0.5')).toBe(false)
})

const STRICT = { allowPlain: false, allowPrivate: false }
const signal = new AbortController().signal

test.each([
  ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255'],
  ...['192.168.1.1', '169.254.169.254', '100.64.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
  ...['::1', '::', '::ffff:127.0.0.1', '::ffff:808:808', '64:ff9b::7f00:1', 'fe80::1', 'fd00::1'],
  ...['2002:7f00:1::', 'ff02::1', '::127.0.0.1', '::ffff:0:127.0.0.1', '192.88.99.1'],
])('%s is no address of a receiver', (address) => {
  expect(isPrivate(address)).toBe(true)
})

test.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '11.0.0.1', '192.1.0.1'])(
  '%s may be one',
  (address) => {
    expect(isPrivate(address)).toBe(false)
  },
)

test.each([
  ['http://example.com/', /--allow-plain-destinations/],
  ['https://127.0.0.1/', /127\.0\.0\.1 is a private/],
  ['https://2130706433/', /127\.0\.0\.1 is a private/],
  ['https://0x7f.1/', /127\.0\.0\.1 is a private/],
  ['https://[::ffff:10.0.0.1]/', /::ffff:a00:1 is a private/],
  ['https://[::1]:8480/', /::1 is a private/],
])('%s is refused when it is set up', (url, message) => {
  expect(() => checkUrl(new URL(url), STRICT)).toThrow(message)
})

describe('a name that leads into the own network', () => {
  let receiver: Receiver
  beforeEach(async () => {
    receiver = await Receiver.start()
  })
  afterEach(() => receiver.close())

  const send = (
    url: string,
    allowPrivate: boolean,
    onRefused: (host: string, address: string) => void = () => undefined,
  ) => {
    const sender = new HttpSender({ allowPlain: true, allowPrivate, onRefused }, undefined)
    const request = {
      method: 'POST',
      url: new URL(url),
      headers: {},
      body: Buffer.from('x'),
    } as const
    return sender.send(request, signal).finally(() => sender.close())
  }

  test('is refused after it was resolved, and not connected to', async () => {
    const outcome = await send(`http://localhost:${receiver.port}/`, false)
    expect(outcome).toMatchObject({ kind: 'blocked', status: null })
    expect(outcome).toMatchObject({ text: expect.stringMatching(/^localhost has a private/) })
    expect(receiver.requests).toEqual([])
  })

  test('its address is for the operator only, or a tenant could map the network', async () => {
    const told: string[] = []
    const onRefused = (...names: string[]) => told.push(...names)
    const outcome = await send(`http://localhost:${receiver.port}/`, false, onRefused)
    expect(JSON.stringify(outcome)).not.toMatch(/127|::1/)
    expect(told).toEqual(['localhost', expect.stringMatching(/^(127\.0\.0\.1|::1)$/)])
  })

  test('is taken where the operator allows it', async () => {
    const outcome = await send(`http://localhost:${receiver.port}/`, true)
    expect(outcome).toEqual({ kind: 'delivered', status: 200 })
  })

  test('redirects are not followed', async () => {
    receiver.reply = () => ({ status: 307, headers: { location: receiver.url } })
    expect(await send(receiver.url, true)).toMatchObject({ kind: 'blocked', status: 307 })
    expect(receiver.requests.length).toBe(1)
  })

  test('an answer without end is read to a bound', async () => {
    receiver.reply = () => ({ status: 500, text: 'x'.repeat(5_000_000) })
    const outcome = await send(receiver.url, true)
    expect(outcome).toMatchObject({ kind: 'later', status: 500, text: 'x'.repeat(300) })
  })
})

describe('secrets', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tunmeter-secrets-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  test('are sealed with a file that only this user may read, each for its destination', () => {
    const secrets = new Secrets(directory)
    const sealed = secrets.seal('d1', 'hush')
    expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('hush')
    expect(sealed).not.toBe(secrets.seal('d1', 'hush'))
    expect(statSync(join(directory, SECRETS_FILE)).mode & 0o777).toBe(0o600)
    expect(new Secrets(directory).open('d1', sealed)).toBe('hush')
    expect(() => secrets.open('d2', sealed)).toThrow('set them again')
  })

  test('without the file, or with another one, they are lost and it says so', () => {
    const secrets = new Secrets(directory)
    const sealed = secrets.seal('d1', 'hush')
    writeFileSync(join(directory, SECRETS_FILE), `${Buffer.alloc(32).toString('base64')}\n`)
    expect(() => secrets.open('d1', sealed)).toThrow('set them again')
    rmSync(join(directory, SECRETS_FILE))
    expect(() => secrets.open('d1', sealed)).toThrow('set them again')
  })
})
