/**
 * Two sites, a meter at each, one server: every session once, at the site that it passed, with its client. And
 * WireGuard's own counters, explained to the message: a capture beside the meter tells each packet's length, so its
 * padding; what is left of a peer's transfer must be handshakes and keepalives, to the octet.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { iperf3 } from '../support/iperf3.js'
import type { InterfaceCounters, LabProcess } from '../support/lab.js'
import { until } from '../support/lab.js'
import { agree, from, quiet } from '../support/office-lab.js'
import { octetsSentAgain } from '../support/retransmissions.js'
import { whyNoLab } from '../support/root-only.js'
import { LabMeter, LabServer, type LogRow } from '../support/site-programs.js'
import { readCapture } from '../support/twin/capture.js'
import { buildTwoSites, SERVER, SITES, type SiteId, type TwoSites } from '../support/two-sites.js'
import { explainControl, paddingOf } from '../support/wireguard-messages.js'
import { curl } from '../support/world.js'

const reason = whyNoLab()
const MTU = 1420

interface Transfer {
  readonly rxBytes: number
  readonly txBytes: number
}

/** Octets of data messages that carried the captured packets, from and to the client. */
function messages(capture: string, client: { ip4: string; ip6: string }) {
  const sum = { rx: 0, tx: 0 }
  const addresses = [client.ip4, client.ip6]
  for (const { data } of readCapture(readFileSync(capture)).packets) {
    const { source, dest, length } = ipOf(data)
    const way = addresses.includes(source) ? 'rx' : addresses.includes(dest) ? 'tx' : null
    if (way !== null) sum[way] += length + paddingOf(length, MTU) + 32
  }
  return sum
}

function ipOf(data: Uint8Array): { source: string; dest: string; length: number } {
  const bytes = Buffer.from(data)
  if (bytes[0]! >> 4 === 4)
    return {
      source: bytes.subarray(12, 16).join('.'),
      dest: bytes.subarray(16, 20).join('.'),
      length: bytes.readUInt16BE(2),
    }
  // The laboratory's addresses: one word, zeros, one octet.
  const text = (at: number) =>
    `${bytes.readUInt16BE(at).toString(16)}::${bytes.readUInt16BE(at + 14).toString(16)}`
  return { source: text(8), dest: text(24), length: bytes.readUInt16BE(4) + 40 }
}

describe.skipIf(reason !== null)(`two sites${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let world: TwoSites
  let server: LabServer
  const meters = {} as Record<SiteId, LabMeter>
  const captures = {} as Record<SiteId, LabProcess>
  const counters = {} as Record<SiteId, InterfaceCounters>
  const transfers = {} as Record<SiteId, Map<string, Transfer>>

  const transfer = async (id: SiteId) =>
    new Map((await world.sites[id].wg.dump()).map((peer) => [peer.publicKey, peer]))
  const captureFile = (id: SiteId) => join(server.directory, `site${id}.pcap`)

  beforeAll(async () => {
    world = await buildTwoSites('tme4')
    server = await LabServer.start(world.internet, SERVER)
    await server.putCatalog(world.catalog)
    for (const id of SITES) {
      const { space, wg } = world.sites[id]
      const { catalog } = world
      const more = ['--active-timeout', '1s']
      const name = wg.name
      meters[id] = await LabMeter.start({
        space,
        interfaceName: name,
        server,
        siteId: id,
        catalog,
        more,
      })
      captures[id] = space.spawn('tcpdump', ['-i', name, '-s', '96', '-U', '-w', captureFile(id)])
      await captures[id].says('listening on')
      counters[id] = await space.counters(name)
      transfers[id] = await transfer(id)
    }
  })
  afterAll(async () => {
    for (const id of SITES) await meters[id]?.remove()
    await server?.remove()
    await world?.lab.close()
  })

  test('each session once, at its site, with its client; transfer explained to the message', async () => {
    const [anna, ravi, mei] = world.clients
    await Promise.all([
      ...SITES.flatMap((id) => [
        curl(anna!.space, `http://${world.sites[id].wiki}/${id}0000`),
        curl(mei!.space, `http://[${world.sites[id].wiki6}]/${id}00000`),
      ]),
    ])
    const up = await iperf3(ravi!.space, world.sites[1].wiki, '-b', '20M')
    const down = await iperf3(
      ravi!.space,
      world.sites[2].wiki,
      '-u',
      '-b',
      '8M',
      '-l',
      '1100',
      '-R',
    )

    const rows = {} as Record<SiteId, LogRow[]>
    for (const id of SITES) {
      const { space, wg } = world.sites[id]
      const after = await quiet(space, wg.name)
      await meters[id].stop()
      await captures[id].stop('SIGINT')
      rows[id] = (await server.rows()).filter((row) => row.siteId === id)
      agree(rows[id], await server.report(id), counters[id], after)
      await explain(id)
    }
    expect((await server.rows()).length).toBe(rows[1].length + rows[2].length)
    for (const id of SITES) await judge(id, rows[id])
    // The data connection beside iperf3's control connection; its cookie is 37 octets.
    const [tcp] = from(rows[1], up.start.connected[0].local_port)
    expect(tcp!.payloadTx - 37).toBeGreaterThanOrEqual(up.end.sum_received.bytes)
    expect([tcp!.clientName, tcp!.resourceName, tcp!.siteId]).toEqual(['ravi', 'Wiki 1', 1])
    const [udp] = from(rows[2], down.start.connected[0].local_port)
    const { packets, lost_packets } = down.end.sum_received
    expect(udp!.payloadRx).toBeGreaterThanOrEqual(1100 * (packets - lost_packets) + 4)
    expect(udp!.payloadRx).toBeLessThanOrEqual(1100 * down.end.sum_sent.packets + 4)
  })

  /** What the site's web server counted is what its rows say. */
  async function judge(id: SiteId, rows: readonly LogRow[]): Promise<void> {
    interface Judge {
      clientPort: number
      bytesRead: number
      bytesWritten: number
    }
    const judged = await until(`what the server of site ${id} counted`, () => {
      const list = world.sites[id].http.json<Judge>()
      return list.length === 2 ? list : null
    })
    // A segment that was sent again passed the site again.
    const spaces = [world.sites[id].lan, ...world.clients.map((client) => client.space)]
    const more = await octetsSentAgain(spaces)
    for (const one of judged) {
      const [row, ...others] = from(rows, one.clientPort)
      expect(others).toEqual([])
      expect(row!.payloadTx).toBeGreaterThanOrEqual(one.bytesRead)
      expect(row!.payloadTx).toBeLessThanOrEqual(one.bytesRead + more)
      expect(row!.payloadRx).toBeGreaterThanOrEqual(one.bytesWritten)
      expect(row!.payloadRx).toBeLessThanOrEqual(one.bytesWritten + more)
      expect(row!.resourceName).toBe(`Wiki ${id}`)
    }
    const who = rows.filter((row) => row.destAddr.endsWith(':80')).map((row) => row.clientName)
    expect(who.sort()).toEqual(['anna', 'mei'])
  }

  async function explain(id: SiteId): Promise<void> {
    const after = await transfer(id)
    const capture = captureFile(id)
    expect(readFileSync(capture).length).toBeGreaterThan(24)
    for (const client of world.clients) {
      const key = client.wg.keys.publicKey
      const [one, two] = [transfers[id].get(key)!, after.get(key)!]
      const data = messages(capture, client)
      const rest = {
        rx: two.rxBytes - one.rxBytes - data.rx,
        tx: two.txBytes - one.txBytes - data.tx,
      }
      const found = { rx: explainControl(rest.rx, 4), tx: explainControl(rest.tx, 4) }
      console.log(
        `site ${id}, ${client.name}: ${JSON.stringify({ data, control: rest, messages: found })}`,
      )
      expect(found.rx).not.toBeNull()
      expect(found.tx).not.toBeNull()
    }
  }
})
