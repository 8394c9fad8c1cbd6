/** The most frequent values for each filter, with counts. Each list applies all filters except its own. */
import type { LogFilter } from '../../filter.js'
import { ATTRIBUTES_MAX, type FilterAttributes } from '../../sums.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import type { OrgNames } from '../meta.js'
import { FROM, type Scope } from './scope.js'

interface Facet {
  /** The value as one text, in the form of the rows. Null if the session has none. */
  readonly value: string
  readonly own: keyof LogFilter
}

/** Port 0: unknown. */
const DEST_ADDR = `multiIf(t.dest_port = 0, toString(t.dest_ip),
  position(t.dest_ip, ':') > 0, concat('[', t.dest_ip, ']:', toString(t.dest_port)),
  concat(t.dest_ip, ':', toString(t.dest_port)))`

const FACETS: Readonly<Record<keyof FilterAttributes, Facet>> = {
  protocols: { value: 't.protocol', own: 'protocols' },
  destAddrs: { value: DEST_ADDR, own: 'dests' },
  connStates: { value: 't.conn_state', own: 'connStates' },
  endReasons: { value: 't.end_reason', own: 'endReasons' },
  clients: { value: 't.client_id', own: 'clientIds' },
  users: { value: 't.user_id', own: 'userIds' },
  resources: { value: 't.site_resource_id', own: 'siteResourceIds' },
  sites: { value: 't.site_id', own: 'siteIds' },
}
type Name = keyof FilterAttributes
type Counts = readonly (readonly [value: string, count: number])[]

/** Several lists with the same filters, in one pass. */
async function countsOf(
  client: Client,
  scope: Scope,
  names: readonly Name[],
  except: keyof LogFilter | undefined,
  signal?: AbortSignal,
): Promise<Map<Name, Counts>> {
  const lists = names.map(
    (name) => `(${literal(name)}, CAST(${FACETS[name].value}, 'Nullable(String)'))`,
  )
  const rows = await client.rows(
    scope.orgId,
    `SELECT one.1 AS list, one.2 AS v, count() AS n
     FROM (SELECT arrayJoin([${lists.join(', ')}]) AS one FROM ${FROM} WHERE ${scope.where(except)})
     WHERE v IS NOT NULL GROUP BY list, v ORDER BY list, n DESC, v LIMIT ${ATTRIBUTES_MAX} BY list`,
    signal,
  )
  return new Map(
    names.map((name) => [
      name,
      rows
        .filter(([list]) => list === name)
        .map(([, value, n]) => [value as string, n as number] as const),
    ]),
  )
}

export async function attributes(
  client: Client,
  scope: Scope,
  signal?: AbortSignal,
): Promise<FilterAttributes> {
  const all = Object.keys(FACETS) as Name[]
  const alone = all.filter((name) => scope.filter[FACETS[name].own] !== undefined)
  const together = all.filter((name) => !alone.includes(name))
  const lists = new Map<Name, Counts>()
  if (together.length > 0)
    for (const [name, counts] of await countsOf(client, scope, together, undefined, signal))
      lists.set(name, counts)
  for (const name of alone) {
    const counts = await countsOf(client, scope, [name], FACETS[name].own, signal)
    lists.set(name, counts.get(name)!)
  }
  return withNames(scope.names, (name) => lists.get(name)!)
}

function withNames(names: OrgNames, list: (name: Name) => Counts): FilterAttributes {
  const values = (name: Name) => list(name).map(([value, count]) => ({ value, count }))
  const named = (name: Name, known: ReadonlyMap<number, string>) =>
    list(name).map(([id, count]) => ({
      id: Number(id),
      name: known.get(Number(id)) ?? null,
      count,
    }))
  return {
    protocols: values('protocols'),
    destAddrs: values('destAddrs'),
    connStates: values('connStates'),
    endReasons: values('endReasons'),
    clients: named('clients', names.clients),
    users: list('users').map(([id, count]) => {
      const { name = null, email = null } = names.users.get(id) ?? {}
      return { id, name, count, email }
    }),
    resources: named('resources', names.resources),
    sites: named('sites', names.sites),
  }
}
