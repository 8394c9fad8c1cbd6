/**
 * One meter, several interfaces of different kinds, which come and go: a WireGuard that cannot be asked (as tailscale0),
 * one that can (as NetBird's wt0), OpenVPN's tun, plain Ethernet. Where there are no peers the catalog's addresses name
 * the client. GRE and IPIP need kernel modules: scripts/kernel-e2e.sh has them.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  Lab,
  type LabProcess,
  type Namespace,
  until,
  type WireGuardInterface,
} from '../support/lab.js'
import { quiet } from '../support/office-lab.js'
import { whyNoLab } from '../support/root-only.js'
import { LabMeter, LabServer, untilRows } from '../support/site-programs.js'
import { curl } from '../support/world.js'

const reason = whyNoLab()
const PREFIX = 'tme5'
const TRAFFIC = join(import.meta.dirname, '../support/traffic.mjs')
const name = (kind: string) => `${PREFIX}-${kind}`

/** The interfaces of the site, its address on them, the client's. */
const TUNNELS = [
  { kind: 'tail0', site: '100.64.0.1', client: '100.64.0.2', clientName: 'tailnet laptop' },
  { kind: 'wt0', site: '100.90.0.1', client: '100.90.0.2', clientName: 'netbird phone' },
  { kind: 'tun0', site: '10.8.0.1', client: '10.8.0.2', clientName: 'openvpn desktop' },
  { kind: 'eth0', site: '198.51.100.1', client: '198.51.100.2', clientName: 'wired host' },
] as const
const LATER = { kind: 'new0', site: '192.0.2.1', client: '192.0.2.2', clientName: 'later host' }

describe.skipIf(reason !== null)(`other tunnels${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let lab: Lab
  let site: Namespace
  let far: Namespace
  let server: LabServer
  let meter: LabMeter
  let http: LabProcess
  let netbird: WireGuardInterface

  async function cable(kind: string, siteIp: string, farIp: string): Promise<void> {
    await site.ip(`link add ${name(kind)} type veth peer name ${kind} netns ${far.name}`)
    await site.ip(`address add ${siteIp}/24 dev ${name(kind)}`)
    await far.ip(`address add ${farIp}/24 dev ${kind}`)
    await site.ip(`link set ${name(kind)} up`)
    await far.ip(`link set ${kind} up`)
  }

  async function wireguard(kind: string, port: number, siteIp: string, farIp: string) {
    const here = await lab.wireguard(site, name(kind), {
      addresses: [`${siteIp}/24`],
      listenPort: port,
    })
    const there = await lab.wireguard(far, name(`${kind}f`), { addresses: [`${farIp}/24`] })
    await here.setPeer({ publicKey: there.keys.publicKey, allowedIps: [`${farIp}/32`] })
    await there.setPeer({
      publicKey: here.keys.publicKey,
      allowedIps: [`${siteIp}/32`],
      endpoint: `198.51.100.1:${port}`,
    })
    return { here, clientKey: there.keys.publicKey }
  }

  async function openvpn(siteIp: string, farIp: string): Promise<void> {
    const secret = join(server.directory, 'openvpn.key')
    await site.run('openvpn', ['--genkey', 'secret', secret])
    const common = [
      '--dev-type',
      'tun',
      '--secret',
      secret,
      '--cipher',
      'AES-256-CBC',
      '--verb',
      '3',
    ]
    const end = (space: Namespace, dev: string, mine: string, other: string, remote: string) =>
      space.spawn('openvpn', [
        ...common,
        ...['--dev', dev, '--ifconfig', mine, other, '--remote', remote],
      ])
    const ends = [
      end(site, name('tun0'), siteIp, farIp, '198.51.100.2'),
      end(far, name('tun0f'), farIp, siteIp, '198.51.100.1'),
    ]
    for (const one of ends) await one.says('Initialization Sequence Completed')
  }

  beforeAll(async () => {
    lab = await Lab.create(PREFIX)
    site = await lab.namespace('site')
    far = await lab.namespace('far')
    await cable('eth0', '198.51.100.1', '198.51.100.2')
    server = await LabServer.start(site)
    const [tailscale, wt0, tun] = TUNNELS
    await wireguard('ts0', 51821, tailscale.site, tailscale.client)
    // As with Tailscale's: a TUN whose WireGuard nobody can ask, since no socket has its name.
    await site.ip(`link set ${name('ts0')} down`)
    await site.ip(`link set ${name('ts0')} name ${name('tail0')}`)
    await site.ip(`link set ${name('tail0')} up`)
    const { here, clientKey } = await wireguard('wt0', 51822, wt0.site, wt0.client)
    netbird = here
    await openvpn(tun.site, tun.client)
    http = site.spawn('node', [TRAFFIC, 'http', JSON.stringify({ host: '::', port: 80 })])
    await http.says('ready')
    const catalog = {
      users: [],
      sites: [],
      resources: [...TUNNELS, LATER].map((one, i) => ({
        siteResourceId: i + 1,
        name: `web on ${one.kind}`,
        destination: one.site,
        ports: [80],
      })),
      clients: [...TUNNELS, LATER].map((one, i) => ({
        clientId: i + 1,
        name: one.clientName,
        // A peer is known by its key; its address alone would do as well, and must not be needed.
        ...(one.kind === 'wt0' ? { publicKey: clientKey } : {}),
        addresses: one.kind === 'wt0' ? [] : [one.client],
      })),
    }
    await server.putCatalog(catalog)
    meter = await LabMeter.start({
      space: site,
      interfaceName: name('tail0'),
      server,
      siteId: 1,
      catalog,
      more: ['--interface', name('*0'), '--metrics-listen', '127.0.0.1:9480'],
    })
  })
  afterAll(async () => {
    await meter?.remove()
    await server?.remove()
    await lab?.close()
  })

  const web = async () => (await server.rows()).filter((row) => row.destAddr.endsWith(':80'))
  const metric = async (metricName: string, interfaceName: string): Promise<number[]> => {
    const { stdout } = await site.run('curl', ['-sS', 'http://127.0.0.1:9480/metrics'])
    return stdout
      .split('\n')
      .filter((line) => line.startsWith(metricName) && line.includes(`"${interfaceName}"`))
      .map((line) => Number(line.split(' ').at(-1)))
  }

  test('each kind is metered, and its client has a name', async () => {
    for (const [i, one] of TUNNELS.entries()) await curl(far, `http://${one.site}/${1000 + i}`)
    await untilRows(
      server,
      'a row for each',
      (rows) => rows.filter((row) => row.destAddr.endsWith(':80')).length === TUNNELS.length,
    )
    const rows = await web()
    expect(rows.map((row) => [row.clientName, row.resourceName, row.connState]).sort()).toEqual(
      TUNNELS.map((one) => [one.clientName, `web on ${one.kind}`, 'SF']).sort(),
    )
    expect(rows.map((row) => row.peerPublicKey !== null)).toEqual(
      rows.map((row) => row.clientName === 'netbird phone'),
    )
    interface Judge {
      clientPort: number
      bytesRead: number
      bytesWritten: number
    }
    for (const one of http.json<Judge>()) {
      const row = rows.find((row) => row.sourceAddr.endsWith(`:${one.clientPort}`))
      expect([row?.payloadTx, row?.payloadRx]).toEqual([one.bytesRead, one.bytesWritten])
    }
  })

  test("each interface's packets are those that the kernel counted", async () => {
    for (const { kind } of TUNNELS) {
      await quiet(site, name(kind))
      await until(`${kind} compared in quiet`, async () => {
        const bounds = await metric('tunmeter_unexplained_packets', name(kind))
        return bounds.length === 2 && bounds.every((one) => one === 0)
      })
    }
    // Ethernet counts its headers: octets compare on the others.
    expect(await metric('tunmeter_unexplained_bytes', name('eth0'))).toEqual([])
    for (const kind of ['tail0', 'wt0', 'tun0'])
      expect(await metric('tunmeter_unexplained_bytes', name(kind))).toEqual([0, 0])
    expect(await metric('tunmeter_peers_compared', name('wt0'))).toEqual([1])
    expect(await metric('tunmeter_peers_compared', name('tail0'))).toEqual([])
  })

  test('an interface goes, another one comes: the pattern follows', async () => {
    await netbird.process.stop('SIGKILL')
    await until(
      'wt0 is gone',
      async () => (await metric('tunmeter_interface_up', name('wt0')))[0] === 0,
    )
    await cable('new0', LATER.site, LATER.client)
    await meter.process.says('interface found')
    await curl(far, `http://${LATER.site}/77`)
    const rows = await untilRows(server, 'a row of the new interface', (all) =>
      all.some((row) => row.clientName === LATER.clientName),
    )
    expect(rows.filter((row) => row.resourceName === 'web on new0')).toHaveLength(1)
    await meter.stop()
  })
})
