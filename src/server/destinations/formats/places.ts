/**
 * Maps each field of a session to its place in ECS, OCSF, OTLP and Splunk's CIM. A field without an entry here is under
 * `tunmeter.` in ECS and OTLP, under `unmapped` in OCSF, and under its own name in Splunk's events.
 * docs/destination-fields.md is generated from this table.
 *
 * A place is written only if the destination asks for all fields that its value is made of.
 */
import { LOG_FIELDS, type LogField } from '../../query/api-row.js'
import type { LogRow } from '../../store/store.js'

export const FORMAT_NAMES = ['ecs', 'ocsf', 'otlp', 'cim'] as const
export type FormatName = (typeof FORMAT_NAMES)[number]

export type Value = string | number | boolean | null
type Read = (row: LogRow) => Value
/** A path, optionally with a function that reads its value. By default the field's own value is read. */
type Place = string | readonly [path: string, read: Read]
type Places = Partial<Record<FormatName, readonly Place[]>>

export interface Written {
  /** The fields that the value is made of. */
  readonly fields: readonly string[]
  readonly path: string
  readonly keys: readonly string[]
  readonly read: Read
}

const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 }
/** Consolidated access logs have no source port. */
const portOf = (port: number) => (port === 0 ? null : port)
const ms = (us: number) => Math.floor(us / 1e3)
const isV6 = ({ sourceIp }: LogRow) => sourceIp.includes(':')
const sum = (one: number | null, two: number | null) =>
  one === null || two === null ? null : one + two

const sourceIp = (name: string) => [name, (r: LogRow) => r.sourceIp] as const
const sourcePort = (name: string) => [name, (r: LogRow) => portOf(r.sourcePort)] as const
const destIp = (name: string) => [name, (r: LogRow) => r.destIp] as const
const destPort = (name: string) => [name, (r: LogRow) => portOf(r.destPort)] as const
const networkType = ['network.type', (r: LogRow) => (isV6(r) ? 'ipv6' : 'ipv4')] as const
const spanOf = (row: LogRow, perUs: number) =>
  row.open ? null : Math.round((row.endTimeUs - row.startTimeUs) * perUs)

const PLACES: Readonly<Record<string, Places>> = {
  // Left out, because startTime has the same time.
  timestamp: { ecs: [], ocsf: [], otlp: [] },
  protocol: {
    ecs: [
      'network.transport',
      ['network.iana_number', (r) => String(PROTOCOL_NUMBERS[r.protocol])],
    ],
    ocsf: [
      ['connection_info.protocol_num', (r) => PROTOCOL_NUMBERS[r.protocol]!],
      'connection_info.protocol_name',
    ],
    otlp: ['network.transport'],
    cim: ['transport'],
  },
  siteResourceId: under('resource.id'),
  clientId: under('client.id'),
  clientEndpoint: under('client.endpoint'),
  userId: { ecs: ['user.id'], ocsf: ['actor.user.uid'], otlp: ['user.id'], cim: ['user'] },
  sourceAddr: {
    ecs: [sourceIp('source.ip'), sourcePort('source.port'), networkType],
    ocsf: [
      ...[sourceIp('src_endpoint.ip'), sourcePort('src_endpoint.port')],
      ['connection_info.protocol_ver_id', (r) => (isV6(r) ? 6 : 4)],
    ],
    otlp: [sourceIp('source.address'), sourcePort('source.port'), networkType],
    cim: [sourceIp('src_ip'), sourcePort('src_port')],
  },
  destAddr: {
    ecs: [destIp('destination.ip'), destPort('destination.port')],
    ocsf: [destIp('dst_endpoint.ip'), destPort('dst_endpoint.port')],
    otlp: [destIp('destination.address'), destPort('destination.port')],
    cim: [destIp('dest_ip'), destPort('dest_port')],
  },
  duration: {
    ecs: [['event.duration', (r) => spanOf(r, 1e3)]],
    ocsf: [['duration', (r) => spanOf(r, 1e-3)]],
  },
  bytesTx: { ecs: ['source.bytes'], ocsf: ['traffic.bytes_out'], cim: ['bytes_out'] },
  bytesRx: { ecs: ['destination.bytes'], ocsf: ['traffic.bytes_in'], cim: ['bytes_in'] },
  packetsTx: { ecs: ['source.packets'], ocsf: ['traffic.packets_out'], cim: ['packets_out'] },
  packetsRx: { ecs: ['destination.packets'], ocsf: ['traffic.packets_in'], cim: ['packets_in'] },
  sessionId: {
    ecs: ['event.id'],
    ocsf: ['metadata.uid', 'connection_info.uid'],
    cim: ['session_id'],
  },
  // In OTLP, the organisation, the site and the meter are attributes of the resource.
  orgId: { ecs: ['organization.id'], ocsf: ['metadata.tenant_uid'], otlp: [] },
  siteId: { ...under('site.id'), otlp: [] },
  meterId: { ecs: ['observer.name'], otlp: [] },
  startTime: { ecs: ['event.start'], ocsf: [['start_time', (r) => ms(r.startTimeUs)]] },
  endTime: { ecs: ['event.end'], ocsf: [['end_time', (r) => ms(r.endTimeUs)]] },
  clientName: under('client.name'),
  userName: { ecs: ['user.name'], ocsf: ['actor.user.name'], otlp: ['user.name'] },
  resourceName: under('resource.name'),
  siteName: under('site.name'),
  communityId: { ecs: ['network.community_id'], ocsf: ['connection_info.community_uid'] },
  otherClientId: under('other_client.id'),
  otherUserId: under('other_user.id'),
  otherClientName: under('other_client.name'),
  userEmail: { ecs: ['user.email'], ocsf: ['actor.user.email_addr'], otlp: ['user.email'] },
}

/** Values made of two fields. They are written only if the destination asks for both. */
const SUMS: readonly { readonly fields: readonly string[]; readonly places: Places }[] = [
  {
    fields: ['bytesTx', 'bytesRx'],
    places: both(['network.bytes'], ['traffic.bytes'], ['bytes'], (r) => sum(r.bytesTx, r.bytesRx)),
  },
  {
    fields: ['packetsTx', 'packetsRx'],
    places: both(['network.packets'], ['traffic.packets'], ['packets'], (r) =>
      sum(r.packetsTx, r.packetsRx),
    ),
  },
]

function both(ecs: [string], ocsf: [string], cim: [string], read: Read): Places {
  return { ecs: [[ecs[0], read]], ocsf: [[ocsf[0], read]], cim: [[cim[0], read]] }
}

/** The same place in ECS and OTLP. */
function under(path: string): Places {
  return { ecs: [`tunmeter.${path}`], otlp: [`tunmeter.${path}`] }
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function defaultPlaces(name: string, format: FormatName): readonly Place[] {
  if (format === 'cim') return []
  return [format === 'ocsf' ? `unmapped.${name}` : `tunmeter.${snake(name)}`]
}

function written(fields: readonly string[], place: Place, own?: Read): Written {
  const [path, read] = typeof place === 'string' ? [place, own!] : place
  return { fields, path, keys: path.split('.'), read }
}

function ofField({ name, read }: LogField, format: FormatName): Written[] {
  const places = PLACES[name]?.[format] ?? defaultPlaces(name, format)
  return places.map((place) => written([name], place, read))
}

/** @param columns null: all fields */
export function placesOf(format: FormatName, columns: readonly string[] | null): Written[] {
  const all = [
    ...LOG_FIELDS.flatMap((field) => ofField(field, format)),
    ...SUMS.flatMap(({ fields, places }) =>
      (places[format] ?? []).map((place) => written(fields, place)),
    ),
  ]
  return columns === null
    ? all
    : all.filter(({ fields }) => fields.every((name) => columns.includes(name)))
}

/** For nester(): values that are null are left out. */
export function leavesOf(places: readonly Written[]) {
  return places.map(({ keys, read }) => [keys, (row: LogRow) => read(row) ?? undefined] as const)
}
