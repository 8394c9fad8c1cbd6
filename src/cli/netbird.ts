/**
 * Clients, users and resources from NetBird's management API, as a catalog.
 *
 * The API gives no public keys, so clients have their addresses in the network. NetBird's ids are texts and a catalog's
 * are numbers: a hash of the text gives the same number with every import.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../base/errors.js'
import { parseWith } from '../base/faults.js'
import { catalogSchema, prefixSchema } from '../session/catalog.js'
import type { ApiClient } from './api-client.js'
import type { Pulled } from './pangolin.js'

const NETWORKS_MAX = 1000
const FAULTS_SHOWN_MAX = 10

const peer = z.object({
  id: z.string(),
  name: z.string(),
  ip: z.string(),
  ipv6: z.string().nullish(),
  user_id: z.string().nullish(),
})
const user = z.object({ id: z.string(), email: z.string().nullish(), name: z.string().nullish() })
const network = z.object({ id: z.string(), name: z.string() })
const resource = z.object({ id: z.string(), name: z.string(), address: z.string() })

/** @throws AppError BAD_ANSWER, SERVER_AWAY, SERVER_REFUSED */
export async function pullNetBird(api: ApiClient, token: string): Promise<Pulled> {
  const list = async <T>(path: string, schema: z.ZodType<T>): Promise<T[]> => {
    const response = await api.open(path, { headers: { authorization: `Token ${token}` } })
    return taken(z.array(schema), await response.json().catch(() => null), path)
  }
  const peers = await list('/api/peers', peer)
  const users = await list('/api/users', user)
  const networks = await list('/api/networks', network)
  if (networks.length > NETWORKS_MAX)
    throw new AppError('BAD_ANSWER', `/api/networks: more than ${NETWORKS_MAX} networks`)
  const resources: z.infer<typeof resource>[] = []
  for (const { id } of networks)
    resources.push(...(await list(`/api/networks/${encodeURIComponent(id)}/resources`, resource)))
  const isPrefix = (one: { readonly address: string }) =>
    prefixSchema.safeParse(one.address).success
  const userIds = new Set(users.map(({ id }) => id))
  const catalog = taken(
    catalogSchema,
    {
      clients: peers.map((one) => ({
        clientId: numberOf(one.id),
        name: one.name,
        ...(one.user_id && userIds.has(one.user_id) && { userId: one.user_id }),
        addresses: [one.ip, one.ipv6].filter((ip) => prefixSchema.safeParse(ip).success),
      })),
      users: users.map(({ id, name, email }) => ({
        userId: id,
        name: name || email || id,
        ...(email && { email }),
      })),
      resources: resources.filter(isPrefix).map(({ id, name, address }) => {
        return { siteResourceId: numberOf(id), name, destination: address }
      }),
    },
    'catalog',
  )
  const skipped = resources
    .filter((one) => !isPrefix(one))
    .map(({ name, address }) => `resource ${name}: its address "${address}" is a name`)
  return { catalog, skipped }
}

/** 48 bits: of 50,000 networks with 100,000 entries, one has two equal numbers, and its catalog is refused. */
function numberOf(id: string): number {
  return createHash('sha256').update(id).digest().readUIntBE(0, 6) + 1
}

/** @throws AppError BAD_ANSWER */
function taken<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const { data, faults } = parseWith(schema, value, what)
  if (faults.length === 0) return data as z.output<S>
  const shown = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => `${what}: ${fault}`)
  throw new AppError('BAD_ANSWER', shown.join('\n'), {
    hint: 'Is --from the management server, as in https://api.netbird.io, without /api?',
    facts: { faults: faults.length },
  })
}
