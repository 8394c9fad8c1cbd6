/** The golden capture agrees with its judges, and attribution agrees with it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Attributor } from '../../../src/meter/attribution/attributor.js'
import { loadCatalog } from '../../../src/meter/attribution/catalog-file.js'
import type { FlowRecord } from '../../../src/session/session.js'

const DIRECTORY = join(import.meta.dirname, '../../../fixtures/wireguard')
const json = (file: string) => JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8'))
const { sessions, other, total } = json('expected.json')
type Row = Record<string, number> & { sourceAddr: string; destAddr: string }

const endpoint = (ip: string, port: number) => {
  const plain = ip.replace('::ffff:', '')
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}

test('sessions and other traffic are all that the kernel counted', () => {
  const { before, after } = json('counters.json')
  const sum = (field: string) =>
    sessions.reduce((n: number, row: Row) => n + row[`${field}Tx`]! + row[`${field}Rx`]!, 0) +
    Object.values<Record<string, number>>(other).reduce((n, row) => n + row[field]!, 0)
  const kernel = (field: string) =>
    after[`rx${field}`] + after[`tx${field}`] - before[`rx${field}`] - before[`tx${field}`]
  expect([sum('packets'), sum('bytes')]).toEqual([kernel('Packets'), kernel('Bytes')])
  expect(total).toEqual({ packets: kernel('Packets'), bytes: kernel('Bytes') })
})

test('payload is what the servers read and wrote', () => {
  const servers = json('servers.json')
  expect(servers).toHaveLength(10)
  for (const one of servers) {
    const row: Row = sessions.find(
      (row: Row) =>
        row.sourceAddr === endpoint(one.client, one.clientPort) &&
        row.destAddr === endpoint(one.server, one.serverPort),
    )
    // The banner of the session that was joined midstream had gone by before the capture began.
    const missed = row.midstream ? 41 : 0
    expect([row.payloadTx, row.payloadRx]).toEqual([one.bytesRead, one.bytesWritten - missed])
  }
})

test('every session has its owner', () => {
  const attributor = new Attributor()
  attributor.catalogChanged(loadCatalog(join(DIRECTORY, 'catalog.yaml')), 0)
  const { interface: interfaceName, publicKey, peers } = json('peers.json')
  attributor.peersChanged(
    { device: { interfaceName, kind: 'userspace', publicKey, listenPort: 51820, peers } },
    0,
  )
  expect(sessions).toHaveLength(20)
  for (const row of sessions) {
    const [sourceIp, destIp] = [row.sourceAddr, row.destAddr].map((addr) =>
      addr.replace(/:\d+$/, '').replace(/[[\]]/g, ''),
    )
    const destPort = Number(/\d+$/.exec(row.destAddr)![0])
    const { peerPublicKey, clientEndpoint, clientId, userId, siteResourceId } = row
    expect(attributor.attribute({ ...row, sourceIp, destIp, destPort } as FlowRecord)).toEqual({
      peerPublicKey,
      clientEndpoint,
      clientId,
      userId,
      siteResourceId,
      unattributed: null,
    })
  }
})
