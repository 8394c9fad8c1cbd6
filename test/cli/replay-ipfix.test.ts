/** `tunmeter replay --ipfix`: the same messages in a file, by TCP, by TLS and by UDP. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createServer as createTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { Authority, canMakeCertificates } from '../support/certificates.js'
import { ROOT } from '../support/process.js'
import { run } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const CAPTURE = `${ROOT}fixtures/demo/site.pcap`
const SAID = '192 sessions sent as IPFIX to'
const replay = (...args: string[]) => run(['replay', CAPTURE, ...args])

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Whole messages, and how many records each of them says that it has. */
function messages(bytes: Buffer): { sets: number[]; sequence: number; domain: number }[] {
  const found = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2)
    expect(bytes.readUInt16BE(at)).toBe(10)
    const sets = []
    for (let set = at + 16; set < at + length; set += bytes.readUInt16BE(set + 2))
      sets.push(bytes.readUInt16BE(set))
    found.push({ sets, sequence: bytes.readUInt32BE(at + 8), domain: bytes.readUInt32BE(at + 12) })
    at += length
  }
  return found
}

/** What differs from run to run: the time of export. */
function timeless(bytes: Buffer): string {
  const copy = Buffer.from(bytes)
  for (let at = 0; at < copy.length; at += copy.readUInt16BE(at + 2)) copy.writeUInt32BE(0, at + 4)
  return copy.toString('hex')
}

async function asFile(): Promise<Buffer> {
  const path = join(temporaryDirectory(), 'site.ipfix')
  const { code, stdout, stderr } = await replay('--ipfix', path, '--ipfix-domain', '7')
  expect([code, stdout, stderr]).toEqual([0, '', `${SAID} ${path}\n`])
  return readFileSync(path)
}

test('a file holds templates first, then every ended session', async () => {
  const found = messages(await asFile())
  expect(found[0]).toEqual({ sets: [2], sequence: 0, domain: 7 })
  expect(new Set(found.slice(1).flatMap(({ sets }) => sets))).toEqual(new Set([256, 257]))
})

test.skipIf(!canMakeCertificates)('TCP and TLS carry the same messages', async () => {
  const file = timeless(await asFile())
  const authority = new Authority()
  const folder = temporaryDirectory()
  writeFileSync(join(folder, 'ca.pem'), authority.cert)
  const got: Buffer[] = []
  const take = (socket: NodeJS.ReadableStream) => void socket.on('data', (b: Buffer) => got.push(b))
  const tcp = await listen(createServer(take))
  const tls = await listen(createTls({ ...authority.issue('collector') }, take))
  const ca = ['--ipfix-ca-file', join(folder, 'ca.pem'), '--ipfix-domain', '7']
  for (const place of [`tcp://127.0.0.1:${tcp}`, `tls://127.0.0.1:${tls}`]) {
    got.length = 0
    const { code, stderr } = await replay('--ipfix', place, ...ca)
    expect([code, stderr]).toEqual([0, `${SAID} ${place}\n`])
    expect(timeless(Buffer.concat(got))).toBe(file)
  }
  const { code, stderr } = await replay('--ipfix', `tls://127.0.0.1:${tls}`)
  expect(code).toBe(1)
  expect(stderr).toMatch(/the collector 127\.0\.0\.1:\d+: .*certificate/)
})

test('UDP sends messages that no network takes apart', async () => {
  const socket = createSocket('udp4')
  onTestFinished(() => void socket.close())
  const got: Buffer[] = []
  socket.on('message', (message) => got.push(message))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { code } = await replay('--ipfix', `127.0.0.1:${socket.address().port}`)
  expect(code).toBe(0)
  // Sent, and not all of it read here yet.
  await until(() => got.length > 192 / 14)
  expect(got.every((message) => message.length <= 1400)).toBe(true)
  expect(messages(got[0]!)[0]!.sets).toEqual([2])
})

test('a failure elsewhere ends it, with a collector that never ends its side', async () => {
  const port = await listen(createServer({ allowHalfOpen: true }, (socket) => void socket.resume()))
  const args = ['--ipfix', `tcp://127.0.0.1:${port}`, '--format', 'ndjson', '--output']
  const { code, stderr } = await replay(...args, '/dev/full')
  expect(stderr).toContain('cannot write /dev/full: ENOSPC')
  expect(code).toBe(1)
})

test.each([
  [['--ipfix', 'tcp://127.0.0.1:1'], 1, 'the collector 127.0.0.1:1: connect ECONNREFUSED'],
  [['--ipfix', 'http://x:80'], 2, 'expected udp://HOST:PORT'],
  [['--ipfix', '/nowhere/x.ipfix'], 1, 'cannot write /nowhere/x.ipfix'],
  [['--ipfix', CAPTURE], 2, 'would be emptied'],
])('%j is refused', async (args, exitCode, says) => {
  const { code, stderr } = await replay(...args)
  expect(stderr).toContain(says)
  expect(code).toBe(exitCode)
})
