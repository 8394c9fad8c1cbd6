/** Rows of the log: the select list with the catalog's names, and result chunks as LogRow objects. */
import type { DuckDBDataChunk } from '@duckdb/node-api'
import { rowPicker } from '../../../../session/field-code.js'
import { payloadOf } from '../../headers.js'
import { sessionIdOf } from '../../ids.js'
import { rowFieldOf } from '../../sql/column-names.js'
import type { LogRow } from '../../store.js'
import { COLUMNS, columnSql } from '../schema/columns.js'
import { columnsOf } from './chunk-columns.js'
import type { Source } from './where.js'

const NAMES = [
  ['clientName', 'c.name'],
  ['userName', 'u.name'],
  ['userEmail', 'u.email'],
  ['resourceName', 'r.name'],
  ['siteName', 's.name'],
  ['otherClientName', 'o.name'],
] as const

/** All columns of a source with its flags, without names. @param lastColumn SQL of a further column */
export function selectPlain(source: Source, lastColumn?: string): string {
  const columns = COLUMNS.map((c) => `${columnSql(c.name)} AS ${c.name}`).join(', ')
  return `SELECT ${columns}, ${source.open} AS is_open, ${source.interrupted} AS is_interrupted${lastColumn === undefined ? '' : `, ${lastColumn}`}
    FROM ${source.from} WHERE ${source.where}`
}

/** Adds the catalog's names to a query of selectPlain(). @param order ORDER BY on its columns, with the alias p */
export function withNames(plain: string, order: string, lastColumn?: string): string {
  const columns = COLUMNS.map((c) => {
    if (c.kind === 'integer') return `p.${c.name}::DOUBLE AS ${c.name}`
    return c.kind === 'enum' ? `p.${c.name}::VARCHAR AS ${c.name}` : `p.${c.name}`
  }).join(', ')
  return `SELECT ${columns}, p.is_open, p.is_interrupted, ${NAMES.map(([name, sql]) => `${sql} AS "${name}"`).join(', ')}${lastColumn === undefined ? '' : `, ${lastColumn}`}
    FROM (${plain}) p ${NAME_JOINS} ${order}`
}

export const NAME_TABLES = ['catalog_client', 'catalog_user', 'catalog_resource', 'catalog_site']

export const NAME_JOINS = `
    LEFT JOIN catalog_client c ON c.org_id = p.org_id AND c.id = p.client_id
    LEFT JOIN catalog_user u ON u.org_id = p.org_id AND u.id = p.user_id
    LEFT JOIN catalog_resource r ON r.org_id = p.org_id AND r.id = p.site_resource_id
    LEFT JOIN catalog_site s ON s.org_id = p.org_id AND s.id = p.site_id
    LEFT JOIN catalog_client o ON o.org_id = p.org_id AND o.id = p.other_client_id`

type Row = { -readonly [K in keyof LogRow]: LogRow[K] }

/** The fields of withNames()'s columns, in order. `seq` is no field of its own. */
const FIELDS = [
  ...COLUMNS.map((c) => c.name),
  'is_open',
  'is_interrupted',
  ...NAMES.map(([n]) => n),
].map(rowFieldOf) as (keyof Row | 'seq')[]

type Columns = { readonly [K in keyof Row]: ArrayLike<Row[K]> } & {
  readonly seq: ArrayLike<number>
}
const pick = rowPicker<Row>(FIELDS.filter((name) => name !== 'seq'))

export function rowsOfChunk(chunk: DuckDBDataChunk): LogRow[] {
  return rowsOfColumns(columnsOf(chunk), chunk.rowCount)
}

export function rowsOfColumns(columns: readonly ArrayLike<unknown>[], rows: number): LogRow[] {
  const named = Object.fromEntries(
    FIELDS.map((name, i) => [name, columns[i]]),
  ) as unknown as Columns
  return Array.from({ length: rows }, (_, i) => rowAt(named, named.seq[i]!, i))
}

function rowAt(columns: Columns, sequence: number, i: number): LogRow {
  const row = pick(columns, i)
  row.sessionId = sessionIdOf(row.sessionId, sequence)
  row.endTimeUs += row.startTimeUs
  row.payloadTx = payloadOf(row, row.bytesTx, row.payloadTx, row.packetsTx)
  row.payloadRx = payloadOf(row, row.bytesRx, row.payloadRx, row.packetsRx)
  return row
}
