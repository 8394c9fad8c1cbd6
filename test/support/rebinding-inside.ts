/**
 * Destinations and a DNS server whose answers change. Runs in network and mount namespaces of its own
 * (test/e2e/rebinding.e2e.ts); argv: directory. Prints what each case did, as JSON.
 *
 * 198.51.100.7 is as good as public here: it is routed to this namespace without being an address of an interface. The
 * receiver there and the one at 127.0.0.1 share a port.
 */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { testRow } from '../../src/server/destinations/events.js'
import { HttpSender } from '../../src/server/destinations/http-send.js'
import { syslog } from '../../src/server/destinations/kinds/syslog.js'
import type { Outcome } from '../../src/server/destinations/outcome.js'

export interface Tried {
  readonly outcomes: readonly Outcome[]
  readonly refused: readonly string[]
  /** Queries for an IPv4 address. */
  readonly queries: number
  readonly publicConnections: number
  readonly privateConnections: number
}

/** The addresses that were refused in a case, which only the operator's log has. */
const refused: string[] = []
const GUARD = {
  ...{ allowPlain: true, allowPrivate: false },
  onRefused: (_host: string, address: string) => void refused.push(address),
}
const PUBLIC = '198.51.100.7'
const PRIVATE = '127.0.0.1'
const NAME = 'rebinding.example.org'
const TYPE_A = 1

const [directory = ''] = process.argv.slice(2)
const signal = new AbortController().signal

/** Of each query for an IPv4 address in turn; the last one stays. */
let answers: readonly (readonly string[])[] = []
let queries = 0

/** The query with the addresses behind it, valid for 0 seconds (RFC 1035). */
function answered(query: Buffer): Buffer {
  const end = query.indexOf(0, 12) + 5
  const isForA = query.readUInt16BE(end - 4) === TYPE_A
  const addresses = isForA ? answers[Math.min(queries++, answers.length - 1)]! : []
  const head = Buffer.from(query.subarray(0, 12))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(addresses.length, 6)
  head.writeUInt32BE(0, 8)
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  )
  return Buffer.concat([head, query.subarray(12, end), ...records])
}

async function listen(address: string, port = 0): Promise<{ server: Server; count: () => number }> {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => undefined)
    // HTTP gets its answer and the end of the connection, syslog the end only.
    socket.on('data', (chunk) => {
      if (chunk.includes('POST')) socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n')
    })
  })
  server.listen(port, address)
  await once(server, 'listening')
  return { server, count: () => connections }
}

execFileSync('ip', ['link', 'set', 'lo', 'up'])
execFileSync('ip', ['route', 'add', 'local', `${PUBLIC}/32`, 'dev', 'lo'])
const resolver = join(directory, 'resolv.conf')
writeFileSync(resolver, `nameserver ${PRIVATE}\n`)
execFileSync('mount', ['--bind', resolver, '/etc/resolv.conf'])
const dns = createSocket('udp4')
dns.on('message', (query, { port, address }) => dns.send(answered(query), port, address))
dns.bind(53, PRIVATE)
await once(dns, 'listening')
const open = await listen(PUBLIC)
const { port } = open.server.address() as AddressInfo
const closed = await listen(PRIVATE, port)

async function byHttp(): Promise<Outcome> {
  const sender = new HttpSender(GUARD, undefined)
  const url = new URL(`http://${NAME}:${port}/`)
  const request = { method: 'POST', url, headers: {}, body: Buffer.from('x') } as const
  return sender.send(request, signal).finally(() => sender.close())
}

function bySyslog(): Promise<Outcome> {
  const url = `tcp://${NAME}:${port}`
  const opened = syslog.open({
    ...{ settings: syslog.settings.parse({ url }), secrets: {}, columns: null, version: '1' },
    guard: GUARD,
  })
  const batch = { id: 'd.1', orgId: 'acme', sinceMs: 0, rows: [testRow('acme', 0)], events: ['{}'] }
  return opened.deliver({ ...batch, signal })
}

async function tried(
  send: () => Promise<Outcome>,
  given: readonly (readonly string[])[],
  times = 1,
): Promise<Tried> {
  answers = given
  queries = 0
  const [opens, closes] = [open.count(), closed.count()]
  const outcomes: Outcome[] = []
  for (let i = 0; i < times; i++) outcomes.push(await send())
  return {
    ...{ outcomes, queries, refused: refused.splice(0) },
    publicConnections: open.count() - opens,
    privateConnections: closed.count() - closes,
  }
}

const cases: Record<string, Tried> = {}
for (const [kind, send] of Object.entries({ webhook: byHttp, syslog: bySyslog })) {
  cases[`${kind}: private after the first answer`] = await tried(send, [[PUBLIC], [PRIVATE]], 2)
  cases[`${kind}: one of two is private`] = await tried(send, [[PUBLIC, PRIVATE]])
  cases[`${kind}: metadata service`] = await tried(send, [['169.254.169.254']])
}
process.stdout.write(JSON.stringify(cases))
process.exit(0)
