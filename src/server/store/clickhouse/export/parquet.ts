/**
 * Parquet, made by ClickHouse. It is buffered there until it is complete (wait_end_of_query), so a failure is an error and
 * not a shorter file. Values equal those of CSV; startTime and endTime are instants.
 */
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EXPORT_FIELDS } from '../../export-fields.js'
import type { Sort } from '../../filter.js'
import type { ExportOptions } from '../../session-log.js'
import { columnName } from '../../sql/column-names.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import type { OrgNames } from '../meta.js'
import { orderBy } from '../read/pages.js'
import { selectRows } from '../read/rows.js'
import { FROM, type Scope } from '../read/scope.js'
import { COLUMNS, FLAGS } from '../schema/columns.js'

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const SESSION_TAIL = `arrayStringConcat(arrayMap(s -> substring('${DIGITS}',
  toUInt8(bitAnd(bitShiftRight(seq, s), 31)) + 1, 1), [35, 30, 25, 20, 15, 10, 5, 0]))`

function endpoint(ip: string, port: string): string {
  return `multiIf(${port} = 0, toString(${ip}), position(${ip}, ':') > 0,
    concat('[', ${ip}, ']:', toString(${port})), concat(${ip}, ':', toString(${port})))`
}

function usualHeaders(direction: 'tx' | 'rx'): string {
  return `toInt64(coalesce(packets_${direction}, 0)) * (if(protocol = 'udp', 28, 52) + if(position(source_ip, ':') > 0, 20, 0))`
}

const payload = (direction: 'tx' | 'rx') =>
  `toInt64(bytes_${direction}) - headers_${direction} - ${usualHeaders(direction)}`

const instant = (us: string) => `fromUnixTimestamp64Micro(toInt64(${us}), 'UTC')`

/** Community ID v1: see session/community-id.ts. */
const hexOf = (ip: string) =>
  `if(position(${ip}, ':') > 0, lower(hex(IPv6StringToNumOrDefault(toString(${ip})))),
     leftPad(lower(hex(IPv4StringToNumOrDefault(toString(${ip})))), 8, '0'))`
const portHex = (port: string) => `leftPad(lower(hex(toUInt16(${port}))), 4, '0')`
const [SOURCE, DEST] = ['source', 'dest'].map((side) => hexOf(`${side}_ip`)) as [string, string]
const COMMUNITY = `if(source_port = 0 OR dest_port = 0, NULL, concat('1:', base64Encode(SHA1(unhex(concat('0000',
  if((${SOURCE}, source_port) <= (${DEST}, dest_port),
    concat(${SOURCE}, ${DEST}, if(protocol = 'tcp', '0600', '1100'), ${portHex('source_port')}, ${portHex('dest_port')}),
    concat(${DEST}, ${SOURCE}, if(protocol = 'tcp', '0600', '1100'), ${portHex('dest_port')}, ${portHex('source_port')}))))))))`

const SPECIAL: Readonly<Record<string, string>> = {
  timestamp: 'intDiv(start_us, 1000000)',
  sourceAddr: endpoint('source_ip', 'source_port'),
  destAddr: endpoint('dest_ip', 'dest_port'),
  duration: 'if(is_open, NULL, round(duration_us / 1000) / 1000)',
  sessionId: `concat(run, ${SESSION_TAIL})`,
  startTime: instant('start_us'),
  endTime: instant('start_us + duration_us'),
  goodputTx: `${payload('tx')} - toInt64(retransmitted_bytes_tx)`,
  goodputRx: `${payload('rx')} - toInt64(retransmitted_bytes_rx)`,
  payloadTx: payload('tx'),
  payloadRx: payload('rx'),
  interrupted: "CAST(is_interrupted, 'Bool')",
  communityId: COMMUNITY,
}

/** The name of an id: names are few, and in the other database. */
function nameSql(
  id: string,
  names: readonly (readonly [number | string, string | null])[],
): string {
  const known = names.filter(([, name]) => name !== null)
  if (known.length === 0) return "CAST(NULL, 'Nullable(String)')"
  const ids = known.map(([one]) => (typeof one === 'string' ? literal(one) : `toUInt64(${one})`))
  const texts = known.map(([, name]) => literal(name!))
  const type = typeof known[0]![0] === 'string' ? 'String' : 'UInt64'
  const value = `assumeNotNull(CAST(${id}, 'Nullable(${type})'))`
  // An id that is no key of the map has no name; '' is one.
  const map = `mapFromArrays([${ids.join(', ')}], [${texts.join(', ')}])`
  return `if(${id} IS NOT NULL AND mapContains(${map}, ${value}), ${map}[${value}], NULL)`
}

function namesSql({ clients, users, resources, sites }: OrgNames): Record<string, string> {
  const people = [...users]
  return {
    clientName: nameSql('client_id', [...clients]),
    otherClientName: nameSql('other_client_id', [...clients]),
    resourceName: nameSql('site_resource_id', [...resources]),
    siteName: nameSql('site_id', [...sites]),
    userName: nameSql(
      'user_id',
      people.map(([id, { name }]) => [id, name] as const),
    ),
    userEmail: nameSql(
      'user_id',
      people.map(([id, { email }]) => [id, email] as const),
    ),
  }
}

/** Columns of texts; all others are numbers, which Parquet has as signed ones. */
const TEXTS = new Set(COLUMNS.filter(({ width }) => width === 'text').map(({ name }) => name))

function plain(field: string): string {
  const column = columnName(field)
  if (FLAGS.has(field)) return `CAST(${column}, 'Nullable(Bool)')`
  return TEXTS.has(column) ? column : `toInt64(${column})`
}

export function parquetSql(scope: Scope, sort: Sort, fields: readonly string[]): string {
  const named = namesSql(scope.names)
  const columns = fields.map(
    (name) => `${SPECIAL[name] ?? named[name] ?? plain(name)} AS "${name}"`,
  )
  return `SELECT ${columns.join(', ')} FROM (${selectRows(scope)} FROM ${FROM} WHERE ${scope.where()} ${orderBy(sort)})
    FORMAT Parquet SETTINGS output_format_parquet_string_as_string = 1, output_format_parquet_compression_method = 'zstd',
      output_format_parquet_use_custom_encoder = 1, max_threads = 1`
}

/** Resolves when ClickHouse has the whole file. */
export async function parquet(
  client: Client,
  scope: Scope,
  sort: Sort,
  { columns = EXPORT_FIELDS, signal }: ExportOptions = {},
): Promise<Readable> {
  const file = new PassThrough()
  await new Promise<void>((resolve, reject) => {
    client
      .read(scope.orgId, parquetSql(scope, sort, columns), signal, (stream) => {
        resolve()
        return pipeline(stream, file)
      })
      // If it has begun, pipeline() has destroyed the file with the error.
      .catch(reject)
  })
  return file
}
