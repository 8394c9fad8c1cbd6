/** Goodput in each format of an export: by hand, and none where a session does not say what was repeated. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Session } from '../../../src/session/session.js'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'
import { temporaryDirectory } from '../../support/temporary.js'

const EXPORT = '/api/v1/org/acme/logs/connection/export'
const COLUMNS = ['sourceAddr', 'payloadTx', 'retransmittedBytesTx', 'goodputTx', 'goodputRx']

let server: TestServer
let admin: string
beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  const repeated = { payloadTx: 700, retransmittedBytesTx: 90, payloadRx: 4000 }
  const all = { payloadTx: 300, retransmittedBytesTx: 300, payloadRx: 5, retransmittedBytesRx: 5 }
  // As of a meter of before these fields.
  const { retransmitsTx, retransmitsRx, retransmittedBytesTx, retransmittedBytesRx, ...old } =
    session(3, { sourcePort: 3 })
  const sessions = [repeated, all].map((change, i) =>
    session(i + 1, { sourcePort: i + 1, ...change }),
  )
  const sent = batch(1, [...sessions, old as Session])
  const { body } = await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, sent)
  expect(body).toMatchObject({ data: { refused: [] } })
})
afterAll(() => server.stop())

/** Payload less what was repeated. */
const WANT = [
  ['10.8.0.2:1', 700, 90, 610, 4000],
  ['10.8.0.2:2', 300, 300, 0, 0],
  ['10.8.0.2:3', 500, null, null, null],
]

async function read(format: string): Promise<Response> {
  const query = `format=${format}&columns=${COLUMNS.join()}`
  const response = await fetch(`${server.url}${EXPORT}?${query}`, {
    headers: { authorization: `Bearer ${admin}` },
  })
  expect(response.status).toBe(200)
  return response
}

const sorted = (rows: unknown[][]) => rows.sort((a, b) => String(a[0]).localeCompare(String(b[0])))

test('NDJSON', async () => {
  const lines = (await (await read('ndjson')).text()).trim().split('\n')
  const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(sorted(rows.map((row) => COLUMNS.map((name) => row[name])))).toEqual(WANT)
})

test('CSV', async () => {
  const [head, ...lines] = (await (await read('csv')).text()).trim().split('\r\n')
  expect(head!.split(',')).toEqual(COLUMNS)
  const want = WANT.map((row) => row.map((value) => (value === null ? '' : String(value))))
  expect(sorted(lines.map((line) => line.split(',')))).toEqual(want)
})

test('Parquet', async () => {
  const file = join(temporaryDirectory(), 'x.parquet')
  writeFileSync(file, Buffer.from(await (await read('parquet')).arrayBuffer()))
  const database = await (await DuckDBInstance.create()).connect()
  const names = COLUMNS.map((name) => `"${name}"`).join()
  const rows = (await database.runAndReadAll(`SELECT ${names} FROM '${file}'`)).getRows()
  const plain = rows.map((row) => row.map((v) => (typeof v === 'bigint' ? Number(v) : v)))
  expect(sorted(plain)).toEqual(WANT)
})
