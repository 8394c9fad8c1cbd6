/**
 * ClickHouse fails, a caller goes, a password is wrong: what callers get, and that nothing half is left. All answers are
 * of a real server.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ClickHouseAddress, Client } from '../../../src/server/store/clickhouse/client.js'
import { ClickHouseSessions } from '../../../src/server/store/clickhouse/sessions.js'
import type { StoredSession } from '../../../src/server/store/store.js'
import { session } from '../../support/batches.js'
import { ClickHouseRig, whyNoClickHouse } from '../../support/clickhouse.js'
import { MemoryMeta } from '../../support/memory-meta.js'
import { ALWAYS, stored } from '../../support/store.js'
import { until } from '../../support/until.js'

const missing = whyNoClickHouse()
const BY_TIME = { key: 'startTime', descending: false } as const

/** Errors of replicas and of whole clusters, too, which one server has not by itself: throwIf() answers as they do. */
const CODES: readonly [code: number, name: string, ours: string][] = [
  [75, 'CANNOT_WRITE_TO_FILE_DESCRIPTOR', 'STORE_FULL'],
  [81, 'UNKNOWN_DATABASE', 'STORE_UNREADABLE'],
  [159, 'TIMEOUT_EXCEEDED', 'STORE_BUSY'],
  [164, 'READONLY', 'STORE_BUSY'],
  [202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 'STORE_BUSY'],
  [203, 'NO_FREE_CONNECTION', 'STORE_BUSY'],
  [209, 'SOCKET_TIMEOUT', 'STORE_BUSY'],
  [210, 'NETWORK_ERROR', 'STORE_BUSY'],
  [225, 'NO_ZOOKEEPER', 'STORE_BUSY'],
  [241, 'MEMORY_LIMIT_EXCEEDED', 'STORE_MEMORY'],
  [242, 'TABLE_IS_READ_ONLY', 'STORE_BUSY'],
  [243, 'NOT_ENOUGH_SPACE', 'STORE_FULL'],
  [252, 'TOO_MANY_PARTS', 'STORE_BUSY'],
  [279, 'ALL_CONNECTION_TRIES_FAILED', 'STORE_BUSY'],
  [285, 'TOO_FEW_LIVE_REPLICAS', 'STORE_BUSY'],
  [286, 'UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE', 'STORE_BUSY'],
  [319, 'UNKNOWN_STATUS_OF_INSERT', 'STORE_BUSY'],
  [439, 'CANNOT_SCHEDULE_TASK', 'STORE_BUSY'],
  [497, 'ACCESS_DENIED', 'STORE_UNREADABLE'],
  [516, 'AUTHENTICATION_FAILED', 'STORE_UNREADABLE'],
  [745, 'SERVER_OVERLOADED', 'STORE_BUSY'],
  [999, 'KEEPER_EXCEPTION', 'STORE_BUSY'],
]

const rowOf = (sequence: number): StoredSession =>
  stored(session(sequence, { startTimeUs: 1.7e15 + sequence * 3600e6 }), 'acme', 1, 'meter-1')

describe.skipIf(missing !== null)(`faults${missing === null ? '' : ` (${missing})`}`, () => {
  let rig: ClickHouseRig
  let address: ClickHouseAddress
  let client: Client
  const opened: { close(): Promise<void> }[] = []
  beforeAll(async () => {
    rig = await ClickHouseRig.start()
    address = { url: rig.url, database: await rig.database() }
    client = new Client(address)
  })
  afterAll(async () => {
    for (const one of [client, ...opened]) await one?.close()
    await rig?.stop()
  })

  async function sessions(more: Partial<ClickHouseAddress> = {}, sliceRows = 20_000) {
    const options = { ...address, ...more, meta: new MemoryMeta(), sliceRows }
    const made = await ClickHouseSessions.open(options)
    opened.push(made)
    return made
  }

  async function filled(rows: number, sliceRows: number) {
    const made = await sessions({ database: await rig.database() }, sliceRows)
    await made.writeLoose(
      'acme',
      1,
      Array.from({ length: rows }, (_, i) => rowOf(i + 1)),
    )
    return made
  }

  test.each(CODES)('%d %s is %s', async (code, name, ours) => {
    expect(await client.rows('acme', `SELECT errorCodeToName(${code})`)).toEqual([[name]])
    const failing = `SELECT throwIf(true, 'as a test wants it', toInt16(${code}))
      SETTINGS allow_custom_error_code_in_throwif = 1`
    await expect(client.rows('acme', failing)).rejects.toMatchObject({ code: ours })
    await expect(client.run(failing)).rejects.toMatchObject({ code: ours })
  })

  test('a query that needs too much memory', async () => {
    const asked = client.rows(
      'acme',
      'SELECT number, groupArray(number) FROM numbers(1e6) GROUP BY number SETTINGS max_memory_usage = 1e6',
    )
    await expect(asked).rejects.toMatchObject({ code: 'STORE_MEMORY' })
  })

  test('too many parts: the batch is refused, and stored when it is sent again', async () => {
    const database = await rig.database()
    const log = await sessions({ database })
    const group = (sequence: number) => ({
      ...{ orgId: 'acme', siteId: 1, meterId: 'meter-1', runStartedUs: 1 },
      sessions: [rowOf(sequence)].map((row) => ({
        ...row,
        startTimeUs: 1.7e15,
        endTimeUs: 1.8e15,
      })),
    })
    await rig.query(`SYSTEM STOP MERGES ${database}.session`)
    const limit = (parts: number) =>
      rig.query(
        `ALTER TABLE ${database}.session MODIFY SETTING parts_to_throw_insert = ${parts}, parts_to_delay_insert = ${parts}`,
      )
    await limit(2)
    for (const sequence of [1, 2]) await log.write([group(sequence)])
    await expect(log.write([group(3)])).rejects.toMatchObject({ code: 'STORE_BUSY' })
    expect(await log.count('acme', ALWAYS)).toBe(2)
    await limit(300)
    await log.write([group(3)])
    expect(await log.count('acme', ALWAYS)).toBe(3)
  })

  const SLOW = `sleepEachRow(0.5) FROM numbers(1000)
    SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 1e9`
  test.each<[string, (mark: string, signal: AbortSignal) => Promise<unknown>]>([
    ['a query', (mark, signal) => client.rows('acme', `SELECT '${mark}', ${SLOW}`, signal)],
    [
      'the sorting of an export',
      (mark, signal) =>
        client.run(
          `CREATE TABLE slow ENGINE = Memory AS SELECT '${mark}' AS a, ${SLOW}`,
          {},
          signal,
        ),
    ],
  ])('%s whose caller goes is stopped at the server', async (_, ask) => {
    const mark = randomUUID()
    const running = async () =>
      Number(
        await rig.query(
          `SELECT count() FROM system.processes WHERE query LIKE '%${mark}%' AND query NOT LIKE '%system.processes%'`,
        ),
      )
    const leaving = new AbortController()
    const failed = ask(mark, leaving.signal).catch((error: unknown) => error)
    await until(async () => (await running()) === 1)
    leaving.abort(new Error('gone'))
    expect(await failed).toMatchObject({ message: 'gone' })
    await until(async () => (await running()) === 0)
  })

  test('a query that fails after a million rows answers none of them', async () => {
    const sql = `SELECT number, throwIf(number = 999999, 'late') FROM numbers(2000000)`
    await expect(client.columns('acme', sql)).rejects.toThrow('late')
    let begun = false
    const read = client.read('acme', `${sql} FORMAT CSV`, undefined, async () => {
      begun = true
    })
    await expect(read).rejects.toThrow('late')
    expect(begun).toBe(false)
  })

  test.each([
    ['by time', BY_TIME],
    ['by bytes', { key: 'bytes', descending: true } as const],
  ])('an export %s fails when the server does, and ends no sooner', async (_, sort) => {
    const log = await filled(30, 5)
    const csv = log.csv('acme', ALWAYS, sort)[Symbol.asyncIterator]()
    const first = await csv.next()
    expect(first.value).toMatchObject({ rows: 5 })
    await rig.kill()
    try {
      await expect(csv.next()).rejects.toMatchObject({ code: 'STORE_BUSY' })
      const parquet = log.parquet('acme', ALWAYS, sort)
      await expect(parquet).rejects.toMatchObject({ code: 'STORE_BUSY' })
    } finally {
      await rig.start()
    }
    let rows = 0
    for await (const piece of log.csv('acme', ALWAYS, sort)) rows += piece.rows
    expect(rows).toBe(30)
  })

  // They are in test/rigs/clickhouse/users.xml.
  test('user and password', async () => {
    const { database } = address
    const log = await sessions({ username: 'writer', password: `p?/#@:'"ä` })
    await log.writeLoose('acme', 1, [rowOf(1)])
    expect(await log.count('acme', ALWAYS)).toBe(1)
    const refused = { code: 'STORE_UNREADABLE' }
    for (const password of ['', 'wrong'])
      await expect(sessions({ username: 'writer', password })).rejects.toMatchObject(refused)
    await expect(sessions({ username: 'nobody', password: 'x' })).rejects.toMatchObject(refused)
    await expect(sessions({ username: 'stranger' })).rejects.toMatchObject(refused)
    await expect(sessions({ database: `${database}_no` })).rejects.toMatchObject(refused)
  })
})
