/**
 * Events of peers in each format: `native` (the fields of the log of peers), ECS, OCSF's Tunnel Activity (4014), OTLP
 * and Splunk's CIM. A field without a place is under `tunmeter.` in ECS and OTLP, and under `unmapped` in OCSF.
 */
import { parseEndpoint } from '../../../session/endpoint.js'
import { nester } from '../../../session/field-code.js'
import { isoUs } from '../../../session/fields.js'
import type { PeerEventName } from '../../../session/peer-event.js'
import { PEER_FIELDS, type PeerField } from '../../query/peer-row.js'
import type { PeerEventRow } from '../../store/store.js'
import { ECS_VERSION } from './ecs.js'
import { OCSF_VERSION } from './ocsf.js'
import type { RecordPlan } from './otlp.js'

export const PEER_COLUMNS = PEER_FIELDS.map(({ name }) => name)

export type PeerWriter = (row: PeerEventRow, isTest?: boolean) => object
type Columns = readonly string[] | null
type Value = string | number | boolean | null
type Leaf = readonly [path: readonly string[], read: (row: PeerEventRow) => unknown]
type Format = 'ecs' | 'ocsf' | 'otlp'
type Place = readonly [path: string, read?: (row: PeerEventRow) => Value]

const TUNNEL_ACTIVITY = 4014
const OPEN = 1
const CLOSE = 2
const OTHER = 99
const ACTIVITIES: Partial<Record<PeerEventName, number>> = { connected: OPEN, disconnected: CLOSE }
/** The schema's captions. The name of another activity is its source's own. */
const ACTIVITY_NAMES: Partial<Record<PeerEventName, string>> = {
  ...{ connected: 'Open', disconnected: 'Close' },
}
/** The schema's number of tunnel interfaces. */
const TUNNEL = 4
const TYPES: Partial<Record<PeerEventName, string>> = { connected: 'start', disconnected: 'end' }

/** The outer address in two parts. A pseudonym is no address: it has a place of its own. */
const addressOf = ({ endpoint }: PeerEventRow) =>
  endpoint === null ? undefined : parseEndpoint(endpoint)
const ipOf = (row: PeerEventRow) => addressOf(row)?.ip ?? null
const portOf = (row: PeerEventRow) => addressOf(row)?.port ?? null
const pseudonymOf = (row: PeerEventRow) => (addressOf(row) === undefined ? row.endpoint : null)

const OCSF_EVENT: readonly Place[] = [
  ['activity_name', ({ event }) => ACTIVITY_NAMES[event] ?? event],
  ['unmapped.event'],
]

/** Fields with places of their own. None: written otherwise, or left out. */
const PLACES: Readonly<Record<string, Partial<Record<Format, readonly Place[]>>>> = {
  time: { ecs: [], ocsf: [], otlp: [] },
  event: { ecs: [['event.action']], ocsf: OCSF_EVENT, otlp: [['tunmeter.event']] },
  eventId: { ecs: [['event.id']], ocsf: [['metadata.uid']] },
  meterId: { ecs: [['observer.name']], otlp: [] },
  siteId: { otlp: [] },
  interface: {
    ecs: [['observer.ingress.interface.name']],
    ocsf: [['tunnel_interface.name'], ['tunnel_interface.type_id', () => TUNNEL]],
  },
  userId: { ecs: [['user.id']], ocsf: [['user.uid']], otlp: [['user.id']] },
  userName: { ecs: [['user.name']], ocsf: [['user.name']], otlp: [['user.name']] },
  userEmail: { ecs: [['user.email']], ocsf: [['user.email_addr']], otlp: [['user.email']] },
  endpoint: {
    ecs: [
      ['source.ip', ipOf],
      ['source.port', portOf],
      ['tunmeter.endpoint', pseudonymOf],
    ],
    ocsf: [
      ['src_endpoint.ip', ipOf],
      ['src_endpoint.port', portOf],
      ['unmapped.endpoint', pseudonymOf],
    ],
    otlp: [
      ['source.address', ipOf],
      ['source.port', portOf],
      ['tunmeter.endpoint', pseudonymOf],
    ],
  },
}

function fieldsOf(columns: Columns): readonly PeerField[] {
  return columns === null ? PEER_FIELDS : PEER_FIELDS.filter(({ name }) => columns.includes(name))
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function placesOf(format: Format, columns: Columns): { path: string; read: PeerField['read'] }[] {
  return fieldsOf(columns).flatMap(({ name, read }) => {
    const other = format === 'ocsf' ? `unmapped.${name}` : `tunmeter.${snake(name)}`
    const places = PLACES[name]?.[format] ?? [[other] as Place]
    return places.map(([path, own = read]) => ({ path, read: own }))
  })
}

function leavesOf(format: Format, columns: Columns): Leaf[] {
  return placesOf(format, columns).map(({ path, read }) => [
    path.split('.'),
    (row) => read(row) ?? undefined,
  ])
}

function marked(event: Record<string, unknown>, name: string): object {
  return { ...event, [name]: { test: true, ...(event[name] as object | undefined) } }
}

function nativeLeaves(columns: Columns): Leaf[] {
  return fieldsOf(columns).map(({ name, read }) => [[name], read])
}

export function nativePeers(columns: Columns): PeerWriter {
  const eventOf = nester(nativeLeaves(columns))
  return (row, isTest) => (isTest ? { test: true, ...eventOf(row) } : eventOf(row))
}

export function ecsPeers(columns: Columns): PeerWriter {
  const hasEndpoint = columns === null || columns.includes('endpoint')
  const documentOf = nester<PeerEventRow>([
    [['@timestamp'], ({ timeUs }) => isoUs(timeUs)],
    [['ecs', 'version'], () => ECS_VERSION],
    [['event', 'kind'], () => 'event'],
    [['event', 'category'], () => ['network']],
    [['event', 'type'], ({ event }) => ['connection', TYPES[event] ?? 'info']],
    [['event', 'dataset'], () => 'tunmeter.peer'],
    [['event', 'module'], () => 'tunmeter'],
    [['observer', 'type'], () => 'vpn'],
    [['observer', 'product'], () => 'tunmeter'],
    [['related', 'ip'], (row) => (hasEndpoint && ipOf(row) !== null ? [ipOf(row)] : undefined)],
    ...leavesOf('ecs', columns),
  ])
  return (row, isTest) => (isTest ? marked(documentOf(row), 'tunmeter') : documentOf(row))
}

export function ocsfPeers(columns: Columns): PeerWriter {
  const activityOf = ({ event }: PeerEventRow) => ACTIVITIES[event] ?? OTHER
  const eventOf = nester<PeerEventRow>([
    [['activity_id'], activityOf],
    [['category_uid'], () => 4],
    [['class_uid'], () => TUNNEL_ACTIVITY],
    [['type_uid'], (row) => TUNNEL_ACTIVITY * 100 + activityOf(row)],
    [['severity_id'], () => 1],
    [['time'], ({ timeUs }) => Math.floor(timeUs / 1e3)],
    [['metadata', 'version'], () => OCSF_VERSION],
    [['metadata', 'product', 'name'], () => 'tunmeter'],
    [['metadata', 'product', 'vendor_name'], () => 'tunmeter'],
    // Unknown: which addresses the peer routes into the tunnel is its own matter.
    [['tunnel_type_id'], () => 0],
    [['protocol_name'], () => 'WireGuard'],
    ...leavesOf('ocsf', columns),
  ])
  return (row, isTest) => (isTest ? marked(eventOf(row), 'unmapped') : eventOf(row))
}

/** Log records of OTLP. */
export function peerPlan(columns: Columns): RecordPlan<PeerEventRow> {
  const shown = fieldsOf(columns).filter(({ name }) =>
    ['event', 'clientName', 'endpoint'].includes(name),
  )
  return {
    eventName: 'tunmeter.peer',
    timeUs: ({ timeUs }) => timeUs,
    line: (row) =>
      shown
        .map(({ read }) => read(row))
        .filter((one) => one !== null)
        .join(' ') || 'peer',
    attributes: placesOf('otlp', columns).map(({ path: key, read }) => ({ key, read })),
  }
}

export function cimPeers(columns: Columns): PeerWriter {
  const has = (name: string) => columns === null || columns.includes(name)
  const eventOf = nester<PeerEventRow>([
    ...nativeLeaves(columns),
    ...(has('endpoint')
      ? ([
          [['src_ip'], (row) => ipOf(row) ?? undefined],
          [['src_port'], (row) => portOf(row) ?? undefined],
        ] satisfies Leaf[])
      : []),
    ...(has('userId') ? [[['user'], (row) => row.userId ?? undefined] satisfies Leaf] : []),
  ])
  return (row, isTest) => (isTest ? { test: true, ...eventOf(row) } : eventOf(row))
}

export const PEER_FORMATS: Readonly<Record<string, (columns: Columns) => PeerWriter>> = {
  ...{ native: nativePeers, ecs: ecsPeers, ocsf: ocsfPeers },
}

/** An event for tests, with an address reserved for documentation. */
export function testPeer(nowUs: number): PeerEventRow {
  return {
    ...{ event: 'connected', timeUs: nowUs, interface: 'test', publicKey: null },
    ...{ endpoint: '192.0.2.1:51820', endpointBefore: null, handshakeUs: nowUs, already: false },
    ...{ allowedIps: null, allowedIpsBefore: null, clientId: null, userId: null },
    ...{ siteId: 0, meterId: 'test', eventId: '0'.repeat(22), siteName: null, clientName: null },
    ...{ userName: null, userEmail: null },
  }
}
