/** Reads the log of peers: pages of events, and connections. */
import { TIME_US_MAX } from '../../session/bounds.js'
import { placeSql } from './sql/arrival-place.js'
import { Bound, type Row, type Rows } from './sql/rows.js'
import { inNumbers, inTexts, int } from './sql/sql.js'
import {
  type Arrived,
  type ArrivedCount,
  type ArrivedRequest,
  type ConnectionsRequest,
  ENDPOINTS_MAX,
  type PeerConnection,
  type PeerEventRow,
  type PeerFilter,
  type PeerPage,
  type PeerPageRequest,
  TOLD_WITHIN_US,
} from './store.js'

const NAMES = `c.name AS client_name, u.name AS user_name, u.email AS user_email, s.name AS site_name`
const EVENT_COLUMNS = `t.*, t.site_id::FLOAT8 AS site, t.at_us::FLOAT8 AS at, t.client_id::FLOAT8 AS client,
  t.handshake_us::FLOAT8 AS handshake, ${NAMES}`
/** $1 is the organisation. */
const NAME_JOINS = `
  LEFT JOIN catalog_client c ON c.org_id = $1 AND c.id = t.client_id
  LEFT JOIN catalog_user u ON u.org_id = $1 AND u.id = t.user_id
  LEFT JOIN catalog_site s ON s.org_id = $1 AND s.id = t.site_id`

function who(sql: Bound, { clientIds, userIds }: PeerFilter): string[] {
  return [
    ...(clientIds === undefined ? [] : [inNumbers('t.client_id', clientIds)]),
    ...(userIds === undefined ? [] : [inTexts(sql, 't.user_id', userIds)]),
  ]
}

function which(sql: Bound, { siteIds, publicKeys }: PeerFilter): string[] {
  return [
    ...(siteIds === undefined ? [] : [inNumbers('t.site_id', siteIds)]),
    ...(publicKeys === undefined ? [] : [inTexts(sql, 't.public_key', publicKeys)]),
  ]
}

export async function peerEvents(
  query: Rows,
  orgId: string,
  { filter, limit, after }: PeerPageRequest,
): Promise<PeerPage> {
  const sql = new Bound()
  const org = sql.bind(orgId)
  const where = [
    `t.org_id = ${org}`,
    `t.at_us >= ${int(filter.fromUs)}`,
    `t.at_us < ${int(filter.toUs)}`,
    ...who(sql, filter),
    ...which(sql, filter),
    ...(filter.events === undefined ? [] : [inTexts(sql, 't.event', filter.events)]),
    ...(after === undefined
      ? []
      : [
          `t.at_us <= ${int(after.timeUs)}`,
          `(t.at_us < ${int(after.timeUs)} OR (t.event, t.event_id) < (${sql.bind(after.event)}, ${sql.bind(after.eventId)}))`,
        ]),
  ]
  const found = await query(
    `SELECT ${EVENT_COLUMNS}
     FROM (SELECT * FROM peer_event t WHERE ${where.join(' AND ')}
       ORDER BY at_us DESC, event DESC, event_id DESC LIMIT ${int(limit + 1)}) t ${NAME_JOINS}
     ORDER BY t.at_us DESC, t.event DESC, t.event_id DESC`,
    sql.values,
  )
  const rows = found.slice(0, limit).map(eventOf)
  const last = rows.at(-1)
  const isLast = found.length <= limit || last === undefined
  if (isLast) return { rows, next: null }
  const { timeUs, event, eventId } = last
  return { rows, next: { timeUs, event, eventId } }
}

/**
 * A connection belongs to a public key at one interface of one meter; to a client, if events have no key. It begins
 * with a `connected` that does not follow another `connected`, and ends with the next `disconnected`. The client of the
 * key may become known only later. So the filters for clients and users first select keys, and then connections.
 *
 * Meters report connected peers each day. So the events of the TOLD_WITHIN_US before the range show the peers that were
 * connected at its start. An earlier begin, addresses and names are read only for the connections that are shown.
 *
 * @param connectionKey a hash of site_id, meter_id, interface and of public_key or else client_id
 */
export async function peerConnections(
  query: Rows,
  orgId: string,
  { filter, limit, open = false, heard }: ConnectionsRequest,
  connectionKey: string,
): Promise<PeerConnection[]> {
  const sql = new Bound()
  const org = sql.bind(orgId)
  const asked = who(sql, filter)
  const where = [`t.org_id = ${org}`, ...which(sql, filter)]
  if (asked.length > 0)
    where.push(`(${asked.join(' AND ')} OR t.public_key IN (
      SELECT t.public_key FROM peer_event t WHERE t.org_id = ${org} AND ${asked.join(' AND ')}))`)
  if (heard !== undefined) where.push(isOf(sql, heard.meters))
  // The connection is open, so that a later report of the key is one of it.
  const isTold =
    heard === undefined
      ? ''
      : `AND k IN (SELECT k FROM mine WHERE event = 'connected' AND at_us > ${int(heard.toldAfterUs)})`
  const low = int(Math.max(0, filter.fromUs - TOLD_WITHIN_US))
  const hasPart = open
    ? 'to_us IS NULL'
    : `coalesce(to_us >= ${int(filter.fromUs)}, true) AND from_us < ${int(filter.toUs)}`
  const found = await query(
    `WITH mine AS (
       SELECT t.*, ${connectionKey} AS k
       FROM peer_event t WHERE ${where.join(' AND ')} AND t.event IN ('connected', 'disconnected', 'endpointChanged')),
     changes AS (
       SELECT * FROM (
         SELECT k, at_us, event, already, lag(event) OVER (PARTITION BY k ORDER BY at_us, event) AS before
         FROM mine WHERE at_us >= ${low} AND event <> 'endpointChanged') c
       WHERE event IS DISTINCT FROM before),
     shown AS MATERIALIZED (
       SELECT k, from_us, to_us, already, before IS NULL AND already AS is_cut FROM (
         SELECT k, event, before, already, at_us AS from_us,
            lead(at_us) OVER (PARTITION BY k ORDER BY at_us, event) AS to_us FROM changes) c
        WHERE event = 'connected' AND ${hasPart} ${isTold}
       ORDER BY from_us DESC, k ${asked.length > 0 ? '' : `LIMIT ${int(limit)}`}),
     earlier AS MATERIALIZED (
       SELECT k, at_us, event, already FROM mine
       WHERE at_us < ${low} AND event <> 'endpointChanged' AND k IN (SELECT k FROM shown WHERE is_cut)),
     begun AS (
       SELECT k, min(at_us) AS from_us, (array_agg(already ORDER BY at_us))[1] AS already
       FROM earlier LEFT JOIN (
         SELECT k, max(at_us) AS ended_us FROM earlier WHERE event = 'disconnected' GROUP BY k) e USING (k)
       WHERE event = 'connected' AND at_us > coalesce(ended_us, -1) GROUP BY k),
     whole AS (
       SELECT s.k, coalesce(b.from_us, s.from_us) AS from_us, s.to_us, coalesce(b.already, s.already) AS already
       FROM shown s LEFT JOIN begun b ON b.k = s.k AND s.is_cut),
     times AS (
       SELECT w.k, w.from_us, w.to_us, w.already, min(m.site_id) AS site_id, min(m.meter_id) AS meter_id,
         min(m.interface) AS interface, min(m.public_key) AS public_key,
         (array_agg(m.client_id ORDER BY m.at_us, m.event) FILTER (WHERE m.client_id IS NOT NULL))[1] AS client_id,
         (array_agg(m.user_id ORDER BY m.at_us, m.event) FILTER (WHERE m.client_id IS NOT NULL))[1] AS user_id,
         max(m.at_us) FILTER (WHERE m.event = 'connected') AS told_us,
         array_agg(m.endpoint ORDER BY m.at_us, m.event) FILTER (WHERE m.endpoint IS NOT NULL AND m.event <> 'disconnected') AS endpoints
       FROM whole w JOIN mine m ON m.k = w.k AND m.at_us >= w.from_us AND m.at_us <= coalesce(w.to_us, ${int(TIME_US_MAX)})
       GROUP BY w.k, w.from_us, w.to_us, w.already)
     SELECT t.site_id::FLOAT8 AS site, t.meter_id, t.interface, t.public_key, t.client_id::FLOAT8 AS client, t.user_id,
       t.from_us::FLOAT8 AS from_us, t.to_us::FLOAT8 AS to_us, t.told_us::FLOAT8 AS told_us, t.already,
       to_json(t.endpoints)::VARCHAR AS endpoints, ${NAMES}
     FROM times t ${NAME_JOINS} WHERE ${['true', ...asked].join(' AND ')}
     ORDER BY t.from_us DESC, t.site_id, t.meter_id, t.interface, t.public_key, t.client_id LIMIT ${int(limit)}`,
    sql.values,
  )
  return found.map((row) => ({
    ...whoOf(row),
    fromUs: row.from_us as number,
    toUs: row.to_us as number | null,
    toldUs: row.told_us as number,
    already: row.already as boolean,
    endpoints: withoutRepeats(JSON.parse((row.endpoints as string | null) ?? '[]') as string[]),
  }))
}

function isOf(sql: Bound, meters: NonNullable<ConnectionsRequest['heard']>['meters']): string {
  const all = meters.map(({ siteId, meterId }) => `(${int(siteId)}, ${sql.bind(meterId)})`)
  return all.length === 0 ? 'false' : `(t.site_id, t.meter_id) IN (${all.join(', ')})`
}

/** @param where selects the events of a person */
export async function countPeerEvents(query: Rows, orgId: string, where: string): Promise<number> {
  const rows = await query(
    `SELECT count(*)::FLOAT8 AS n FROM peer_event WHERE org_id = $1 AND ${where}`,
    [orgId],
  )
  return rows[0]!.n as number
}

/** An event is one row of a commit, so its id is the whole place within the commit. */
const PLACE = { run: 't.event_id', seq: '0' }

function arrivedWhere(
  sql: Bound,
  orgId: string,
  { filter, after, upTo }: Omit<ArrivedRequest, 'limit'>,
): string {
  const { fromUs, toUs, sessionIds } = filter
  return [
    `t.org_id = ${sql.bind(orgId)}`,
    `t.at_us >= ${int(fromUs)} AND t.at_us < ${int(toUs)}`,
    ...(sessionIds === undefined ? [] : [inTexts(sql, 't.event_id', sessionIds)]),
    placeSql(sql, after, '>', PLACE),
    placeSql(sql, upTo, '<=', PLACE),
  ].join(' AND ')
}

export async function arrivedPeers(
  query: Rows,
  orgId: string,
  request: ArrivedRequest,
): Promise<Arrived<PeerEventRow>> {
  const sql = new Bound()
  const order = (alias: string) =>
    ['arrival', 'site_id', 'event_id'].map((name) => `${alias}.${name}`).join(', ')
  const found = await query(
    `SELECT ${EVENT_COLUMNS}, t.arrival::FLOAT8 AS arrived
     FROM (SELECT * FROM peer_event t WHERE ${arrivedWhere(sql, orgId, request)}
       ORDER BY ${order('t')} LIMIT ${int(request.limit)}) t ${NAME_JOINS}
     ORDER BY ${order('t')}`,
    sql.values,
  )
  const rows = found.map(eventOf)
  const places = rows.map(({ siteId, eventId: run }, i) => ({
    ...{ arrival: found[i]!.arrived as number, siteId, run, sequence: 0 },
  }))
  return { rows, places }
}

export async function countArrivedPeers(
  query: Rows,
  orgId: string,
  request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
): Promise<ArrivedCount> {
  const sql = new Bound()
  const { endedBeforeUs } = request
  const ended = endedBeforeUs === undefined ? '' : ` AND t.at_us < ${int(endedBeforeUs)}`
  const rows = await query(
    `SELECT count(*)::FLOAT8 AS n, min(t.at_us)::FLOAT8 AS oldest
     FROM peer_event t WHERE ${arrivedWhere(sql, orgId, request)}${ended}`,
    sql.values,
  )
  return { sessions: rows[0]!.n as number, oldestEndUs: rows[0]!.oldest as number | null }
}

/** Drops repetitions, and all but the last ENDPOINTS_MAX. */
function withoutRepeats(endpoints: readonly string[]): string[] {
  return endpoints.filter((one, i) => one !== endpoints[i - 1]).slice(-ENDPOINTS_MAX)
}

function whoOf(row: Row) {
  return {
    siteId: row.site as number,
    siteName: row.site_name as string | null,
    meterId: row.meter_id as string,
    interface: row.interface as string,
    publicKey: row.public_key as string | null,
    clientId: row.client as number | null,
    clientName: row.client_name as string | null,
    userId: row.user_id as string | null,
    userName: row.user_name as string | null,
    userEmail: row.user_email as string | null,
  }
}

function eventOf(row: Row): PeerEventRow {
  return {
    ...whoOf(row),
    eventId: row.event_id as string,
    timeUs: row.at as number,
    event: row.event as PeerEventRow['event'],
    endpoint: row.endpoint as string | null,
    endpointBefore: row.endpoint_before as string | null,
    allowedIps: row.allowed_ips as string | null,
    allowedIpsBefore: row.allowed_ips_before as string | null,
    handshakeUs: row.handshake as number | null,
    already: row.already as boolean,
  }
}
