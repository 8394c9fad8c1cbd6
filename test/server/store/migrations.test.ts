/** Files of earlier versions: what they held is there again, row for row. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkPeerEvents } from '../../../src/server/ingest/peer-events.js'
import { literal } from '../../../src/server/store/duckdb/database.js'
import {
  OWN_COLUMN_AT,
  peerOf,
  STORED_COLUMNS,
} from '../../../src/server/store/duckdb/schema/columns.js'
import { MIGRATIONS, SCHEMA_VERSION } from '../../../src/server/store/duckdb/schema/schema.js'
import type { LogRow } from '../../../src/server/store/store.js'
import { endOfArrival } from '../../../src/server/store/store.js'
import { runPrefix } from '../../../src/session/session-id.js'
import { batch } from '../../support/batches.js'
import { aPeerEvent } from '../../support/peer-events.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const HOUR_US = 3600e6
const START_US = Date.UTC(2026, 9, 31, 20) * 1e3
const RUN = runPrefix(Date.UTC(2026, 9, 31), new Uint8Array([7, 0, 0, 0, 9]))

let old: TestStore
beforeEach(async () => {
  old = await TestStore.open()
})
afterEach(() => old.close())

async function inFile<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(join(old.directory, 'sessions.duckdb'))
  const connection = await instance.connect()
  try {
    return await work(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Puts a file of that version in the place of the store's. */
async function makeFile(version: number, fill: (c: DuckDBConnection) => Promise<void>) {
  await old.store.close()
  rmSync(join(old.directory, 'sessions.duckdb'))
  await inFile(async (connection) => {
    for (const step of MIGRATIONS.slice(0, version)) await connection.run(step)
    await connection.run(`CREATE TABLE schema_version AS SELECT ${version}::INTEGER AS version`)
    await fill(connection)
  })
}

/** Rows of a query of the closed file, as text. */
async function inNewFile(query: string): Promise<unknown[][]> {
  await old.store.close()
  const rows = await inFile(async (c) => (await c.runAndReadAll(query)).getRowsJson())
  await old.reopen()
  return rows
}

async function allRows(): Promise<LogRow[]> {
  const found: LogRow[] = []
  for await (const rows of old.store.rows('acme', ALWAYS, { key: 'startTime', descending: false }))
    found.push(...rows)
  return found
}

test('a file of the first version gets its hours and its headers at the start', async () => {
  await makeFile(1, async (connection) => {
    for (const table of ['session', 'session_open']) {
      const names = [
        ...['org_id', 'site_id', 'meter_id', 'run', 'seq', 'start_us', 'duration_us', 'protocol'],
        ...['source_ip', 'source_port', 'dest_ip', 'dest_port', 'bytes_tx', 'bytes_rx'],
        ...['packets_tx', 'headers_tx', 'headers_rx', 'end_reason', 'midstream'],
        'connection_count',
      ]
      const open = table === 'session_open'
      // One of each: TCP and UDP, IPv4 and IPv6, and one of an access log that knows no packets.
      await connection.run(`INSERT INTO ${table} (${names.join(', ')}${open ? ', run_started_us' : ''})
        SELECT 'acme', 1, 'm', '${RUN}', i + ${open ? 100 : 0}, ${START_US} + i, 5,
          CASE WHEN i % 2 = 0 THEN 'udp' ELSE 'tcp' END, CASE WHEN i < 2 THEN 'fd00::2' ELSE '10.8.0.2' END, 1, '10.0.0.1', 2,
          1000, 2000, CASE WHEN i < 4 THEN 10 END, CASE WHEN i < 4 THEN 600 END, 0, 'forcedEnd', false, 1 ${open ? ', 0' : ''}
        FROM range(5) t(i)`)
    }
  })
  await old.reopen()
  const begins = 'rewriting the store for this version; the server listens afterwards'
  // Said on a slow machine only.
  const slow = 'sums by the hour are up to date'
  expect(old.progress.filter((text) => text !== slow)).toEqual([
    ...[begins, 'rewriting: INSERT INTO session_new (5)', 'rewriting: UPDATE session_open SET (5)'],
    ...['rewriting: INSERT INTO rollup_state (1)', 'the store was rewritten'],
    ...[begins, 'rewriting: INSERT INTO session_new (5)'],
    ...['rewriting: INSERT INTO session_open_new (5)', 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'rewriting: INSERT INTO log_position (1)', 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
    ...[begins, 'the store was rewritten'],
  ])
  const payloads = (await allRows()).map((r) => [r.payloadTx, r.payloadRx])
  // What was not counted then is not known now.
  const later = (await allRows()).map((r) => [r.retransmitsTx, r.otherClientId, r.seenTwice])
  expect(later).toEqual(Array(10).fill([null, null, null]))
  expect(payloads).toEqual(
    [0, 1, 2, 3, 4].flatMap((i) => Array(2).fill([i < 4 ? 400 : null, 2000])),
  )
  const { totals } = await old.store.summary('acme', {
    filter: { fromUs: START_US, toUs: START_US + HOUR_US },
    groupBy: 'client',
    interval: 'hour',
    top: 1,
    sort: 'bytes',
  })
  expect([totals.sessions, totals.bytesTx]).toEqual([10, 10_000])
})

const KEY = `${'A'.repeat(43)}=`
const ODD = [
  '|',
  '~',
  '~0',
  '~1',
  '~01',
  '||',
  'a|b~',
  '\u{1f600}|\u{1f469}\u200d\u{1f467}',
  'e\u0301|\u0301',
  '0',
]
/** Every pairing of no text, a plain one and odd ones. */
const PEERS = [null, KEY, ...ODD].flatMap((peerPublicKey) =>
  [null, '203.0.113.1:51820', '[2001:db8::1]:51820', ...ODD].map((clientEndpoint) => ({
    peerPublicKey,
    clientEndpoint,
  })),
)

/** A row with a value in every column, different from its neighbours'. */
function fullRow(version: number, table: string, i: number): string {
  const { peerPublicKey, clientEndpoint } = PEERS[i]!
  const open = table === 'session_open'
  const text = (t: string | null) => (t === null ? 'NULL' : literal(t))
  return `('acme', ${1 + (i % 3)}, 'm', '${RUN}', ${open ? 1000 + i : i}, ${START_US + i}, ${2 * i}, 'tcp', '10.8.0.${i}', 1,
    '10.0.0.${i}', 443, ${i + 1000}, ${i + 2000}, ${1 + (i % 5)}, ${1 + (i % 7)}, ${i}, ${-i}, 'forcedEnd', 'SF', 2, 3, ${i},
    'syn', ${i % 2 === 0}, 1, ${text(peerPublicKey)}, ${text(clientEndpoint)}, ${i + 1}, ${literal(`user ${i % 9}`)}, ${i + 5},
    'noMatch'${open ? `, ${START_US}` : version === 1 ? '' : `, ${i}`})`
}

for (const version of [1, 2]) {
  test(`a file of version ${version} keeps every value of every row, and their order`, async () => {
    let before: unknown[][] = []
    // Not of columns that a step changes by intent.
    const kept = STORED_COLUMNS.map((c) => c.name).filter(
      (n) => !/^(peer|headers_.x|retransmit.*|other_.*|seen_twice)$/.test(n),
    )
    const same = `SELECT ${kept.join(', ')} FROM`
    await makeFile(version, async (connection) => {
      for (const table of ['session', 'session_open'])
        await connection.run(
          `INSERT INTO ${table} VALUES ${PEERS.map((_, i) => fullRow(version, table, i)).join(', ')}`,
        )
      if (version === 2) {
        await connection.run('UPDATE rollup_state SET rolled = 1000')
        await connection.run(`INSERT INTO rollup_hour BY NAME SELECT 'acme' AS org_id, 5 AS dim, 0 AS start_us,
          1 AS sessions, 2 AS connections, 3 AS bytes_tx, 4 AS bytes_rx, 5 AS packets_tx, 6 AS packets_rx,
          7 AS refused, 8 AS unanswered`)
      }
      for (const table of ['session', 'session_open'])
        before.push(...(await connection.runAndReadAll(`${same} ${table}`)).getRowsJson())
    })
    await old.reopen()
    const rows = await allRows()
    const peers = rows.map(({ peerPublicKey, clientEndpoint }) => ({
      peerPublicKey,
      clientEndpoint,
    }))
    expect(peers).toEqual(PEERS.flatMap((peer) => [peer, peer]))
    // By rowid, as a reader of the file without an order would have it.
    const after = []
    for (const table of ['session', 'session_open']) {
      after.push(...(await inNewFile(`${same} ${table} ORDER BY rowid`)))
      const stored = await inNewFile(`SELECT peer FROM ${table} ORDER BY rowid`)
      expect(stored).toEqual(PEERS.map((peer) => [peerOf(peer)]))
    }
    expect(after).toEqual(before)
    before = PEERS.map((_, i) => [String(version === 1 ? 0 : i)])
    expect(await inNewFile('SELECT arrival FROM session ORDER BY rowid')).toEqual(before)
    if (version === 2) {
      expect(await inNewFile('SELECT rolled FROM rollup_state')).toEqual([['1000']])
      const sums = await inNewFile(
        'SELECT * EXCLUDE (org_id, dim, start_us, id, port) FROM rollup_hour',
      )
      expect(sums).toEqual([['1', '2', '3', '4', '5', '6', '7', '8']])
    }
  })
}

test('a new file has the columns that are written', async () => {
  const columnsOf = (table: string) =>
    inNewFile(`SELECT column_name, data_type FROM duckdb_columns()
      WHERE table_name = '${table}' AND database_name <> 'temp' ORDER BY column_index`)
  const written = STORED_COLUMNS.map((c) => [c.name, c.sqlType.replace('ENUM (', 'ENUM(')])
  // Columns that came later stand behind those that were there.
  const around = (own: string) => written.toSpliced(OWN_COLUMN_AT, 0, [own, 'BIGINT'])
  expect(await columnsOf('session')).toEqual(around('arrival'))
  expect(await columnsOf('session_open')).toEqual(around('run_started_us'))
  expect(await inNewFile('SELECT max(version) FROM schema_version')).toEqual([[SCHEMA_VERSION]])
})

test('what a file of before spools had ids knows of its meters goes on', async () => {
  const times = { startedAt: '2026-11-20T00:00:00.000Z', at: '2026-11-22T11:59:00.000Z' }
  const report = { ...times, packetsDropped: 0 }
  await makeFile(3, async (connection) => {
    await connection.run(
      `INSERT INTO meter VALUES ('acme', 1, 'm', 9, ${Date.parse(times.startedAt) * 1e3}, 2, '${JSON.stringify(report)}')`,
    )
    await connection.run(
      `INSERT INTO batch_gap VALUES ('acme', 1, 'm', 4, 5, 'missing', NULL, 1, 2)`,
    )
  })
  await old.reopen()
  const at = (number: number, change = {}) =>
    old.send('acme', 1, batch(number, [], { meterId: 'm', ...change }))
  expect((await at(3)).repeated).toBe(true)
  expect((await at(4)).repeated).toBe(false)
  await at(10, { spoolId: 'a', firstBatch: 10 })
  const missing = (await old.store.gaps('acme', 0, 2 * old.nowUs)).filter(
    ({ reason }) => reason === 'missing',
  )
  expect(missing.map((g) => [g.fromBatch, g.toBatch])).toEqual([[5, 5]])
  expect((await old.store.meters('acme'))[0]!.lives.map((l) => [l.spoolId, l.lastBatch])).toEqual([
    ['a', 10],
    ['', 9],
  ])
})

test('what meters said of their quarantine in words of before is there in those of now', async () => {
  const report = {
    startedAt: '2026-11-20T00:00:00.000Z',
    at: '2026-11-22T11:59:00.000Z',
    packetsDropped: 0,
  }
  const spool = { batches: 1, bytes: 2 }
  await makeFile(9, async (connection) => {
    const text = JSON.stringify({ ...report, spool: { ...spool, setAside: 3 } })
    await connection.run(`INSERT INTO meter VALUES ('acme', 1, 'm', 9, 1, 2, '${text}')`)
    await connection.run(`INSERT INTO meter_life VALUES ('acme', 1, 'm', 'a', 9, 1, 2, 2)`)
    await connection.run(
      `INSERT INTO batch_gap VALUES ('acme', 1, 'm', 4, 5, 'setAsideFull', 7, 1, 2, 'a', NULL)`,
    )
  })
  await old.reopen()
  expect((await old.store.meters('acme'))[0]!.report.spool).toEqual({ ...spool, quarantined: 3 })
  const gaps = await old.store.gaps('acme', 0, 2 * old.nowUs)
  expect(gaps.map((gap) => gap.reason)).toEqual(['quarantineFull'])
})

test('a file of before there were events of peers takes them, and is whole in a backup', async () => {
  await makeFile(10, async (connection) => {
    await connection.run(`INSERT INTO meter_run VALUES ('acme', 1, 'm', 1, 2)`)
  })
  await old.reopen()
  const { events } = checkPeerEvents([aPeerEvent()], 'm', Number.MAX_SAFE_INTEGER, 0)
  const sent = batch(1, [], { meterId: 'm' })
  await old.store.write({ orgId: 'acme', siteId: 1, batch: sent, sessions: [], peerEvents: events })
  const backup = join(old.directory, 'backup')
  await old.store.backup(backup)
  const instance = await DuckDBInstance.create(join(backup, 'sessions.duckdb'))
  const connection = await instance.connect()
  const rows = await connection.runAndReadAll('SELECT event, public_key FROM peer_event')
  expect(rows.getRows()).toEqual([['connected', aPeerEvent().publicKey]])
  connection.closeSync()
  instance.closeSync()
})

test('events of peers that were stored before they had numbers come first for destinations', async () => {
  await makeFile(11, async (connection) => {
    await connection.run(
      `INSERT INTO peer_event VALUES ('acme', 1, 'm', 'e1', 5, 'connected', 'wg0', NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, false)`,
    )
  })
  await old.reopen()
  const { events } = checkPeerEvents([aPeerEvent()], 'm', Number.MAX_SAFE_INTEGER, 0)
  const sent = batch(1, [], { meterId: 'm' })
  await old.store.write({ orgId: 'acme', siteId: 1, batch: sent, sessions: [], peerEvents: events })
  await old.store.count('acme', { fromUs: 0, toUs: 1 })
  const read = await old.store.arrivedPeers('acme', {
    ...{ filter: { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }, limit: 9 },
    ...{ after: endOfArrival(-1), upTo: endOfArrival(old.store.lastArrival()) },
  })
  expect(read.rows.map(({ eventId }) => eventId)).toEqual(['e1', events[0]!.eventId])
  expect(read.places[0]!.arrival).toBe(0)
})
