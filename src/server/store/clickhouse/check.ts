/** Describes the tables in ClickHouse, and lists what is wrong with them, for `tunmeter store check`. It changes nothing. */
import { AppError } from '../../../base/errors.js'
import { type ClickHouseAddress, Client } from './client.js'
import { COLUMNS, typeOf } from './schema/columns.js'

/** The oldest version whose INSERT, FINAL and DELETE IN PARTITION are tested. */
const VERSION_MIN = 26
/** More parts of a partition are a fault: ClickHouse delays inserts beyond 1,000. */
const PARTS_MAX = 500

export interface Checked {
  readonly lines: readonly string[]
  readonly faults: readonly string[]
}

/** @throws AppError STORE_BUSY, STORE_UNREADABLE, NO_DATA */
export async function checkClickHouse(address: ClickHouseAddress): Promise<Checked> {
  const client = new Client(address)
  try {
    const lines: string[] = []
    const faults: string[] = []
    for (const part of [version, tables, columns, contents, replicas, unfinished])
      await part(client, lines, faults)
    return { lines, faults }
  } finally {
    await client.close()
  }
}

type Part = (client: Client, lines: string[], faults: string[]) => Promise<void>
const HERE = 'database = currentDatabase()'

const version: Part = async (client, lines, faults) => {
  const [[text = ''] = []] = (await client.rows('', 'SELECT version()')) as string[][]
  lines.push(`ClickHouse ${text}`)
  if (Number.parseInt(text, 10) < VERSION_MIN)
    faults.push(`ClickHouse ${text} is older than ${VERSION_MIN}: update it`)
}

const tables: Part = async (client, lines, faults) => {
  const rows = (await client.rows(
    '',
    `SELECT name, engine, engine_full FROM system.tables WHERE ${HERE} AND name IN ('session', 'doomed', 'erased') ORDER BY name`,
  )) as string[][]
  if (!rows.some(([name]) => name === 'session'))
    throw new AppError('NO_DATA', 'the database has no sessions of tunmeter', {
      hint: 'Check the database in --store.',
    })
  for (const [name, engine, full = ''] of rows) {
    lines.push(`${name}: ${engine}`)
    if (name === 'session' && !engine!.endsWith('ReplacingMergeTree'))
      faults.push(`session is a ${engine}: it must be a ReplacingMergeTree, or a Replicated one`)
    if (!/fsync_after_insert = 1/.test(full) && !engine!.startsWith('Replicated'))
      faults.push(
        `${name} is not synced: ALTER TABLE ${name} MODIFY SETTING fsync_after_insert = 1`,
      )
  }
}

const columns: Part = async (client, _lines, faults) => {
  const rows = await client.rows(
    '',
    `SELECT name, type FROM system.columns WHERE ${HERE} AND table = 'session'`,
  )
  const found = new Map(rows as [string, string][])
  for (const column of COLUMNS) {
    const type = found.get(column.name)
    if (type === undefined)
      faults.push(`session has no column ${column.name}: a start of this version's server adds it`)
    else if (type !== typeOf(column))
      faults.push(`session.${column.name} is ${type} and must be ${typeOf(column)}`)
  }
}

const contents: Part = async (client, lines, faults) => {
  const [row = []] = (await client.rows(
    '',
    `SELECT sum(rows), sum(bytes_on_disk), uniqExact(partition), count() FROM system.parts
     WHERE ${HERE} AND table = 'session' AND active`,
  )) as number[][]
  const [rows = 0, bytes = 0, days = 0, parts = 0] = row
  const each = rows === 0 ? '' : `, ${(bytes / rows).toFixed(1)} bytes each`
  lines.push(`${rows} stored reports of sessions${each}; ${days} days in ${parts} parts`)
  const crowded = (await client.rows(
    '',
    `SELECT partition, count() AS n FROM system.parts WHERE ${HERE} AND table = 'session' AND active
     GROUP BY partition HAVING n > ${PARTS_MAX} ORDER BY n DESC LIMIT 10`,
  )) as [string, number][]
  for (const [partition, n] of crowded)
    faults.push(`day ${partition} has ${n} parts: ClickHouse is behind with merging`)
}

const replicas: Part = async (client, lines, faults) => {
  const rows = (await client.rows(
    '',
    `SELECT table, is_readonly, absolute_delay, active_replicas, total_replicas FROM system.replicas WHERE ${HERE}`,
  )) as [string, number, number, number, number][]
  if (rows.length === 0) lines.push('not replicated: what this server has is there once')
  for (const [table, readOnly, delay, active, total] of rows) {
    lines.push(`${table}: ${active} of ${total} replicas are active, ${delay} s behind`)
    if (readOnly === 1) faults.push(`${table} is read-only: its Keeper does not answer`)
    if (active < total) faults.push(`${total - active} replicas of ${table} are away`)
  }
}

const unfinished: Part = async (client, lines, faults) => {
  const failed = (await client.rows(
    '',
    `SELECT table, command, latest_fail_reason FROM system.mutations
     WHERE ${HERE} AND NOT is_done AND latest_fail_reason <> '' LIMIT 10`,
  )) as string[][]
  for (const [table, command, why] of failed)
    faults.push(`${table}: a deletion fails: ${why} (${command})`)
  const [[running = 0] = []] = (await client.rows(
    '',
    `SELECT count() FROM system.mutations WHERE ${HERE} AND NOT is_done`,
  )) as number[][]
  if (running > 0) lines.push(`${running} deletions are running`)
}
