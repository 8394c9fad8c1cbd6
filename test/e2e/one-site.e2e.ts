/**
 * A meter on a real tunnel, its server, real traffic. The judges: what the HTTP servers' sockets and iperf3 counted,
 * and the kernel's counters of the interface. Each test begins a meter of its own on the same site.
 */
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { InterfaceCounters, LabProcess } from '../support/lab.js'
import { until } from '../support/lab.js'
import { whyNoLab } from '../support/root-only.js'
import {
  CLI,
  LabMeter,
  LabServer,
  type LogRow,
  type SiteReport,
  untilRows,
} from '../support/site-programs.js'
import {
  ask,
  buildWorld,
  curl,
  dig,
  type Scenario,
  serve,
  serveDns,
  start,
  type World,
} from '../support/world.js'

const reason = whyNoLab()
const WIKI = '10.20.0.10'
const WIKI6 = 'fd20::10'
const SSH = '10.20.0.22'
const DNS = '10.20.0.53'
const IPERF = '10.20.0.60'
/** MTU 1420 less the headers of IPv4 and TCP. */
const SEGMENT_MAX = 1380

const SCENARIO: Scenario = {
  golden: false,
  snaplen: 128,
  siteName: 'Frankfurt office',
  clients: ['anna', 'ravi', 'mei'].map((key, i) => ({
    key,
    name: `${key}'s device`,
    host: 11 + i,
    user: { userId: `u-${key}`, name: key, email: `${key}@example.com` },
  })),
  resources: [
    { siteResourceId: 1, name: 'Wiki', destination: WIKI, protocol: 'tcp', ports: [80] },
    { siteResourceId: 2, name: 'Wiki (IPv6)', destination: WIKI6, ports: [] },
    { siteResourceId: 3, name: 'SSH', destination: SSH, protocol: 'tcp', ports: [22] },
    { siteResourceId: 4, name: 'DNS', destination: DNS, ports: [53] },
    { siteResourceId: 5, name: 'Bandwidth', destination: IPERF, ports: [] },
    { siteResourceId: 6, name: 'Office network', destination: '10.20.0.0/16', ports: [] },
  ],
  lanAddresses: [WIKI, SSH, DNS, IPERF].map((ip) => `${ip}/16`).concat(`${WIKI6}/64`),
  traffic: async () => {},
}

const total = (rows: readonly LogRow[], field: 'bytes' | 'packets') =>
  rows.reduce((sum, row) => sum + row[`${field}Tx`] + row[`${field}Rx`], 0)
const otherTotal = (report: SiteReport, field: 'bytes' | 'packets') =>
  Object.values(report.other).reduce((sum, one) => sum + one[field], 0)
/**
 * What must have been metered. Of what the kernel counts as received it drops some before anybody can see it, when
 * the backlog is full (rxDropped); what the tunnel's queue has no room for was seen, but is not counted as sent.
 */
const passed = (before: InterfaceCounters, after: InterfaceCounters) => {
  const dropped = {
    rx: after.rxDropped - before.rxDropped,
    tx: after.txDropped - before.txDropped,
  }
  return {
    packets:
      after.rxPackets +
      after.txPackets -
      before.rxPackets -
      before.txPackets -
      dropped.rx +
      dropped.tx,
    bytes: after.rxBytes + after.txBytes - before.rxBytes - before.txBytes,
    exact: dropped.rx === 0 && dropped.tx === 0,
  }
}
const from = (rows: readonly LogRow[], port: number) =>
  rows.filter((row) => row.sourceAddr.endsWith(`:${port}`))

describe.skipIf(reason !== null)(`one site${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let world: World
  let server: LabServer
  let meter: LabMeter
  let http: LabProcess
  let shell: LabProcess

  beforeAll(async () => {
    world = await buildWorld('tme2', SCENARIO)
    http = await serve(world, world.lan, 'http', { host: '::', port: 80 })
    shell = await serve(world, world.lan, 'talk', { host: SSH, port: 22 })
    await serve(world, world.lan, 'udpEcho', { host: WIKI, port: 7000 })
    await serveDns(world, [DNS])
    await world.lan.spawn('iperf3', ['-s', '-B', IPERF, '--forceflush']).says('Server listening')
    server = await LabServer.start(world.siteSpace)
    await server.putCatalog(world.catalog)
  })
  afterAll(async () => {
    await server?.remove()
    await world?.lab.close()
  })
  let before: InterfaceCounters
  let seen: Set<string>
  beforeEach(async () => {
    seen = new Set((await server.rows()).map((row) => row.sessionId))
    meter = await LabMeter.start({
      space: world.siteSpace,
      interfaceName: world.site.name,
      server,
      siteId: 1,
      catalog: world.catalog,
      more: ['--active-timeout', '1s'],
    })
    before = await world.siteSpace.counters(world.site.name)
  })
  afterEach(() => meter.remove())

  /** Rows since the test began. */
  const rows = async () => (await server.rows()).filter((row) => !seen.has(row.sessionId))

  /** Stops the meter; every packet that the kernel counted is in a row or in other traffic. */
  async function settle(): Promise<LogRow[]> {
    await until('a quiet interface', async () => {
      const [one, two] = [await world.siteSpace.counters(world.site.name), await pause(300)]
      return (
        two === undefined &&
        JSON.stringify(one) === JSON.stringify(await world.siteSpace.counters(world.site.name))
      )
    })
    const kernel = passed(before, await world.siteSpace.counters(world.site.name))
    await meter.stop()
    const [all, report] = [await rows(), await server.report(1)]
    expect(report.packetsDropped).toBe(0)
    const inRows = { packets: total(all, 'packets'), bytes: total(all, 'bytes') }
    const other = { packets: otherTotal(report, 'packets'), bytes: otherTotal(report, 'bytes') }
    expect(inRows.packets + other.packets).toBe(report.packets)
    expect(inRows.bytes + other.bytes).toBe(report.bytes)
    expect(report.packets).toBe(kernel.packets)
    // The meter says so itself: nothing between its counters and the interface's is unexplained.
    expect(report.reconciliation).toMatchObject({
      unexplainedPacketsMin: 0,
      unexplainedPacketsMax: 0,
      exact: 1,
    })
    if (kernel.exact)
      expect(report.reconciliation).toMatchObject({
        unexplainedBytesMin: 0,
        unexplainedBytesMax: 0,
      })
    console.log(
      `reconciliation: ${JSON.stringify({ packets: report.packets, bytes: report.bytes, ...report.reconciliation })}`,
    )
    // How long the packets were that the kernel dropped is not told.
    if (kernel.exact) expect(report.bytes).toBe(kernel.bytes)
    return all
  }
  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

  test('HTTP, DNS, ICMP: each session once, right client, right resource, exact bytes', async () => {
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
    const all = await settle()

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
    for (const one of judged) {
      const [row, ...more] = from(all, one.clientPort)
      expect(more).toEqual([])
      expect([row!.payloadTx, row!.payloadRx]).toEqual([one.bytesRead, one.bytesWritten])
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
    const { space } = world.clients.anna!
    // Its server takes one client at a time and may still be busy with the one before.
    const judge = (...args: string[]) =>
      until(`iperf3 ${args.join(' ')}`, async () => {
        const line = ['-c', IPERF, '-J', '-t', '2', ...args]
        const { stdout } = await space.run('iperf3', line, { allow: [1] })
        const result = JSON.parse(stdout)
        return result.error === undefined && result.start.connected.length > 0 ? result : null
      })
    const tcpUp = await judge('-b', '20M')
    const tcpDown = await judge('-b', '20M', '-R')
    const udpUp = await judge('-u', '-b', '10M', '-l', '1200')
    const udpDown = await judge('-u', '-b', '10M', '-l', '1200', '-R')
    const all = await settle()
    const portOf = (result: typeof tcpUp): number => result.start.connected[0].local_port
    const one = (result: typeof tcpUp) => {
      const found = from(all, portOf(result))
      expect(found).toHaveLength(1)
      return found[0]!
    }
    // A data connection begins with iperf3's cookie of 37 octets; a UDP one with 4 octets each way. What was sent
    // again passed the site again, or for the first time: without retransmissions the figures are equal.
    const tcp = (got: number, result: typeof tcpUp) => {
      const { bytes, retransmits } = result.end.sum_sent
      expect(got).toBeGreaterThanOrEqual(bytes)
      expect(got).toBeLessThanOrEqual(bytes + retransmits * SEGMENT_MAX)
    }
    const udp = (got: number, result: typeof tcpUp) => {
      const { packets, lost_packets } = result.end.sum
      expect(got).toBeGreaterThanOrEqual(1200 * (packets - lost_packets) + 4)
      expect(got).toBeLessThanOrEqual(1200 * packets + 4)
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
    const { space } = world.clients.mei!
    const ends = await ask(space, 'udpAsk', { host: WIKI, port: 7000, sizes: [100, 4000, 9000] })
    await world.siteSpace.ip(`link set ${world.site.name} mtu 1280`)
    const smaller = await ask(space, 'udpAsk', { host: WIKI, port: 7000, sizes: [1000, 5000] })
    await world.siteSpace.ip(`link set ${world.site.name} mtu 1420`)
    const all = await settle()
    for (const { stdout } of [ends, smaller]) {
      const judge = JSON.parse(stdout)
      const [row] = from(all, judge.clientPort)
      expect([row!.payloadTx, row!.payloadRx]).toEqual([judge.bytes, judge.bytes])
    }
    expect(all).toHaveLength(2)
  })

  test('a client that roams: one session, with the endpoint of its start', async () => {
    const anna = world.clients.anna!
    const talk = start(anna.space, 'converse', {
      host: SSH,
      port: 22,
      ask: 40,
      answer: 500,
      exchanges: 8,
      pauseMs: 500,
      end: 'fin',
    })
    await untilRows(server, 'an interim record', (list) =>
      list.some((row) => !seen.has(row.sessionId)),
    )
    await anna.space.ip('address delete 198.51.100.11/24 dev eth0')
    await anna.space.ip('address add 198.51.100.99/24 dev eth0')
    await until('the new endpoint', async () =>
      (await world.site.dump()).some((peer) => peer.endpoint?.startsWith('198.51.100.99:')),
    )
    await talk.exited
    const all = await settle()
    await anna.space.ip('address delete 198.51.100.99/24 dev eth0')
    await anna.space.ip('address add 198.51.100.11/24 dev eth0')
    expect(talk.json()).toHaveLength(1)
    const [row, ...more] = all
    expect(more).toEqual([])
    expect(row!.clientEndpoint).toMatch(/^198\.51\.100\.11:/)
    const { bytesRead, bytesWritten } = talk.json<{ bytesRead: number; bytesWritten: number }>()[0]!
    // Nothing is lost by roaming; a segment that was under way may have been sent twice.
    expect(row!.payloadTx).toBeGreaterThanOrEqual(bytesWritten)
    expect(row!.payloadRx).toBeGreaterThanOrEqual(bytesRead)
  })

  test('a peer removed in mid-session: what it did stays its own', async () => {
    const ravi = world.clients.ravi!
    const talk = start(ravi.space, 'converse', {
      host: SSH,
      port: 22,
      ask: 40,
      answer: 200,
      exchanges: 1,
      pauseMs: 0,
      end: 'stay',
    })
    await talk.says('open')
    await untilRows(server, 'the session', (list) => list.some((row) => !seen.has(row.sessionId)))
    await world.site.removePeer(ravi.interface.keys.publicKey)
    // Long enough for the meter to see that the peer is gone.
    await pause(2500)
    const all = await settle()
    await world.site.setPeer({
      publicKey: ravi.interface.keys.publicKey,
      allowedIps: [`${ravi.ip4}/32`, `${ravi.ip6}/128`],
    })
    await talk.stop('SIGKILL')
    expect(all.map((row) => [row.clientName, row.endReason])).toEqual([
      ["ravi's device", 'forcedEnd'],
    ])
  })

  test('the interface goes down and comes up: the meter stays, and counts again', async () => {
    const anna = world.clients.anna!
    await curl(anna.space, `http://${WIKI}/1000`)
    await world.siteSpace.ip(`link set ${world.site.name} down`)
    await pause(700)
    await world.siteSpace.ip(`link set ${world.site.name} up`)
    await world.siteSpace.run('wg', ['show', world.site.name])
    await until(
      'the tunnel again',
      async () => (await curl(anna.space, '-m', '2', `http://${WIKI}/2000`)).code === 0,
    )
    await untilRows(
      server,
      'both sessions',
      (list) =>
        list.filter((row) => !seen.has(row.sessionId) && row.connState === 'SF').length >= 2,
    )
    await meter.stop()
    for (const row of (await rows()).filter((row) => row.connState === 'SF'))
      expect(row.clientName).toBe("anna's device")
  })

  test('the meter is killed: what had ended is there once, what goes on is joined again', async () => {
    const anna = world.clients.anna!
    const counted = shell.json().length
    const talk = start(anna.space, 'converse', {
      host: SSH,
      port: 22,
      ask: 40,
      answer: 300,
      exchanges: 60,
      pauseMs: 300,
      end: 'fin',
    })
    for (let i = 0; i < 5; i++) await curl(world.clients.mei!.space, `http://${WIKI}/${1000 + i}`)
    await untilRows(
      server,
      'five sessions and an open one',
      (list) => list.filter((row) => !seen.has(row.sessionId)).length >= 6,
    )
    await meter.process.stop('SIGKILL')
    await meter.spawn()
    await talk.exited
    await until('the judge', () => shell.json().length > counted)
    await meter.stop()
    const all = await rows()
    const web = all.filter((row) => row.resourceName === 'Wiki')
    expect(web.map((row) => row.payloadRx % 1000).length).toBe(5)
    expect(new Set(web.map((row) => row.sourceAddr)).size).toBe(5)
    const parts = all.filter((row) => row.resourceName === 'SSH')
    expect(parts.map((row) => [row.clientName, row.midstream])).toEqual([
      ["anna's device", false],
      ["anna's device", true],
    ])
    // The parts never count an octet twice; what passed while no meter ran is missing.
    const judge = shell.json<{ bytesRead: number; bytesWritten: number }>().at(-1)!
    expect(parts[0]!.payloadRx + parts[1]!.payloadRx).toBeLessThanOrEqual(judge.bytesWritten)
    expect(parts[1]!.connState).toBe('SF')
  })

  test('doctor: everything there, a wrong key, no rights', async () => {
    const catalog = join(meter.directory, 'catalog.json')
    const doctor = async (key: string, ...wrap: string[]) => {
      const args = [
        'doctor',
        '--interface',
        world.site.name,
        '--to',
        server.url,
        '--catalog',
        catalog,
        '--seconds',
        '1',
        '--json',
      ]
      const { stdout, code } = await world.siteSpace.run(
        'env',
        [`TUNMETER_KEY=${key}`, ...wrap, 'node', CLI, ...args],
        { allow: [1] },
      )
      const { findings } = JSON.parse(stdout) as { findings: { check: string; state: string }[] }
      return { code, states: Object.fromEntries(findings.map((one) => [one.check, one.state])) }
    }
    const good = await doctor(await server.key('ingest', '--site', '1'))
    expect(good).toEqual({
      code: 0,
      states: {
        capture: 'ok',
        privileges: 'ok',
        interface: 'ok',
        peers: 'ok',
        catalog: 'ok',
        server: 'ok',
        key: 'ok',
        clock: 'ok',
        retention: 'skipped',
        spool: 'ok',
        reconciliation: 'ok',
      },
    })
    expect(await doctor('tm_ingest_wrong')).toMatchObject({ code: 1, states: { key: 'failed' } })
    const nobody = await doctor(
      'x',
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      '--inh-caps=-all',
    )
    expect(nobody).toMatchObject({ code: 1, states: { privileges: 'failed' } })
  })

  test('the server is killed and comes back: every session is there once', async () => {
    const { space } = world.clients.mei!
    for (let i = 0; i < 4; i++) await curl(space, `http://${WIKI}/${2000 + i}`)
    await server.stop('SIGKILL')
    for (let i = 0; i < 4; i++) await curl(space, `http://${WIKI}/${3000 + i}`)
    await server.spawn()
    for (let i = 0; i < 4; i++) await curl(space, `http://${WIKI}/${4000 + i}`)
    const all = await settle()
    expect(all).toHaveLength(12)
    expect(new Set(all.map((row) => row.sourceAddr)).size).toBe(12)
  })
})
