/**
 * The columns of a Parquet export. Names and order are those of session/fields.ts, values equal CSV and NDJSON (a test
 * compares them). Only startTime and endTime differ: they are instants (TIMESTAMP WITH TIME ZONE, isAdjustedToUTC), so
 * that readers do not take them for local times.
 */
import { EXPORT_FIELDS } from '../../export-fields.js'
import { columnName } from '../../sql/column-names.js'
import { COLUMNS, payloadSql } from '../schema/columns.js'

function endpoint(ip: string, port: string): string {
  return `CASE WHEN ${port} = 0 THEN ${ip} WHEN contains(${ip}, ':') THEN '[' || ${ip} || ']:' || ${port}::INTEGER
    ELSE ${ip} || ':' || ${port}::INTEGER END`
}

const SPECIAL: Readonly<Record<string, string>> = {
  timestamp: '(start_us::BIGINT // 1000000)',
  sourceAddr: endpoint('source_ip', 'source_port'),
  destAddr: endpoint('dest_ip', 'dest_port'),
  duration: 'CASE WHEN NOT is_open THEN round(duration_us / 1e3) / 1e3 END',
  sessionId: 'run || session_tail(seq::BIGINT)',
  startTime: 'make_timestamptz(start_us::BIGINT)',
  endTime: 'make_timestamptz((start_us + duration_us)::BIGINT)',
  goodputTx: `(${payloadSql('tx')} - retransmitted_bytes_tx)::BIGINT`,
  goodputRx: `(${payloadSql('rx')} - retransmitted_bytes_rx)::BIGINT`,
  payloadTx: `(${payloadSql('tx')})::BIGINT`,
  payloadRx: `(${payloadSql('rx')})::BIGINT`,
  interrupted: 'is_interrupted',
  communityId: `CASE WHEN source_port <> 0 AND dest_port <> 0 THEN
    community_id(protocol, ip_hex(source_ip), source_port::INTEGER, ip_hex(dest_ip), dest_port::INTEGER) END`,
}

function fieldSql(name: string): string {
  const special = SPECIAL[name]
  if (special !== undefined) return special
  const snake = columnName(name)
  const column = COLUMNS.find((c) => c.name === snake)
  if (column === undefined) return `"${name}"`
  return column.kind === 'integer' ? `${snake}::BIGINT` : snake
}

/** @param exportText the export query, whose columns are those of withNames() */
export function parquetQuery(exportText: string, columns = EXPORT_FIELDS): string {
  return `SELECT ${columns.map((name) => `${fieldSql(name)} AS "${name}"`).join(', ')} FROM (${exportText})`
}
