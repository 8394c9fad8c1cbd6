/** Rows of the log: the select list, and an answer's columns as LogRow objects. */
import { rowPicker } from '../../../../session/field-code.js'
import { payloadOf } from '../../headers.js'
import { sessionIdOf } from '../../ids.js'
import type { LogRow } from '../../session-log.js'
import { rowFieldOf } from '../../sql/column-names.js'
import type { Columns } from '../client.js'
import type { OrgNames } from '../meta.js'
import { FIELD_COLUMNS, FLAGS } from '../schema/columns.js'
import type { Scope } from './scope.js'

type Row = { -readonly [K in keyof LogRow]: LogRow[K] }

/** All columns of a row, as they are stored. */
export const PLAIN_COLUMNS: readonly string[] = [
  ...['org_id', 'site_id', 'meter_id', 'run', 'seq', 'start_us', 'duration_us'],
  ...['headers_tx', 'headers_rx'],
  ...FIELD_COLUMNS.map((column) => column.name),
]
const STATES = ['is_open', 'is_interrupted']
const FIELDS = [...PLAIN_COLUMNS, ...STATES].map(rowFieldOf) as (keyof Row | 'seq')[]

/** @param from a FROM item and its conditions; its rows have the alias t */
export function selectRows({ open, interrupted }: Pick<Scope, 'open' | 'interrupted'>): string {
  return `SELECT ${PLAIN_COLUMNS.map((name) => `t.${name} AS ${name}`).join(', ')},
    ${open} AS is_open, ${interrupted} AS is_interrupted`
}

export const ROW_COLUMNS = [...PLAIN_COLUMNS, ...STATES].join(', ')

type Named = { readonly [K in keyof Row]: readonly Row[K][] } & { readonly seq: readonly number[] }
const pick = rowPicker<Row>(FIELDS.filter((name) => name !== 'seq'))
const FLAG_FIELDS = FIELDS.filter(
  (name) => FLAGS.has(name) || name === 'open' || name === 'interrupted',
) as (keyof Row)[]

/** @param columns an answer whose first columns are those of selectRows() */
export function rowsOf(columns: Columns, names: OrgNames): LogRow[] {
  const named = Object.fromEntries(
    FIELDS.map((name, i) => [name, columns[i] ?? []]),
  ) as unknown as Named
  return named.seq.map((sequence, i) => rowAt(named, sequence, i, names))
}

function rowAt(columns: Named, sequence: number, i: number, names: OrgNames): LogRow {
  const row = pick(columns, i)
  row.sessionId = sessionIdOf(row.sessionId, sequence)
  row.endTimeUs += row.startTimeUs
  row.payloadTx = payloadOf(row, row.bytesTx, row.payloadTx, row.packetsTx)
  row.payloadRx = payloadOf(row, row.bytesRx, row.payloadRx, row.packetsRx)
  const flags = row as unknown as Record<string, unknown>
  for (const name of FLAG_FIELDS) {
    const value = flags[name]
    if (typeof value === 'number') flags[name] = value !== 0
  }
  const user = row.userId === null ? undefined : names.users.get(row.userId)
  row.clientName = nameOf(names.clients, row.clientId)
  row.userName = user?.name ?? null
  row.userEmail = user?.email ?? null
  row.resourceName = nameOf(names.resources, row.siteResourceId)
  row.siteName = nameOf(names.sites, row.siteId)
  row.otherClientName = nameOf(names.clients, row.otherClientId)
  return row
}

function nameOf(names: ReadonlyMap<number, string>, id: number | null): string | null {
  return id === null ? null : (names.get(id) ?? null)
}
