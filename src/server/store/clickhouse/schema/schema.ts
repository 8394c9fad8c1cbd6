/**
 * Tables. A column that was added later is added to an older table.
 *
 *   session   every report, at most one of a session after merging; queries read it with FINAL
 *   owner     the version of these tables, and the id of the PostgreSQL database that the rest is in
 *   doomed    keys of sessions that a deletion is about to delete (write/deletions.ts); `returns`: their meter might report
 *             them again, although their totals stay
 *   erased    ids of deleted sessions of that kind: later reports of them are not stored (write/admit.ts)
 *
 * The day of the start is the partition. It follows from the sorting key, so FINAL never merges across partitions, and
 * the sorting key begins with the time, so a page of the newest reads little. That needs a start that no report changes.
 */
import { COLUMNS, type Column, KEY_COLUMNS, typeOf } from './columns.js'

const DAY_US = 86_400_000_000
/** Longer than a spool keeps sessions. */
const ERASED_DAYS = 400
const ERASED_COLUMNS = KEY_COLUMNS.filter(({ name }) => name !== 'start_us')
const KEY = KEY_COLUMNS.map((column) => column.name).join(', ')

const define = (column: Column) => `${column.name} ${typeOf(column)} ${column.codec}`.trim()

/** To be raised when servers of an older version must not use the tables any more. */
export const SCHEMA_VERSION = 1

export const OWNER_TABLE =
  'CREATE TABLE IF NOT EXISTS owner (version UInt32, id String) ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1'

export const SCHEMA: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS session (
  ${COLUMNS.map(define).join(',\n  ')},
  INDEX by_seq seq TYPE minmax GRANULARITY 1,
  INDEX by_arrival arrival TYPE minmax GRANULARITY 1,
  INDEX by_kind kind TYPE set(4) GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
PARTITION BY intDiv(start_us, ${DAY_US})
ORDER BY (${KEY})
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
  `CREATE TABLE IF NOT EXISTS doomed (
  deletion String, ${KEY_COLUMNS.map(define).join(', ')}, returns UInt8
) ENGINE = MergeTree PARTITION BY deletion ORDER BY (${KEY})
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
  `CREATE TABLE IF NOT EXISTS erased (
  ${ERASED_COLUMNS.map(define).join(', ')}, at DateTime DEFAULT now()
) ENGINE = ReplacingMergeTree ORDER BY (${ERASED_COLUMNS.map(({ name }) => name).join(', ')})
TTL at + INTERVAL ${ERASED_DAYS} DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`,
  'ALTER TABLE doomed ADD COLUMN IF NOT EXISTS returns UInt8',
  `ALTER TABLE session ${COLUMNS.map((column) => `ADD COLUMN IF NOT EXISTS ${define(column)}`).join(', ')}`,
]
