/** The golden capture, metered and attributed: the kernel's counters, the servers' sockets and its owners judge it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Attributor } from '../../../src/meter/attribution/attributor.js'
import { loadCatalog } from '../../../src/meter/attribution/catalog-file.js'
import { FlowMeter } from '../../../src/meter/capture/flow-meter.js'
import { type FlowRecord, formatEndpoint } from '../../../src/session/session.js'

const DIRECTORY = join(import.meta.dirname, '../../../fixtures/wireguard')
const json = (file: string) => JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8'))
const { interface: interfaceName, publicKey, peers } = json('peers.json')

const source = (r: FlowRecord) => formatEndpoint(r.sourceIp, r.sourcePort)
const dest = (r: FlowRecord) => formatEndpoint(r.destIp, r.destPort)

let sessions: FlowRecord[]
let counters: ReturnType<FlowMeter['counters']>
beforeAll(async () => {
  const paths = [join(DIRECTORY, 'site.pcap')]
  const meter = new FlowMeter({ source: { kind: 'file', paths } })
  meter.setInside(peers.flatMap((peer: { allowedIps: string[] }) => peer.allowedIps))
  const last = new Map<number, FlowRecord>()
  for await (const batch of meter.records()) for (const r of batch) last.set(r.sequence, r)
  sessions = [...last.values()]
  counters = meter.counters()
})

test('sessions and other traffic are all that the kernel counted', () => {
  const { before, after } = json('counters.json')
  const other = Object.values(counters.other)
  const sum = (field: 'packets' | 'bytes') =>
    sessions.reduce((n, r) => n + r[`${field}Tx`] + r[`${field}Rx`], 0) +
    other.reduce((n, traffic) => n + traffic[field], 0)
  const kernel = (field: string) =>
    after[`rx${field}`] + after[`tx${field}`] - before[`rx${field}`] - before[`tx${field}`]
  expect([sum('packets'), sum('bytes')]).toEqual([kernel('Packets'), kernel('Bytes')])
  expect([counters.packets, counters.bytes]).toEqual([kernel('Packets'), kernel('Bytes')])
})

test('payload is what the servers read and wrote', () => {
  const servers = json('servers.json')
  expect(servers).toHaveLength(10)
  for (const one of servers) {
    const [client, server] = [one.client, one.server].map((ip) => ip.replace('::ffff:', ''))
    const from = formatEndpoint(client, one.clientPort)
    const to = formatEndpoint(server, one.serverPort)
    const session = sessions.find((r) => source(r) === from && dest(r) === to)
    // The banner of the session that was joined midstream had gone by before the capture began.
    const missed = session?.midstream ? 41 : 0
    expect([from, session?.payloadTx, session?.payloadRx]).toEqual([
      from,
      one.bytesRead,
      one.bytesWritten - missed,
    ])
  }
})

test('every session has its owner', () => {
  const attributor = new Attributor()
  attributor.catalogChanged(loadCatalog(join(DIRECTORY, 'catalog.yaml')))
  attributor.peersChanged({
    device: { interfaceName, kind: 'userspace', publicKey, listenPort: 51820, peers },
  })
  const owners = sessions.map((r) => [source(r), dest(r), attributor.attribute(r)])
  const expected = json('expected.json').sessions.map((row: Record<string, unknown>) => {
    const { sourceAddr, destAddr, peerPublicKey, clientEndpoint, clientId, userId } = row
    const siteResourceId = row.siteResourceId
    const owner = { peerPublicKey, clientEndpoint, clientId, userId, siteResourceId }
    const alone = { otherClientId: null, otherUserId: null, seenTwice: false }
    return [sourceAddr, destAddr, { ...owner, ...alone, unattributed: null }]
  })
  expect(expected).toHaveLength(20)
  expect(owners.sort()).toEqual(expected.sort())
})
