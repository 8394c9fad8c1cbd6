/** `tunmeter export --ipfix` against a real server, and against one that breaks off. */
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { messagesIn, recordOf } from '../../src/meter/ipfix/encode.js'
import { batch, session } from '../support/batches.js'
import { runHere } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'

const SESSIONS = Array.from({ length: 1_500 }, (_, i) =>
  session(i + 1, i % 5 === 0 ? { endReason: 'activeTimeout' } : {}),
)
const ENDED = SESSIONS.filter(({ endReason }) => endReason !== 'activeTimeout')

let server: TestServer
let admin: string
beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, batch(1, SESSIONS))
})
afterAll(() => server.stop())

const exported = (url: string, ...args: string[]) =>
  runHere(['export', '--server', url, '--org', 'acme', '--key', admin, ...args]).finished

/** Their bytes, in the order of the bytes: the order of an export is not promised. */
function recordsIn(file: Buffer): string[] {
  const { bytes } = recordOf(SESSIONS[0]!)
  const found: string[] = []
  for (const message of messagesIn(file)) {
    expect(message.readUInt16BE(16)).toBe(found.length === 0 && message.length < 300 ? 2 : 256)
    if (message.readUInt16BE(16) === 2) continue
    for (let at = 20; at < message.length; at += bytes.length)
      found.push(message.subarray(at, at + bytes.length).toString('hex'))
  }
  return found.sort()
}

test('every ended session is a record, with what the meter would have sent; open ones are named', async () => {
  const file = join(temporaryDirectory(), 'week.ipfix')
  const { code, stderr } = await exported(server.url, '--ipfix', file)
  expect([code, stderr]).toEqual([
    0,
    `1,200 sessions of acme sent as IPFIX to ${file} (1,500 counted; open sessions are not sent)\n`,
  ])
  const want = ENDED.map((one) => recordOf(one).bytes.toString('hex')).sort()
  expect(recordsIn(readFileSync(file))).toEqual(want)
})

test('sessions of access logs have no counts: they are left out and named, and the others are sent', async () => {
  const newt = await server.key({ scope: 'admin', org: 'newt', retentionDays: 30 })
  const at = (ms: number) => new Date(Date.now() - ms).toISOString()
  const logged = {
    ...{ sessionId: '0a1b2c3d4e5f6071', resourceId: 7, protocol: 'tcp' },
    ...{ sourceAddr: '100.90.128.2:51000', destAddr: '10.0.0.5:22' },
    ...{ startedAt: at(60e3), endedAt: at(30e3) },
  }
  const compressed = deflateSync(JSON.stringify([logged])).toString('base64')
  const base = '/api/v1/org/newt/site/1'
  expect(
    (await server.request('POST', `${base}/access-log`, newt, { compressed })).body.data.stored,
  ).toBe(1)
  await server.request('POST', `${base}/sessions`, newt, batch(1, SESSIONS.slice(1, 5)))
  const file = join(temporaryDirectory(), 'newt.ipfix')
  const args = ['export', '--server', server.url, '--org', 'newt', '--key', newt, '--ipfix', file]
  const { code, stderr } = await runHere(args).finished
  expect([code, stderr]).toEqual([
    0,
    `4 sessions of newt sent as IPFIX to ${file} (5 counted; open sessions are not sent, nor 1 of access logs)\n`,
  ])
  expect(recordsIn(readFileSync(file))).toHaveLength(4)
})

test.each([
  [['--output', 'x.csv'], /leave out --output/],
  [['--format', 'csv'], /leave out --format/],
])('%s beside it is refused: IPFIX has its own', async (args, message) => {
  const { code, stderr } = await exported(server.url, '--ipfix', 'x.ipfix', ...args)
  expect(code).toBe(2)
  expect(stderr).toMatch(message)
})

const ROW = JSON.stringify({
  ...session(1),
  startTime: '2026-11-20T00:00:00.000000Z',
  endTime: '2026-11-20T00:00:01.000000Z',
  sourceAddr: '10.8.0.2:1',
  destAddr: '10.8.0.3:2',
})

test.each([
  ['breaks off', `${ROW}\n`, true, /the export broke off/],
  ['ends in half a row', `${ROW}\n${ROW.slice(0, 50)}`, false, /the server sent half a row/],
  ['sends something else', '<html>\n', false, /the server sent a row that is not a JSON object/],
  ['sends null', 'null\n', false, /the server sent a row that is not a JSON object/],
  [
    'sends no counts',
    `${ROW.replace('"bytesTx":1001', '"bytesTx":null')}\n`,
    false,
    /the server sent a row without times, addresses or counts/,
  ],
])('a server that %s leaves no file', async (_, body, cuts, message) => {
  const fake = createServer((request, response) => {
    if (request.url?.includes('/export') !== true) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ data: { log: [], pagination: { total: 2 } } }))
    } else if (cuts) {
      response.write(body, () => response.destroy())
    } else {
      response.end(body)
    }
  })
  fake.listen(0, '127.0.0.1')
  await once(fake, 'listening')
  onTestFinished(() => void fake.close())
  const folder = temporaryDirectory()
  const file = join(folder, 'week.ipfix')
  const url = `http://127.0.0.1:${(fake.address() as AddressInfo).port}`
  const { code, stderr } = await exported(url, '--ipfix', file)
  expect(code, stderr).not.toBe(0)
  expect(stderr).toMatch(message)
  expect(existsSync(file)).toBe(false)
  expect(readdirSync(folder)).toEqual([])
})
