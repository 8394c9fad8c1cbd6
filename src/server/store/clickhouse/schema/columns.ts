/**
 * The columns of `session`, from the table of fields: type, codec, and how a value is written as RowBinary.
 *
 * A session id is stored as its run and its sequence, the end as the duration, the payload as excess of headers: see
 * ../../headers.ts. Words and addresses are LowCardinality texts, so a function runs once a word of the dictionary.
 */
import { getter } from '../../../../session/field-code.js'
import {
  SESSION_FIELD_NAMES,
  SESSION_FIELDS,
  type SessionField,
  type SessionFieldName,
} from '../../../../session/session-table.js'
import { excessHeaders } from '../../headers.js'
import { RUN_LENGTH, sequenceOf } from '../../ids.js'
import type { StoredSession } from '../../session-log.js'
import { columnName } from '../../sql/column-names.js'

export type Width = 'u8' | 'u16' | 'u32' | 'u64' | 'i64' | 'u128' | 'text'
export type Value = number | bigint | string | boolean | null

export interface Column {
  readonly name: string
  readonly width: Width
  readonly nullable: boolean
  /** The end of its definition. */
  readonly codec: string
  readonly get: (record: VersionedSession) => Value
}

/** A session with the values that ClickHouse and the engine need beside it. */
export interface VersionedSession {
  readonly session: StoredSession
  readonly version: bigint
  /** 0 open, 1 closed as interrupted, 2 ended. */
  readonly kind: number
  /** The start of the run that reported it; 0: an access log. */
  readonly runStartedUs: number
  /** The number of the commit. */
  readonly arrival: number
  /** When it came, by the server's clock. */
  readonly cameUs: number
}

const T64 = 'CODEC(T64, ZSTD(1))'
const DELTA = 'CODEC(Delta(8), ZSTD(1))'
const ZSTD = 'CODEC(ZSTD(1))'

const TYPES: Readonly<Record<Width, string>> = {
  ...{ u8: 'UInt8', u16: 'UInt16', u32: 'UInt32', u64: 'UInt64', i64: 'Int64', u128: 'UInt128' },
  text: 'String',
}

export function typeOf({ width, nullable }: Pick<Column, 'width' | 'nullable'>): string {
  const type = nullable ? `Nullable(${TYPES[width]})` : TYPES[width]
  return width === 'text' ? `LowCardinality(${type})` : type
}

function own(
  name: string,
  width: Width,
  codec: string,
  get: (record: VersionedSession) => Value,
  nullable = false,
): Column {
  return { name, width, nullable, codec, get }
}

/** The sorting key first. No report changes one of these values of its session. */
export const KEY_COLUMNS: readonly Column[] = [
  own('org_id', 'text', '', ({ session }) => session.orgId),
  own('start_us', 'i64', DELTA, ({ session }) => session.startTimeUs),
  own('site_id', 'u64', T64, ({ session }) => session.siteId),
  own('run', 'text', '', ({ session }) => session.sessionId.slice(0, RUN_LENGTH)),
  own('seq', 'u64', 'CODEC(DoubleDelta, ZSTD(1))', ({ session }) => sequenceOf(session.sessionId)),
]

const OWN_COLUMNS: readonly Column[] = [
  own('version', 'u128', ZSTD, (record) => record.version),
  own('kind', 'u8', ZSTD, (record) => record.kind),
  own('meter_id', 'text', '', ({ session }) => session.meterId),
  own('run_started_us', 'i64', ZSTD, (record) => record.runStartedUs),
  own('arrival', 'u64', DELTA, (record) => record.arrival),
  own('came_us', 'i64', DELTA, (record) => record.cameUs),
  own('duration_us', 'u64', T64, ({ session }) => session.endTimeUs - session.startTimeUs),
  own(
    'headers_tx',
    'i64',
    T64,
    ({ session: s }) => excessHeaders(s, s.bytesTx, s.payloadTx, s.packetsTx),
    true,
  ),
  own(
    'headers_rx',
    'i64',
    T64,
    ({ session: s }) => excessHeaders(s, s.bytesRx, s.payloadRx, s.packetsRx),
    true,
  ),
]

/** Fields that are stored in other columns: those above. */
const KEPT_OTHERWISE: readonly SessionFieldName[] = [
  ...(['sessionId', 'startTimeUs', 'endTimeUs', 'payloadTx', 'payloadRx'] as const),
]

function plain(field: SessionFieldName): Column {
  const spec: SessionField = SESSION_FIELDS[field]
  const width = widthOf(spec)
  const get = getter<StoredSession, typeof field>(field)
  return {
    name: columnName(field),
    width,
    nullable: spec.nullable || !spec.inAccessLogs || spec.later === true,
    codec: width === 'text' ? '' : width === 'u8' ? ZSTD : T64,
    get: ({ session }) => get(session),
  }
}

function widthOf(field: SessionField): Width {
  if (field.type === 'boolean') return 'u8'
  if (field.type !== 'integer') return 'text'
  if (field.max <= 255) return 'u8'
  return field.max <= 65_535 ? 'u16' : 'u64'
}

export const FIELD_COLUMNS: readonly Column[] = SESSION_FIELD_NAMES.filter(
  (name) => !KEPT_OTHERWISE.includes(name),
).map(plain)

export const COLUMNS: readonly Column[] = [...KEY_COLUMNS, ...OWN_COLUMNS, ...FIELD_COLUMNS]

export const COLUMN_NAMES = COLUMNS.map((column) => column.name).join(', ')

/** Fields that are true or false; in ClickHouse 1 or 0. */
export const FLAGS: ReadonlySet<string> = new Set(
  SESSION_FIELD_NAMES.filter((name) => SESSION_FIELDS[name].type === 'boolean'),
)
