/** The formats of an export, each compared with the table of the log. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync, gunzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

const ORG = '/api/v1/org/acme'
const LOG = `${ORG}/logs/connection`
const SESSIONS = `${ORG}/site/1/sessions`
const ACCESS_LOG = `${ORG}/site/1/access-log`

const HOSTILE = '=HYPERLINK("http://evil","x"),\n-1'
const WITHOUT_COUNTS = {
  sessionId: '00ff00ff00ff00ff',
  resourceId: 7,
  sourceAddr: '100.90.128.3',
  destAddr: '10.0.0.9:5432',
  protocol: 'tcp',
  startedAt: new Date(Date.now() - 60_000).toISOString(),
  endedAt: new Date(Date.now() - 30_000).toISOString(),
  bytesTx: 0,
  bytesRx: 0,
  connectionCount: 4,
}
const compressed = (sessions: unknown) => deflateSync(JSON.stringify(sessions)).toString('base64')

let server: TestServer
let admin: string
let read: string
let table: Record<string, unknown>[]

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  read = await server.key({ scope: 'read', org: 'acme' })
  const ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
  await server.request('PUT', `${ORG}/catalog`, admin, {
    clients: [{ clientId: 1, name: HOSTILE }],
    users: [{ userId: 'u1', name: 'Ulla' }],
  })
  const v6 = session(21, {
    sourceIp: 'fd00::1',
    destIp: '2001:db8::2',
    midstream: true,
    handshakeRttUs: null,
  })
  const open = session(22, { endReason: 'activeTimeout' })
  await server.request('POST', SESSIONS, ingest, batch(1, [session(1), session(2), v6, open]))
  await server.request('POST', ACCESS_LOG, ingest, { compressed: compressed([WITHOUT_COUNTS]) })
  table = (await server.get(LOG, read)).body.data.log
  expect(table).toHaveLength(5)
})
afterAll(() => server.stop())

/** RFC 4180 by a small state machine. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]]
  const cell = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n)/gy
  for (let match = cell.exec(text); match !== null; match = cell.exec(text)) {
    rows
      .at(-1)!
      .push(match[1]!.startsWith('"') ? match[1]!.slice(1, -1).replaceAll('""', '"') : match[1]!)
    if (match[2] === '\r\n') rows.push([])
  }
  expect(rows.pop()).toEqual([])
  return rows
}

test('CSV equals the table, the documented columns first, formulas guarded', async () => {
  const { body, headers } = await server.get(`${LOG}/export`, read)
  expect(headers.get('content-disposition')).toMatch(
    /^attachment; filename="connections_acme_\d{8}T\d{6}Z_\d{8}T\d{6}Z\.csv"$/,
  )
  const [names, ...lines] = parseCsv(body) as [string[], ...string[][]]
  expect(names.slice(0, 11).join()).toBe(
    'timestamp,protocol,siteResourceId,clientId,clientEndpoint,userId,sourceAddr,destAddr,duration,bytesTx,bytesRx',
  )
  const shown = table.map((row) =>
    names.map((name) => {
      const value = row[name]
      if (value === null) return ''
      return name === 'clientName' ? `'${value}` : String(value)
    }),
  )
  expect(lines).toEqual(shown)
  expect(lines.some((l) => l.includes(`'${HOSTILE}`))).toBe(true)
})

test('some columns, in the order that is asked for, in each format', async () => {
  const columns = ['userEmail', 'startTime', 'clientName', 'bytesRx', 'interrupted']
  const wanted = table.map((row) => columns.map((name) => row[name]))
  const query = `columns=${columns.join(',')}`
  const [names, ...lines] = parseCsv((await server.get(`${LOG}/export?${query}`, read)).body)
  expect(names).toEqual(columns)
  expect(lines.map((cells) => cells.at(3))).toEqual(wanted.map((row) => String(row[3] ?? '')))
  expect(lines.map((cells) => cells[0])).toEqual(wanted.map((row) => row[0] ?? ''))
  const { body } = await server.get(`${LOG}/export?format=ndjson&${query}`, read)
  const rows = body
    .trim()
    .split('\n')
    .map((line: string) => JSON.parse(line))
  expect(rows.map(Object.keys)).toEqual(table.map(() => columns))
  expect(rows.map(Object.values)).toEqual(wanted)
  for (const [bad, message] of [
    ['columns=nothing', 'columns: expected a field of the rows, got "nothing"'],
    ['columns=bytesTx,bytesTx', 'columns: expected each field once, got one twice'],
  ]) {
    const refused = await server.get(`${LOG}/export?${bad}`, read)
    expect([refused.status, refused.body.message]).toEqual([400, message])
  }
})

test('NDJSON equals the table; gzip when asked', async () => {
  const response = await fetch(`${server.url}${LOG}/export?format=ndjson`, {
    headers: { authorization: `Bearer ${read}`, 'accept-encoding': 'identity' },
  })
  const rows = (await response.text())
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l))
  expect(rows).toEqual(table.map(({ startedAt: _, endedAt: __, ...row }) => row))
  const raw = execFileSync('curl', [
    '-sS',
    '-H',
    `authorization: Bearer ${read}`,
    '-H',
    'accept-encoding: gzip',
    `${server.url}${LOG}/export?format=ndjson`,
  ])
  expect(
    gunzipSync(raw)
      .toString()
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l)),
  ).toEqual(rows)
})

test('Parquet equals the table', async () => {
  const response = await fetch(`${server.url}${LOG}/export?format=parquet`, {
    headers: { authorization: `Bearer ${read}` },
  })
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-parquet-'))
  const file = join(directory, 'x.parquet')
  writeFileSync(file, Buffer.from(await response.arrayBuffer()))
  const connection = await (await DuckDBInstance.create()).connect()
  const times = `strftime("startTime" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS "startTime", strftime("endTime" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS "endTime"`
  const types = await connection.runAndReadAll(
    `DESCRIBE SELECT "startTime", "endTime" FROM '${file}'`,
  )
  expect(types.getRows().map((row) => row[1])).toEqual(Array(2).fill('TIMESTAMP WITH TIME ZONE'))
  const result = await connection.runAndReadAll(`SELECT * REPLACE (${times}) FROM '${file}'`)
  const rows = result
    .getRowObjects()
    .map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([k, v]) => [k, typeof v === 'bigint' ? Number(v) : v]),
      ),
    )
  expect(rows).toEqual(table.map(({ startedAt: _, endedAt: __, ...row }) => row))
  const some = await fetch(`${server.url}${LOG}/export?format=parquet&columns=userEmail,bytesTx`, {
    headers: { authorization: `Bearer ${read}` },
  })
  writeFileSync(file, Buffer.from(await some.arrayBuffer()))
  const names = (await connection.runAndReadAll(`FROM '${file}'`)).columnNames()
  rmSync(directory, { recursive: true })
  expect(names).toEqual(['userEmail', 'bytesTx'])
})

test('the header of an export tells its completeness in ASCII', async () => {
  const hostile = await server.key({ scope: 'read', org: 'acme', name: 'Prüfer ☂\r\nx: y' })
  const from = new Date(Date.now() - 3600e3).toISOString()
  const query = `timeStart=${from}&format=parquet&manifest=header`
  const { headers } = await server.get(`${LOG}/export?${query}`, hostile)
  const text = headers.get('tunmeter-manifest')!
  expect(text).toMatch(/^[\x20-\x7e]{1,4096}$/)
  const { body } = await server.get(`${ORG}/completeness?timeStart=${from}`, read)
  const { complete, coveredShare, sessionsLost } = body.data
  expect(JSON.parse(text)).toMatchObject({
    manifest: 1,
    org: 'acme',
    format: 'parquet',
    range: { from },
    askedBy: { name: 'Prüfer ☂\r\nx: y' },
    completeness: { complete, coveredShare, sessionsLost, sentence: expect.any(String) },
  })
  const without = await server.get(`${LOG}/export?timeStart=${from}`, read)
  expect(without.headers.has('tunmeter-manifest')).toBe(false)
})

test('only NDJSON has a line for its manifest', async () => {
  const { status, body } = await server.get(`${LOG}/export?manifest=line`, read)
  expect([status, body.message]).toEqual([400, expect.stringContaining('format=ndjson only')])
})
