/**
 * Two sites that report to one server, and clients with a tunnel to each of them, as in Pangolin:
 *
 *   clients ── bridge (198.51.100.0/24, server on .254) ──┬── site 1 ── lan (10.21.0.0/16, fd21::/64)
 *   100.90.128.11, .12, .13                               └── site 2 ── lan (10.22.0.0/16, fd22::/64)
 */
import type { Catalog } from '../../src/session/catalog.js'
import { Lab, type LabProcess, type Namespace, until, type WireGuardInterface } from './lab.js'

const TRAFFIC = new URL('traffic.mjs', import.meta.url).pathname
export const SERVER = '198.51.100.254:8480'
export const SITES = [1, 2] as const
export type SiteId = (typeof SITES)[number]

export interface LabSite {
  readonly space: Namespace
  readonly wg: WireGuardInterface
  readonly lan: Namespace
  readonly http: LabProcess
  readonly wiki: string
  readonly wiki6: string
}

export interface LabClient {
  readonly name: string
  readonly space: Namespace
  readonly wg: WireGuardInterface
  readonly ip4: string
  readonly ip6: string
}

export interface TwoSites {
  readonly lab: Lab
  readonly internet: Namespace
  readonly sites: Readonly<Record<SiteId, LabSite>>
  readonly clients: readonly LabClient[]
  readonly catalog: Catalog
}

export async function buildTwoSites(prefix: string): Promise<TwoSites> {
  const lab = await Lab.create(prefix)
  try {
    const internet = await lab.bridge('internet')
    await internet.ip('address add 198.51.100.254/24 dev br0')
    const sites = { 1: await addSite(lab, internet, 1), 2: await addSite(lab, internet, 2) }
    const clients: LabClient[] = []
    for (const [i, name] of ['anna', 'ravi', 'mei'].entries())
      clients.push(await addClient(lab, internet, sites, name, 11 + i))
    return { lab, internet, sites, clients, catalog: catalogOf(clients, sites) }
  } catch (error) {
    await lab.close()
    throw error
  }
}

async function addSite(lab: Lab, internet: Namespace, id: SiteId): Promise<LabSite> {
  const space = await lab.namespace(`site${id}`)
  const lan = await lab.namespace(`lan${id}`)
  await lab.plug(internet, space, 'eth0', [`198.51.100.${id}/24`])
  await space.ip(`link add lan0 type veth peer name eth0 netns ${lan.name}`)
  for (const address of [`10.2${id}.0.1/16`, `fd2${id}::1/64`])
    await space.ip(`address add ${address} dev lan0`)
  await space.ip('link set lan0 up')
  const [wiki, wiki6] = [`10.2${id}.0.10`, `fd2${id}::10`]
  for (const address of [`${wiki}/16`, `${wiki6}/64`])
    await lan.ip(`address add ${address} dev eth0`)
  await lan.ip('link set eth0 up')
  await lan.ip(`route add default via 10.2${id}.0.1`)
  await lan.ip(`-6 route add default via fd2${id}::1`)
  const wg = await lab.wireguard(space, `${lab.prefix}-s${id}`, {
    addresses: [`100.90.128.${id}/24`, `fd90::${id}/64`],
    listenPort: 51820,
  })
  const http = lan.spawn('node', [TRAFFIC, 'http', JSON.stringify({ host: '::', port: 80 })])
  await http.says('ready')
  await lan.spawn('iperf3', ['-s', '-B', wiki, '--forceflush']).says('Server listening')
  return { space, wg, lan, http, wiki, wiki6 }
}

async function addClient(
  lab: Lab,
  internet: Namespace,
  sites: Readonly<Record<SiteId, LabSite>>,
  name: string,
  host: number,
): Promise<LabClient> {
  const space = await lab.namespace(name)
  const [ip4, ip6] = [`100.90.128.${host}`, `fd90::${host}`]
  await lab.plug(internet, space, 'eth0', [`198.51.100.${host}/24`])
  const wg = await lab.wireguard(space, `${lab.prefix}-${name}`, {
    addresses: [`${ip4}/32`, `${ip6}/128`],
  })
  for (const id of SITES) {
    const inside = [`100.90.128.${id}/32`, `10.2${id}.0.0/16`, `fd2${id}::/64`]
    await sites[id].wg.setPeer({
      publicKey: wg.keys.publicKey,
      allowedIps: [`${ip4}/32`, `${ip6}/128`],
    })
    await wg.setPeer({
      publicKey: sites[id].wg.keys.publicKey,
      allowedIps: inside,
      endpoint: `198.51.100.${id}:51820`,
      keepaliveSeconds: 25,
    })
    for (const prefix of inside)
      await space.ip(`${prefix.includes(':') ? '-6 ' : ''}route add ${prefix} dev ${wg.name}`)
  }
  await until(`handshakes of ${name}`, async () => {
    const { stdout } = await space.run('wg', ['show', wg.name, 'latest-handshakes'])
    return stdout.match(/\t[1-9]/g)?.length === SITES.length
  })
  return { name, space, wg, ip4, ip6 }
}

function catalogOf(clients: readonly LabClient[], sites: TwoSites['sites']): Catalog {
  return {
    users: clients.map(({ name }) => ({ userId: name, name, email: `${name}@example.com` })),
    clients: clients.map(({ name, wg }, i) => ({
      clientId: i + 1,
      name,
      userId: name,
      publicKey: wg.keys.publicKey,
      addresses: [],
    })),
    sites: SITES.map((siteId) => ({ siteId, name: `Site ${siteId}` })),
    resources: SITES.flatMap((siteId) =>
      [sites[siteId].wiki, sites[siteId].wiki6].map((destination, i) => ({
        siteResourceId: 10 * siteId + i,
        name: `Wiki ${siteId}`,
        destination,
        ports: [],
        siteId,
      })),
    ),
  }
}
