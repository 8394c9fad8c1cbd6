/** Routes that export or erase the data stored about one person. */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { usToIso } from '../../../base/instant.js'
import { TIME_US_MAX } from '../../../session/bounds.js'
import type { Catalog } from '../../../session/catalog.js'
import { isPlainText, PLAIN_TEXT } from '../../../session/plain-text.js'
import { apiRow } from '../../query/api-row.js'
import { peerRow } from '../../query/peer-row.js'
import type {
  CatalogEntry,
  LogFilter,
  PeerEventRow,
  PeerPosition,
  Store,
  Subject,
} from '../../store/store.js'
import { confirmInBody, demandConfirmation, inBody } from '../confirmation.js'
import type { ServerContext } from '../context.js'
import { sendLong } from '../download.js'
import { replaceCatalog } from '../replace-catalog.js'
import { orgParams, type Route, route } from '../route.js'

const userId = z.string().min(1).max(255).refine(isPlainText, PLAIN_TEXT)
const clientId = z.int().min(1)
const ONE = 'expected userId or clientId, and not both'
const isOne = ({ userId: user, clientId: client }: { userId?: unknown; clientId?: unknown }) =>
  (user === undefined) !== (client === undefined)

const exportQuery = z
  .strictObject({
    userId: userId.optional(),
    clientId: z.coerce.number().pipe(clientId).optional(),
  })
  .refine(isOne, ONE)
const eraseBody = z
  .strictObject({
    userId: userId.optional(),
    clientId: clientId.optional(),
    confirm: confirmInBody,
    pseudonymise: z.boolean().default(false).meta({
      description: 'Sessions and totals stay, under random pseudonyms.',
    }),
  })
  .refine(isOne, ONE)
const erasedSchema = z.object({
  sessions: z.int(),
  peerEvents: z.int(),
  pseudonymised: z.boolean(),
  name: z.boolean().meta({ description: 'Whether the catalog had an entry, which was removed.' }),
  notCovered: z.array(z.string()).meta({ description: 'Places that may still hold copies.' }),
})

const NOT_COVERED = [
  'backups of the data directory, and copies of it',
  'files that were exported before',
  'meters: what waits in a spool comes later; their own catalogs (--catalog FILE)',
  'the server’s log: batches that came while this ran, until --log-keep is over',
  'the audit trail: who asked for this person, this erasure, and names in changes of the catalog',
  'space of the database’s files that is free now, until it is written again',
]

export function subjectRoutes(context: ServerContext): Route[] {
  return [exportRoute(context), eraseRoute(context)]
}

function subjectOf(input: { userId?: string | undefined; clientId?: number | undefined }): Subject {
  return input.userId === undefined ? { clientId: input.clientId! } : { userId: input.userId }
}

function filterOf(subject: Subject): LogFilter {
  return { fromUs: 0, toUs: TIME_US_MAX, party: subject }
}

function exportRoute({ store, security, metrics, destinations }: ServerContext): Route {
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/subject/export',
    tag: 'subject',
    summary:
      'All stored data of a user or client: names, monthly totals, events of peers, sessions',
    description:
      'NDJSON; `kind` of each line is `name`, `formerName`, `usage`, `sentTo` (a destination that sessions of the organisation went to), `peerEvent` or `session`.',
    scopes: ['admin'],
    params: orgParams,
    query: exportQuery,
    answer: null,
    produces: ['application/x-ndjson; charset=utf-8'],
    handle: async ({ params: { orgId }, query, key, request, reply, signal }) => {
      const headers = {
        'content-type': 'application/x-ndjson; charset=utf-8',
        'content-disposition': 'attachment; filename="subject.ndjson"',
        'cache-control': 'no-store',
      }
      if (request.method === 'HEAD') {
        await reply.headers(headers).send(Readable.from([]))
        return undefined
      }
      const subject = subjectOf(query)
      const rows = await store.count(orgId, filterOf(subject), { signal })
      await security.done('subjectExported', request.ip, key, { of: orgId, ...subject, rows })
      const holders = await destinations.holders(orgId)
      const text = textOf(store, orgId, { subject, holders }, signal)
      const stream = Readable.from(text, { objectMode: false })
      await sendLong(reply, headers, stream, () => metrics.stalledExports.inc())
      return undefined
    },
  })
}

async function* textOf(
  store: Store,
  orgId: string,
  { subject, holders }: { readonly subject: Subject; readonly holders: readonly string[] },
  signal: AbortSignal,
): AsyncGenerator<string> {
  const line = (kind: string, of: object) => `${JSON.stringify({ kind, ...of })}\n`
  const { catalog } = await store.catalog(orgId)
  for (const entry of entriesOf(catalog, subject)) yield line('name', entry)
  for (const former of await formerNames(store, orgId, subject)) yield line('formerName', former)
  for (const row of await usageOf(store, orgId, subject, signal)) yield line('usage', row)
  for (const destination of holders) yield line('sentTo', { destination })
  const oldestFirst = { key: 'startTime', descending: false } as const
  for await (const rows of peerEventsOf(store, orgId, subject, signal))
    yield rows.map((row) => line('peerEvent', peerRow(row))).join('')
  for await (const rows of store.rows(orgId, filterOf(subject), oldestFirst, { signal }))
    yield rows.map((row) => line('session', apiRow(row))).join('')
}

async function* peerEventsOf(
  store: Store,
  orgId: string,
  subject: Subject,
  signal: AbortSignal,
): AsyncGenerator<readonly PeerEventRow[]> {
  const whose =
    'userId' in subject ? { userIds: [subject.userId] } : { clientIds: [subject.clientId] }
  const filter = { fromUs: 0, toUs: TIME_US_MAX, ...whose }
  let after: PeerPosition | undefined
  do {
    const page = await store.peerEvents(orgId, { filter, limit: 5_000, after }, { signal })
    yield page.rows
    after = page.next ?? undefined
  } while (after !== undefined)
}

async function formerNames(store: Store, orgId: string, subject: Subject): Promise<object[]> {
  const names = await store.namesOf(orgId, catalogEntryOf(subject))
  const former = names.filter(({ untilUs }) => untilUs !== null)
  return former.map(({ name, email, untilUs }) => ({
    ...subject,
    name,
    email,
    until: usToIso(untilUs!),
  }))
}

function catalogEntryOf(subject: Subject): CatalogEntry {
  return 'userId' in subject
    ? { kind: 'user', id: subject.userId }
    : { kind: 'client', id: subject.clientId }
}

function entriesOf({ clients, users }: Catalog, subject: Subject): object[] {
  if ('clientId' in subject) return clients.filter((c) => c.clientId === subject.clientId)
  const { userId: user } = subject
  return [...users.filter((u) => u.userId === user), ...clients.filter((c) => c.userId === user)]
}

function eraseRoute(context: ServerContext): Route {
  const { store, security, destinations } = context
  // Destinations keep the copies that they received.
  const notCovered = async (orgId: string) => {
    const holders = await destinations.holders(orgId)
    return [...holders.map((name) => `what was sent to the destination ${name}`), ...NOT_COVERED]
  }
  return route({
    method: 'POST',
    path: '/api/v1/org/{orgId}/subject/erase',
    tag: 'subject',
    summary: 'Erase all sessions, events of peers and the name of a user or client',
    description:
      'Without `confirm`, the answer is 409 `confirmNeeded` with the number of sessions (`data.sessions`), which `confirm` must repeat. Monthly totals stay, without a name, and completeness has a counted hole `erased`. With `pseudonymise`, sessions and events of peers stay, too, under pseudonyms that lead back to nobody. This cannot be undone.',
    scopes: ['admin'],
    params: orgParams,
    body: eraseBody,
    answer: erasedSchema,
    statuses: { 409: 'It is to be confirmed; or the catalog was changed meanwhile.' },
    handle: async ({ params: { orgId }, body, key, request }) => {
      const subject = subjectOf(body)
      const { pseudonymise: pseudonymised } = body
      const found = await store.count(orgId, filterOf(subject))
      demandConfirmation({ found, confirm: body.confirm, as: inBody, verb: 'erases' })
      // Repeated erasures of unknown people must not push other entries out of the audit trail.
      const peerEvents = await store.peerEventsOf(orgId, subject)
      if (found + peerEvents === 0 && !(await isKnown(store, orgId, subject))) {
        security.write('subjectNotFound', request.ip, key, { of: orgId, ...subject })
        if (pseudonymised) await store.pseudonymise(orgId, subject, [])
        else await store.erase(orgId, subject)
        await destinations.forget(orgId)
        return {
          sessions: 0,
          peerEvents,
          pseudonymised,
          name: false,
          notCovered: await notCovered(orgId),
        }
      }
      const how = { of: orgId, ...subject, ...(pseudonymised && { pseudonymised }) }
      await security.done('subjectEraseStarted', request.ip, key, { ...how, found })
      const addresses = addressesOf((await store.catalog(orgId)).catalog, subject)
      const by = { orgId, key, request }
      const named = await replaceCatalog(context, by, (now) => without(now.catalog, subject), false)
      const name = named !== null
      const done = pseudonymised
        ? store.pseudonymise(orgId, subject, addresses)
        : store.erase(orgId, subject)
      const sessions = await done
        .catch(async (error: unknown) => {
          // The server's log says it if this cannot be recorded; the caller needs the reason of the failure.
          const failed = security.done('subjectErased', request.ip, key, { ...how, failed: true })
          await failed.catch(() => undefined)
          throw error
        })
        // A failed erasure may have deleted a part.
        .finally(() => destinations.forget(orgId))
      await security.done('subjectErased', request.ip, key, { ...how, sessions, peerEvents, name })
      return { sessions, peerEvents, pseudonymised, name, notCovered: await notCovered(orgId) }
    },
  })
}

/** The person's addresses, without the length of a single-address prefix, because sessions store them so. */
function addressesOf({ clients }: Catalog, subject: Subject): string[] {
  const own = clients.filter((c) =>
    'clientId' in subject ? c.clientId === subject.clientId : c.userId === subject.userId,
  )
  return own.flatMap((c) => c.addresses).map((address) => address.replace(/\/(32|128)$/, ''))
}

/** True if the current or an earlier catalog, or the monthly totals, have the person. */
async function isKnown(store: Store, orgId: string, subject: Subject): Promise<boolean> {
  if (entriesOf((await store.catalog(orgId)).catalog, subject).length > 0) return true
  if ((await store.namesOf(orgId, catalogEntryOf(subject))).length > 0) return true
  return (await usageOf(store, orgId, subject)).length > 0
}

async function usageOf(store: Store, orgId: string, subject: Subject, signal?: AbortSignal) {
  const [groupBy, id] =
    'userId' in subject
      ? (['user', subject.userId] as const)
      : (['client', String(subject.clientId)] as const)
  const months = { fromMonth: '1970-01', toMonth: '2199-12', groupBy }
  const rows = await store.usage(orgId, months, signal === undefined ? {} : { signal })
  return rows.filter((row) => row.id === id)
}

/** The catalog without the person. Null: it has no entry of the person. */
function without(catalog: Catalog, subject: Subject): Catalog | null {
  if (entriesOf(catalog, subject).length === 0) return null
  return 'clientId' in subject
    ? { ...catalog, clients: catalog.clients.filter((c) => c.clientId !== subject.clientId) }
    : {
        ...catalog,
        users: catalog.users.filter((u) => u.userId !== subject.userId),
        clients: catalog.clients.map((c) =>
          c.userId === subject.userId ? { ...c, userId: null } : c,
        ),
      }
}
