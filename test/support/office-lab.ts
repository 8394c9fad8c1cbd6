/**
 * An office for the end-to-end tests: a site with three clients and the resources behind it, a server, and for each test
 * a meter of its own. The judges are what the servers' sockets and iperf3 counted and the kernel's counters.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type InterfaceCounters, type LabProcess, type Namespace, until } from './lab.js'
import { LabMeter, LabServer, type LogRow, type SiteReport } from './site-programs.js'
import { buildWorld, type Scenario, serve, serveDns, type World } from './world.js'

export const WIKI = '10.20.0.10'
export const WIKI6 = 'fd20::10'
export const SSH = '10.20.0.22'
export const DNS = '10.20.0.53'
export const IPERF = '10.20.0.60'

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
export const from = (rows: readonly LogRow[], port: number) =>
  rows.filter((row) => row.sourceAddr.endsWith(`:${port}`))

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Nothing passes the interface any more. */
export async function quiet(space: Namespace, name: string): Promise<InterfaceCounters> {
  return until(`nothing passes ${name}`, async () => {
    const one = await space.counters(name)
    await pause(300)
    const two = await space.counters(name)
    return JSON.stringify(one) === JSON.stringify(two) ? two : null
  })
}

/**
 * Every packet that the kernel counted is in a row or in other traffic, and the meter says so itself: nothing between
 * its counters and the interface's is unexplained, nor between its sessions and each peer's transfer.
 */
export function agree(
  rows: readonly LogRow[],
  report: SiteReport,
  before: InterfaceCounters,
  after: InterfaceCounters,
): void {
  const kernel = passed(before, after)
  expect(report.packetsDropped).toBe(0)
  const inRows = { packets: total(rows, 'packets'), bytes: total(rows, 'bytes') }
  const other = { packets: otherTotal(report, 'packets'), bytes: otherTotal(report, 'bytes') }
  expect(inRows.packets + other.packets).toBe(report.packets)
  expect(inRows.bytes + other.bytes).toBe(report.bytes)
  expect(report.packets).toBe(kernel.packets)
  console.log(
    `reconciliation: ${JSON.stringify({ packets: report.packets, bytes: report.bytes, ...report.reconciliation })}`,
  )
  expect(report.reconciliation).toMatchObject({
    unexplainedPacketsMin: 0,
    unexplainedPacketsMax: 0,
    exact: 1,
    peersUnexplained: 0,
    peersUnexplainedBytes: 0,
  })
  // How long the packets were that the kernel dropped is not told.
  if (!kernel.exact) return
  expect(report.reconciliation).toMatchObject({ unexplainedBytesMin: 0, unexplainedBytesMax: 0 })
  expect(report.bytes).toBe(kernel.bytes)
}

export interface Office {
  world: World
  server: LabServer
  meter: LabMeter
  http: LabProcess
  shell: LabProcess
  /** Sessions of the tests before. */
  seen: Set<string>
  /** Rows since the test began. */
  rows(): Promise<LogRow[]>
  /** Stops the meter, compares all that it counted, and answers the test's rows. */
  settle(): Promise<LogRow[]>
}

/**
 * Within a `describe`: built before its tests, removed after them. `prefix` is that of its namespaces, `more` are options
 * of each meter.
 */
export function useOffice(prefix: string, ...more: string[]): Office {
  const office = {} as Office
  let before: InterfaceCounters
  beforeAll(async () => {
    const world = await buildWorld(prefix, SCENARIO)
    office.world = world
    office.http = await serve(world, world.lan, 'http', { host: '::', port: 80 })
    office.shell = await serve(world, world.lan, 'talk', { host: SSH, port: 22 })
    await serve(world, world.lan, 'udpEcho', { host: WIKI, port: 7000 })
    await serveDns(world, [DNS])
    await world.lan.spawn('iperf3', ['-s', '-B', IPERF, '--forceflush']).says('Server listening')
    office.server = await LabServer.start(world.siteSpace)
    await office.server.putCatalog(world.catalog)
  })
  afterAll(async () => {
    await office.server?.remove()
    await office.world?.lab.close()
  })
  beforeEach(async () => {
    const { world, server } = office
    office.seen = new Set((await server.rows()).map((row) => row.sessionId))
    office.meter = await LabMeter.start({
      space: world.siteSpace,
      interfaceName: world.site.name,
      server,
      siteId: 1,
      catalog: world.catalog,
      more: ['--active-timeout', '1s', ...more],
    })
    before = await world.siteSpace.counters(world.site.name)
  })
  afterEach(() => office.meter.remove())
  office.rows = async () =>
    (await office.server.rows()).filter((row) => !office.seen.has(row.sessionId))
  office.settle = async () => {
    const { world, meter, server } = office
    const after = await quiet(world.siteSpace, world.site.name)
    await meter.stop()
    const all = await office.rows()
    agree(all, await server.report(1), before, after)
    return all
  }
  return office
}
