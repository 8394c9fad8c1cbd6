/** What clients do through a real tunnel is in the log as it was: HTTP, DNS, ICMP, iperf3, fragments. */
import { describe, expect, test } from 'vitest'
import { iperf3 } from '../support/iperf3.js'
import { until } from '../support/lab.js'
import { DNS, from, IPERF, useOffice, WIKI, WIKI6 } from '../support/office-lab.js'
import { octetsSentAgain } from '../support/retransmissions.js'
import { whyNoLab } from '../support/root-only.js'
import { ask, curl, dig } from '../support/world.js'

const reason = whyNoLab()

describe.skipIf(reason !== null)(`traffic${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const office = useOffice('tme2')
  const hosts = () => [
    office.world.lan,
    ...Object.values(office.world.clients).map((client) => client.space),
  ]

  test('HTTP, DNS, ICMP: each session once, right client, right resource, exact bytes', async () => {
    const { world, http, server } = office
    const [anna, ravi, mei] = ['anna', 'ravi', 'mei'].map((key) => world.clients[key]!)
    const counted = http.json().length
    await curl(anna!.space, `http://${WIKI}/512`)
    await curl(ravi!.space, `http://${WIKI}/200000`)
    await mei!.space.run(
      'curl',
      ['-s', '-o', '/dev/null', '--data-binary', '@-', `http://[${WIKI6}]/up`],
      { input: 'x'.repeat(300_000) },
    )
    await dig(mei!.space, DNS, 'wiki.corp.example')
    await curl(anna!.space, `http://${WIKI}:9999/`)
    await ravi!.space.run('ping', ['-c', '3', '-i', '0.2', WIKI])
    const all = await office.settle()

    interface Judge {
      client: string
      clientPort: number
      bytesRead: number
      bytesWritten: number
    }
    const judged = await until('what the server counted', () => {
      const list = http.json<Judge>().slice(counted)
      return list.length === 3 ? list : null
    })
    const more = await octetsSentAgain(hosts())
    for (const one of judged) {
      const [row, ...others] = from(all, one.clientPort)
      expect(others).toEqual([])
      expect(row!.payloadTx).toBeGreaterThanOrEqual(one.bytesRead)
      expect(row!.payloadTx).toBeLessThanOrEqual(one.bytesRead + more)
      expect(row!.payloadRx).toBeGreaterThanOrEqual(one.bytesWritten)
      expect(row!.payloadRx).toBeLessThanOrEqual(one.bytesWritten + more)
      expect([row!.connState, row!.endReason]).toEqual(['SF', 'endOfFlowDetected'])
    }
    const shown = all.map((row) => [
      row.clientName,
      row.userEmail,
      row.resourceName,
      row.protocol,
      row.connState,
    ])
    expect(shown.sort()).toEqual([
      ["anna's device", 'anna@example.com', 'Office network', 'tcp', 'REJ'],
      ["anna's device", 'anna@example.com', 'Wiki', 'tcp', 'SF'],
      ["mei's device", 'mei@example.com', 'DNS', 'udp', 'SF'],
      ["mei's device", 'mei@example.com', 'Wiki (IPv6)', 'tcp', 'SF'],
      ["ravi's device", 'ravi@example.com', 'Wiki', 'tcp', 'SF'],
    ])
    for (const row of all) expect(row.clientEndpoint).toMatch(/^198\.51\.100\.1[123]:\d+$/)
    // CSV is the same rows.
    const csv = (await server.export()).trim().split('\r\n')
    expect(csv.length - 1).toBe((await server.rows()).length)
  })

  test('iperf3 in both directions, TCP and UDP: its own totals', async () => {
    const { world } = office
    const { space } = world.clients.anna!
    const judge = (...args: string[]) => iperf3(space, IPERF, ...args)
    const tcpUp = await judge('-b', '20M')
    const tcpDown = await judge('-b', '20M', '-R')
    const udpUp = await judge('-u', '-b', '10M', '-l', '1200')
    const udpDown = await judge('-u', '-b', '10M', '-l', '1200', '-R')
    const all = await office.settle()
    const more = await octetsSentAgain(hosts())
    const portOf = (result: typeof tcpUp): number => result.start.connected[0].local_port
    const one = (result: typeof tcpUp) => {
      const found = from(all, portOf(result))
      expect(found).toHaveLength(1)
      return found[0]!
    }
    // A data connection begins with iperf3's cookie of 37 octets; a UDP one with 4 octets each way. What was sent
    // again passed the site again, or for the first time: without retransmissions the figures are equal.
    const tcp = (got: number, result: typeof tcpUp) => {
      // At its end iperf3 gives up what the sender's socket still holds.
      expect(got).toBeGreaterThanOrEqual(result.end.sum_received.bytes)
      expect(got).toBeLessThanOrEqual(result.end.sum_sent.bytes + more)
    }
    const udp = (got: number, result: typeof tcpUp) => {
      // The receiver knows nothing of what was lost after the last that reached it: only its own figure is a bound.
      const { packets, lost_packets } = result.end.sum_received
      expect(got).toBeGreaterThanOrEqual(1200 * (packets - lost_packets) + 4)
      expect(got).toBeLessThanOrEqual(1200 * result.end.sum_sent.packets + 4)
    }
    tcp(one(tcpUp).payloadTx - 37, tcpUp)
    expect(one(tcpDown).payloadTx).toBe(37)
    tcp(one(tcpDown).payloadRx, tcpDown)
    udp(one(udpUp).payloadTx, udpUp)
    udp(one(udpDown).payloadRx, udpDown)
    for (const row of all)
      expect([row.clientName, row.resourceName]).toEqual(["anna's device", 'Bandwidth'])
  })

  test('fragments and a change of the MTU: the datagrams are whole', async () => {
    const { world } = office
    const { space } = world.clients.mei!
    const ends = await ask(space, 'udpAsk', { host: WIKI, port: 7000, sizes: [100, 4000, 9000] })
    await world.siteSpace.ip(`link set ${world.site.name} mtu 1280`)
    const smaller = await ask(space, 'udpAsk', { host: WIKI, port: 7000, sizes: [1000, 5000] })
    await world.siteSpace.ip(`link set ${world.site.name} mtu 1420`)
    const all = await office.settle()
    for (const { stdout } of [ends, smaller]) {
      const judge = JSON.parse(stdout)
      const [row] = from(all, judge.clientPort)
      expect([row!.payloadTx, row!.payloadRx]).toEqual([judge.bytes, judge.bytes])
    }
    expect(all).toHaveLength(2)
  })
})
