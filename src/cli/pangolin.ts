/**
 * Clients, users, sites and private resources from Pangolin's integration API, as a catalog.
 *
 * Lists come in pages (`page`, `pageSize`; users by `limit`, `offset`). A resource whose destination is a name and
 * that has no alias address cannot be matched by address; it is left out and reported.
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { AppError } from '../base/errors.js'
import { parseWith } from '../base/faults.js'
import { type Catalog, catalogSchema, prefixSchema } from '../session/catalog.js'
import type { ApiClient } from './api-client.js'

const PAGE = 1000
const PAGES_MAX = 1000
const FAULTS_SHOWN_MAX = 10

const clientSchema = z.object({
  clientId: z.int(),
  name: z.string(),
  pubKey: z.string().nullish(),
  subnet: z.string().nullish(),
  userId: z.string().nullish(),
})
const userSchema = z.object({
  id: z.string(),
  name: z.string().nullish(),
  username: z.string().nullish(),
  email: z.string().nullish(),
})
const siteSchema = z.object({ siteId: z.int(), name: z.string() })
const resourceSchema = z.object({
  siteResourceId: z.int(),
  name: z.string(),
  destination: z.string().nullish(),
  aliasAddress: z.string().nullish(),
  siteIds: z.array(z.int()).nullish(),
  siteId: z.int().nullish(),
  tcpPortRangeString: z.string().nullish(),
  udpPortRangeString: z.string().nullish(),
})
type PangolinResource = z.infer<typeof resourceSchema>

export interface Pulled {
  readonly catalog: Catalog
  /** Messages on entries that were left out. */
  readonly skipped: readonly string[]
}

/** @throws AppError BAD_ANSWER */
function taken<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const { data, faults } = parseWith(schema, value, what)
  if (faults.length === 0) return data as z.output<S>
  const shown = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => `${what}: ${fault}`)
  throw new AppError('BAD_ANSWER', shown.join('\n'), {
    hint: 'Is --from the integration API, as in https://api.example.com/v1?',
    facts: { faults: faults.length },
  })
}

/** All pages of a list. */
async function all<T>(
  api: ApiClient,
  path: string,
  key: string,
  schema: z.ZodType<T>,
): Promise<T[]> {
  const items: T[] = []
  for (let page = 1; page <= PAGES_MAX; page++) {
    const query = path.endsWith('/users')
      ? `limit=${PAGE}&offset=${(page - 1) * PAGE}`
      : `page=${page}&pageSize=${PAGE}`
    const data = await api.get<Record<string, unknown>>(`${path}?${query}`)
    const list = taken(z.array(schema), data[key], `${path}: ${key}`)
    items.push(...list)
    if (list.length < PAGE) break
  }
  return items
}

export async function pullPangolin(api: ApiClient, orgId: string): Promise<Pulled> {
  const org = `/org/${encodeURIComponent(orgId)}`
  const skipped: string[] = []
  // Pangolin lists machines (clients) and people's devices apart; both are peers of the tunnel.
  const clients = [
    ...(await all(api, `${org}/clients`, 'clients', clientSchema)),
    ...(await all(api, `${org}/user-devices`, 'devices', clientSchema)),
  ]
  const users = await all(api, `${org}/users`, 'users', userSchema)
  const sites = await all(api, `${org}/sites`, 'sites', siteSchema)
  const resources = await all(api, `${org}/site-resources`, 'siteResources', resourceSchema)
  const catalog = taken(
    catalogSchema,
    {
      clients: clients.map((c) => ({
        clientId: c.clientId,
        name: c.name,
        userId: c.userId ?? null,
        publicKey: c.pubKey ?? null,
        addresses: addressOf(c.subnet),
      })),
      users: users.map((u) => ({
        userId: u.id,
        name: u.name || u.username || u.email || u.id,
        email: u.email ?? null,
      })),
      sites: sites.map(({ siteId, name }) => ({ siteId, name })),
      resources: resources.flatMap((r) => resourceEntries(r, skipped)),
    },
    'catalog',
  )
  return { catalog, skipped }
}

/** `100.90.128.3/24` is the client's address with the network's length. */
function addressOf(subnet: string | null | undefined): string[] {
  const ip = subnet?.split('/')[0] ?? ''
  return isIP(ip) === 0 ? [] : [ip]
}

function resourceEntries(resource: PangolinResource, skipped: string[]): unknown[] {
  const { siteResourceId, name, destination, aliasAddress } = resource
  const targets = [destination, aliasAddress].filter(
    (t): t is string => prefixSchema.safeParse(t).success,
  )
  if (targets.length === 0) {
    skipped.push(
      `resource ${siteResourceId} (${name}): its destination "${destination ?? ''}" is not an address`,
    )
  }
  const siteIds = resource.siteIds ?? (resource.siteId ? [resource.siteId] : [])
  const siteId = siteIds.length === 1 ? siteIds[0] : null
  // An alias can equal the destination, and a catalog with two equal entries is refused.
  return [...new Set(targets)].flatMap((target) =>
    protocolPorts(resource).map((match) => ({
      siteResourceId,
      name,
      siteId,
      destination: target,
      ...match,
    })),
  )
}

/** Ranges as `*`, `80,443,8000-9000`; empty: none. */
function protocolPorts(resource: PangolinResource): { protocol: string | null; ports: string[] }[] {
  const tcp = resource.tcpPortRangeString ?? '*'
  const udp = resource.udpPortRangeString ?? '*'
  if (tcp === udp) return tcp === '' ? [] : [{ protocol: null, ports: portList(tcp) }]
  return [
    ...(tcp === '' ? [] : [{ protocol: 'tcp', ports: portList(tcp) }]),
    ...(udp === '' ? [] : [{ protocol: 'udp', ports: portList(udp) }]),
  ]
}

function portList(ranges: string): string[] {
  return ranges === '*' ? [] : ranges.split(',').map((r) => r.trim())
}
