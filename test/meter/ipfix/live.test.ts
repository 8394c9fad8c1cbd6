import { once } from 'node:events'
import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { messagesIn, recordsIn, wholeMessageBytes } from '../../../src/meter/ipfix/encode.js'
import { CollectorTarget, IpfixFileTarget, IpfixMessages } from '../../../src/meter/ipfix/live.js'
import { outputPlace } from '../../../src/meter/output/output-place.js'
import { OutputQueue, type OutputTarget } from '../../../src/meter/output/output-queue.js'
import { RotatingFile } from '../../../src/meter/output/rotating-file.js'
import { aSession } from '../../support/sessions.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { until } from '../../support/until.js'

const TEMPLATE_SET = 2
const NEVER = new AbortController().signal

/** A collector that keeps what each connection sent. */
async function aCollector(port = 0) {
  const connections: { socket: Socket; bytes: Buffer }[] = []
  const server = createServer((socket) => {
    const one = { socket, bytes: Buffer.alloc(0) }
    connections.push(one)
    socket.on('data', (chunk) => {
      one.bytes = Buffer.concat([one.bytes, chunk])
    })
    socket.on('error', () => undefined)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const { socket } of connections) socket.destroy()
  })
  const { port: own } = server.address() as AddressInfo
  const close = () => new Promise((resolve) => server.close(resolve))
  return { connections, port: own, close }
}

const facts = (bytes: Buffer) =>
  [...messagesIn(bytes)].map((message) => ({
    set: message.readUInt16BE(16),
    sequence: message.readUInt32BE(8),
    domain: message.readUInt32BE(12),
    records: recordsIn(message),
  }))

const recordsOf = (bytes: Buffer) => facts(bytes).reduce((sum, one) => sum + one.records, 0)

function aQueue(target: OutputTarget) {
  const said: (string | null)[] = []
  const queue = new OutputQueue({
    format: new IpfixMessages('tcp'),
    target,
    onTrouble: (message) => said.push(message),
    onDropped: () => undefined,
    onClosed: (error) => said.push(error.message),
    retryMs: 1,
  })
  return { queue, said }
}

describe('a collector by TCP', () => {
  test('that goes and comes back gets templates and sequence anew, and nothing twice', async () => {
    const { connections, port } = await aCollector()
    const place = { kind: 'tcp', host: '127.0.0.1', port } as const
    const { queue, said } = aQueue(new CollectorTarget({ place, ca: undefined, domainId: 9 }))
    for (let i = 0; i < 3; i++) queue.add(aSession())
    queue.add(aSession({ endReason: 'activeTimeout' }))
    queue.cut()
    await until(() => connections.length === 1 && recordsOf(connections[0]!.bytes) === 3)
    const closed = once(connections[0]!.socket, 'close')
    connections[0]!.socket.destroy()
    await closed
    // The first may still be handed to the dead connection: a way without acknowledgement does not know.
    await until(() => {
      queue.add(aSession())
      queue.cut()
      return connections.length === 2 && recordsOf(connections[1]!.bytes) > 0
    })
    await queue.end(NEVER)
    const { written } = queue.counters()
    await until(() => facts(connections[1]!.bytes).length > 0)
    expect(facts(connections[0]!.bytes)).toEqual([
      { set: TEMPLATE_SET, sequence: 0, domain: 9, records: 0 },
      { set: 256, sequence: 0, domain: 9, records: 3 },
    ])
    expect(facts(connections[1]!.bytes).slice(0, 2)).toMatchObject([
      { set: TEMPLATE_SET, sequence: 0 },
      { set: 256, sequence: 0 },
    ])
    const got = recordsOf(connections[0]!.bytes) + recordsOf(connections[1]!.bytes)
    expect(got).toBeLessThanOrEqual(written)
    expect(said.every((one) => one === null || one.includes(`127.0.0.1:${port}`))).toBe(true)
  })

  test('that is not there yet costs nothing: sessions wait for it', async () => {
    const { port, close } = await aCollector()
    await close()
    const place = { kind: 'tcp', host: '127.0.0.1', port } as const
    const { queue, said } = aQueue(new CollectorTarget({ place, ca: undefined, domainId: 1 }))
    queue.add(aSession())
    queue.cut()
    await until(() => said.length > 0)
    expect(said[0]).toMatch(/the collector 127.0.0.1:\d+: .*ECONNREFUSED/)
    const { connections } = await aCollector(port)
    await until(() => connections.some(({ bytes }) => recordsOf(bytes) === 1))
    await queue.end(NEVER)
    expect(queue.counters()).toMatchObject({ written: 1, dropped: 0 })
  })
})

describe('a file', () => {
  const opened = (folder: string) =>
    RotatingFile.open({
      place: outputPlace(`${folder}/`, { option: '--ipfix', nameInFolder: 'sessions.ipfix' })!,
      bytesMax: 1_000,
      ageMsMax: 0,
      packs: false,
      keep: 0,
      onTrouble: () => undefined,
      onRemoved: () => undefined,
      wholeBytes: wholeMessageBytes,
    })

  test('that is closed by size can be read by itself; what a kill left of a message is cut off', async () => {
    const folder = temporaryDirectory()
    const file = await opened(folder)
    const target = new IpfixFileTarget(file, 5)
    const messages = new IpfixMessages('file')
    for (let i = 0; i < 4; i++) {
      for (let k = 0; k < 3; k++) messages.add(aSession())
      await target.write(messages.take())
    }
    await target.close()
    const names = readdirSync(folder).filter((name) => name.endsWith('.ipfix'))
    expect(names).toHaveLength(4)
    for (const name of names) {
      const [first, second] = facts(readFileSync(join(folder, name)))
      expect(first).toMatchObject({ set: TEMPLATE_SET, domain: 5 })
      expect(second).toMatchObject({ set: 256, records: 3 })
    }
    const active = join(folder, 'sessions.ipfix')
    const size = readFileSync(active).length
    truncateSync(active, size - 7)
    const again = await opened(folder)
    expect(facts(readFileSync(active))).toMatchObject([{ set: TEMPLATE_SET }])
    expect(again.tornBytes).toBe(size - 7 - readFileSync(active).length)
    await again.close()
  })

  test.each([
    ['another version', (bytes: Buffer) => bytes.writeUInt16BE(9, 0)],
    ['a length below its header', (bytes: Buffer) => bytes.writeUInt16BE(15, 2)],
  ])('%s is no message', async (_, spoil) => {
    const folder = temporaryDirectory()
    const target = new IpfixFileTarget(await opened(folder), 5)
    const messages = new IpfixMessages('file')
    messages.add(aSession())
    await target.write(messages.take())
    await target.close()
    const file = await open(join(folder, 'sessions.ipfix'), 'r+')
    onTestFinished(() => file.close())
    const { size } = await file.stat()
    expect(await wholeMessageBytes(file, size)).toBe(size)
    const head = Buffer.alloc(16)
    await file.read(head, 0, 16, 0)
    spoil(head)
    await file.write(head, 0, 16, 0)
    expect(await wholeMessageBytes(file, size)).toBe(0)
  })
})
