/**
 * The catalog: names and owners, which packets do not contain. One format for the meter's
 * `--catalog FILE` (JSON or YAML) and the server's `PUT …/catalog`.
 *
 * A client is found by its WireGuard public key, or by `addresses` if peers cannot be read (other
 * tunnels, capture files). A resource is found by longest prefix, then port and protocol. It may
 * have several entries, one for each destination and protocol.
 */
import { z } from 'zod'
import { parsePrefix } from './address.js'
import { LOG_LEVELS } from './log-rule.js'
import { isPlainText, PLAIN_TEXT } from './plain-text.js'

const name = z.string().min(1).max(255).refine(isPlainText, PLAIN_TEXT)
const userId = name
const email = z.string().max(320).refine(isPlainText, PLAIN_TEXT)
const id = z.int().min(1).max(Number.MAX_SAFE_INTEGER)

/** `ip` or `ip/length`; a bare address means the whole address. */
export const prefixSchema = z.string().refine((text) => parsePrefix(text) !== null, {
  error: 'expected an IP address or prefix, as in 10.8.0.2, 10.8.0.0/24 or fd00::/64',
})

const PORTS_EXPECTED = 'expected a port or a range, as in 443 or "8000-8100"'
/** One port or `low-high`. */
export const portRangeSchema = z.union(
  [
    z.int().min(0).max(65535),
    z.string().refine(
      (text) => {
        const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
        if (match === null) return false
        const low = Number(match[1])
        const high = Number(match[2] ?? match[1])
        return low <= high && high <= 65535
      },
      { error: PORTS_EXPECTED },
    ),
  ],
  { error: PORTS_EXPECTED },
)

/**
 * The most addresses of all clients together, and the most ports of all resources together. 100,000
 * entries with 1,024 each would not fit into memory.
 */
const IN_ALL_MAX = 500_000

const hidden = z.enum(['truncate', 'drop'])
/** The collection rule: log-rule.ts. Absent: `full`, with all fields. */
const collected = {
  log: z.enum(LOG_LEVELS).optional().meta({
    description:
      'full: sessions as metered. counts: sums of an hour without addresses. off: other traffic only.',
  }),
  fields: z
    .strictObject({
      address: hidden.optional(),
      port: z.literal('drop').optional(),
      endpoint: hidden.optional(),
      publicKey: z.literal('drop').optional(),
    })
    .optional()
    .meta({ description: "Fields of the client's side that are truncated or dropped." }),
}

const entriesSchema = z.strictObject({
  clients: z
    .array(
      z.strictObject({
        clientId: id,
        name,
        userId: userId.nullish(),
        /** WireGuard public key, base64 of 32 bytes. */
        publicKey: z
          .string()
          .regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/, 'expected a WireGuard public key')
          .nullish(),
        addresses: z.array(prefixSchema).max(1024).default([]),
        ...collected,
      }),
    )
    .max(100_000)
    .default([]),
  users: z
    .array(
      z.strictObject({
        userId,
        name,
        email: email.nullish(),
      }),
    )
    .max(100_000)
    .default([]),
  sites: z
    .array(z.strictObject({ siteId: id, name }))
    .max(10_000)
    .default([]),
  resources: z
    .array(
      z.strictObject({
        siteResourceId: id,
        name,
        /** Restricts the resource to one site. Absent: any site. */
        siteId: id.nullish(),
        destination: prefixSchema,
        protocol: z.enum(['tcp', 'udp']).nullish(),
        /** Absent or empty: any port. */
        ports: z.array(portRangeSchema).max(256).default([]),
        ...collected,
      }),
    )
    .max(100_000)
    .default([]),
  /**
   * Rules for addresses on either side. Absent instead of empty, because meters before 0.2 refuse
   * unknown keys.
   */
  prefixes: z
    .array(z.strictObject({ prefix: prefixSchema, name, ...collected }))
    .max(10_000)
    .optional(),
})

export const catalogSchema = entriesSchema
  .refine(({ clients }) => inAll(clients, (one) => one.addresses) <= IN_ALL_MAX, {
    path: ['clients'],
    error: `expected at most ${IN_ALL_MAX} addresses in all`,
  })
  .refine(({ resources }) => inAll(resources, (one) => one.ports) <= IN_ALL_MAX, {
    path: ['resources'],
    error: `expected at most ${IN_ALL_MAX} ports and ranges in all`,
  })

function inAll<T>(entries: readonly T[], list: (entry: T) => readonly unknown[]): number {
  return entries.reduce((sum, entry) => sum + list(entry).length, 0)
}

export type Catalog = z.infer<typeof catalogSchema>

type List<T> = Iterable<T> & { readonly length: number }
/** A catalog that is walked over; an entry holds until the next one is asked for, so that nobody keeps one. */
export type CatalogLists = {
  readonly [K in keyof Catalog]:
    | List<NonNullable<Catalog[K]>[number]>
    | Extract<Catalog[K], undefined>
}

export const EMPTY_CATALOG: Catalog = { clients: [], users: [], sites: [], resources: [] }
