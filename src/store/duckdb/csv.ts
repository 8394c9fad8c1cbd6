/**
 * Rows of the log as CSV, written by DuckDB: making a JavaScript object of each row, and cells of it, costs several
 * times as much as all the rest of an export.
 *
 * The text is what session/csv.ts makes of the same rows, byte for byte (a test compares them).
 */
import { CSV_LINE_END } from '../../session/csv.js'
import { FIELDS } from '../../session/fields.js'
import { COLUMNS, usualHeadersSql } from './columns.js'
import { literal } from './database.js'
import type { Source } from './where.js'

/**
 * csvCell() of a text. Only functions of one argument that varies: of a dictionary, DuckDB then computes them once
 * for each of its words. In turn: the guard, doubled quotes, quotes around, and the cell of a text of no characters.
 */
function textCell(column: string): string {
  const guarded = `regexp_replace(${column}, '^([=+\\-@\\t\\r\\n])', '''\\1')`
  const quoted = `regexp_replace(replace(${guarded}, '"', '""'), '(?s)^(.*[",\\r\\n].*)$', '"\\1"')`
  return `regexp_replace(${quoted}, '^$', '""')`
}

const BASE32 = literal('0123456789ABCDEFGHJKMNPQRSTVWXYZ')
/** A character of a session id. By substr: looking it up in a list would copy the list for every chunk of rows. */
const digit = (shift: number) => `substr(${BASE32}, ((p.seq >> ${shift}) % 32 + 1)::INTEGER, 1)`
const milliseconds = '((p.duration_us + 500) // 1000)'
const endpoint = (side: string) =>
  `CASE WHEN p.${side}_port = 0 THEN p.${side}_ip ELSE concat(${side}_address.host, ':', p.${side}_port) END`
const time = (us: string) => `strftime(make_timestamp(${us}), '%Y-%m-%dT%H:%M:%S.%fZ')`

/** Cells that are not their column as it is. */
const CELLS: Readonly<Record<string, string>> = {
  timestamp: 'p.start_us // 1000000',
  sourceAddr: endpoint('source'),
  destAddr: endpoint('dest'),
  // Whole seconds apart: DuckDB writes 5.0 where JavaScript writes 5.
  duration: `CASE WHEN p.is_open THEN NULL WHEN ${milliseconds} % 1000 = 0 THEN (${milliseconds} // 1000)::VARCHAR
    ELSE (${milliseconds} / 1000.0)::DOUBLE::VARCHAR END`,
  sessionId: `p.run, ${[35, 30, 25, 20, 15, 10, 5, 0].map(digit).join(', ')}`,
  startTime: time('p.start_us'),
  endTime: time('p.start_us + p.duration_us'),
  payloadTx: 'p.payload_tx',
  payloadRx: 'p.payload_rx',
  interrupted: 'p.is_interrupted',
  communityId: `CASE WHEN p.source_port <> 0 AND p.dest_port <> 0 THEN
    community_id(p.protocol, source_address.hex, p.source_port::INTEGER, dest_address.hex, p.dest_port::INTEGER) END`,
  clientName: 'c.cell',
  userName: 'u.cell',
  resourceName: 'r.cell',
  siteName: 's.cell',
}

function cellSql(name: string): string {
  const special = CELLS[name]
  if (special !== undefined) return special
  return `p.${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`
}

/** Texts that anybody may have chosen. */
const FREE_TEXTS = ['org_id', 'meter_id', 'peer_public_key', 'client_endpoint', 'user_id']

/** What csvQuery reads of one source; `t` is the table. */
export function selectCells({ from, where, open, interrupted }: Source): string {
  const columns = COLUMNS.filter((c) => !c.name.startsWith('headers_')).map(({ name }) =>
    FREE_TEXTS.includes(name) ? `${textCell(`t.${name}`)} AS ${name}` : `t.${name}`,
  )
  const payload = (way: string) =>
    `t.bytes_${way} - t.headers_${way} - ${usualHeadersSql(way)} AS payload_${way}`
  return `SELECT ${columns.join(', ')}, t.user_id AS user_key,
    ${payload('tx')}, ${payload('rx')}, ${open} AS is_open, ${interrupted} AS is_interrupted
    FROM ${from} WHERE ${where}`
}

function names(table: string, alias: string, key: string): string {
  return `LEFT JOIN (SELECT id, ${textCell('name')} AS cell FROM ${table} WHERE org_id = $1) ${alias} ON ${alias}.id = p.${key}`
}

/**
 * All rows as one text, and their number. concat() takes NULL for an empty cell.
 * @param cells rows of selectCells()
 * @param order ORDER BY over them under the alias p
 */
export function csvQuery(cells: string, order: string): string {
  const line = [...FIELDS.map((field) => field.name), 'interrupted'].map(cellSql).join(", ',', ")
  // Taking an address apart is dear; few are different.
  return `WITH p AS MATERIALIZED (${cells}),
    address AS MATERIALIZED (SELECT ip, ip_hex(ip) AS hex, CASE WHEN contains(ip, ':') THEN '[' || ip || ']' ELSE ip END AS host
      FROM (SELECT source_ip AS ip FROM p UNION SELECT dest_ip FROM p))
    SELECT encode(string_agg(concat(${line}, ${literal(CSV_LINE_END)}), '' ${order})) AS text, count(*)::DOUBLE AS n
    FROM p JOIN address source_address ON source_address.ip = p.source_ip
    JOIN address dest_address ON dest_address.ip = p.dest_ip ${names('catalog_client', 'c', 'client_id')} ${names('catalog_user', 'u', 'user_key')}
    ${names('catalog_resource', 'r', 'site_resource_id')} ${names('catalog_site', 's', 'site_id')}`
}
