/** Objects, their names and their signature. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { AwsV4Signer } from 'aws4fetch'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { testRow } from '../../../src/server/destinations/events.js'
import { nativeWriter } from '../../../src/server/destinations/formats/native.js'
import { parquetOf } from '../../../src/server/destinations/formats/parquet.js'
import { s3 } from '../../../src/server/destinations/kinds/s3.js'
import { LOG_FIELDS } from '../../../src/server/query/api-row.js'
import { type Received, Receiver } from '../../support/receiver.js'

const KEYS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(() => receiver.close())

const EVENTS = ['{"a":1}', '{"a":2}']

async function send(
  settings: object = {},
  given: readonly string[] = EVENTS,
  columns: string[] | null = null,
) {
  const url = `http://127.0.0.1:${receiver.port}/`
  const open = s3.open({
    settings: s3.settings.parse({
      ...{ url, bucket: 'logs', accessKeyId: KEYS.accessKeyId, prefix: 'a/b/' },
      ...settings,
    }),
    secrets: { secretAccessKey: KEYS.secretAccessKey },
    guard: { allowPlain: true, allowPrivate: true },
    columns,
    version: '1.0.0',
  })
  const sinceMs = Date.UTC(2026, 10, 28, 23, 59, 59)
  const delivery = { id: 'd1.3-9.2', orgId: 'acme', sinceMs, events: given }
  const signal = new AbortController().signal
  return open.deliver({ ...delivery, rows: [], signal }).finally(() => open.close())
}

/** Signed again by what it says itself. */
async function signedAgain({ method, path, headers }: Received): Promise<string | null> {
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization!)![1]!.split(';')
  const given = names
    .filter((name) => name !== 'host')
    .map((name) => [name, headers[name] as string])
  const url = `http://${headers.host}${path}`
  const datetime = headers['x-amz-date'] as string
  const more = { method, url, service: 's3', region: 'us-east-1', datetime }
  const signer = new AwsV4Signer({ ...KEYS, ...more, headers: Object.fromEntries(given) })
  return (await signer.sign()).headers.get('authorization')
}

const fieldAt = (column: string) => LOG_FIELDS.findIndex(({ name }) => name === column)

async function parquetRows(body: Buffer) {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-parquet-test-'))
  const file = join(directory, 'x.parquet')
  writeFileSync(file, body)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll(`SELECT * FROM '${file}'`)
  const found = { names: reader.columnNames(), rows: reader.getRowObjectsJson() }
  connection.closeSync()
  instance.closeSync()
  rmSync(directory, { recursive: true })
  return found
}

test('the known answer of the AWS documentation (PUT of an object, Signature Version 4)', async () => {
  const signer = new AwsV4Signer({
    method: 'PUT',
    url: 'https://examplebucket.s3.amazonaws.com/test%24file.text',
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    service: 's3',
    region: 'us-east-1',
    datetime: '20130524T000000Z',
    headers: {
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-content-sha256': createHash('sha256').update('Welcome to Amazon S3.').digest('hex'),
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    },
  })
  const { headers } = await signer.sign()
  expect(headers.get('authorization')).toMatch(
    /Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd$/,
  )
})

test('the same bounds are the same object: name, bytes and checksum', async () => {
  expect(await send()).toEqual({ kind: 'delivered', status: 200 })
  await send()
  const [one, two] = receiver.requests as [Received, Received]
  expect(one).toMatchObject({
    method: 'PUT',
    path: '/logs/a/b/session/dt=2026-11-28/acme-d1.3-9.2.ndjson.gz',
    text: '{"a":1}\n{"a":2}\n',
  })
  expect([two.path, two.body]).toEqual([one.path, one.body])
  const digest = createHash('sha256').update(one.body)
  expect(one.headers['x-amz-content-sha256']).toBe(digest.copy().digest('hex'))
  expect(one.headers['x-amz-checksum-sha256']).toBe(digest.digest('base64'))
  expect(one.headers.authorization).toBe(await signedAgain(one))
  expect(one.headers.authorization).toMatch(
    /SignedHeaders=[^,]*x-amz-checksum-sha256;x-amz-content-sha256/,
  )
})

test('Parquet has the columns and types of an export, in the order of the events', async () => {
  const row = { ...testRow('acme', 1_795_860_000_123_456), userName: 'O\'Neil "ü"', siteId: 7 }
  const rows = [row, { ...row, siteId: 8, startTimeUs: row.startTimeUs - 1_500_000 }]
  const events = rows.map((one) => JSON.stringify(nativeWriter(null)(one)))
  expect(await send({ file: 'parquet' }, events)).toEqual({ kind: 'delivered', status: 200 })
  const columns = ['destAddr', 'siteId']
  const few = rows.map((one) => JSON.stringify(nativeWriter(columns)(one)))
  await send({ file: 'parquet' }, few, columns)
  const [all, some] = receiver.requests as [Received, Received]
  expect(all.path).toMatch(/acme-d1\.3-9\.2\.parquet$/)
  expect(all.headers).not.toHaveProperty('content-encoding')
  expect(all.headers.authorization).toBe(await signedAgain(all))
  const read = await parquetRows(all.body)
  expect(read.names).toEqual(LOG_FIELDS.map(({ name }) => name))
  expect(read.rows).toMatchObject([
    { siteId: '7', duration: 0, userName: row.userName, midstream: false, clientId: null },
    { siteId: '8', duration: 1.5, startTime: expect.stringMatching(/:58\.623456\+00$/) },
  ])
  expect(await parquetRows(some.body)).toEqual({
    names: columns.toSorted((a, b) => fieldAt(a) - fieldAt(b)),
    rows: few.map((text) => ({ ...JSON.parse(text), siteId: String(JSON.parse(text).siteId) })),
  })
})

test('the server makes one Parquet file at a time, however many destinations ask', async () => {
  const create = DuckDBInstance.create.bind(DuckDBInstance)
  let [open, most] = [0, 0]
  const counted = vi.spyOn(DuckDBInstance, 'create').mockImplementation(async (...given) => {
    most = Math.max(most, ++open)
    const instance = await create(...given)
    const close = instance.closeSync.bind(instance)
    instance.closeSync = () => {
      open--
      close()
    }
    return instance
  })
  const event = JSON.stringify(nativeWriter(null)(testRow('acme', 1)))
  await Promise.all(Array.from({ length: 4 }, () => parquetOf([event], null)))
  expect([counted.mock.calls.length, most]).toEqual([4, 1])
  counted.mockRestore()
})

test('a manifest follows the object, with its digest', async () => {
  await send({ manifest: true })
  const [object, manifest] = receiver.requests as [Received, Received]
  expect(manifest.path).toBe(`${object.path}.manifest.json`)
  expect(JSON.parse(manifest.text)).toEqual({
    object: 'acme-d1.3-9.2.ndjson.gz',
    ...{ format: 'ndjson', sessions: 2, bytes: object.body.length },
    sha256: createHash('sha256').update(object.body).digest('hex'),
  })
  receiver.reply = ({ path }) => ({ status: path.endsWith('.json') ? 503 : 200 })
  expect(await send({ manifest: true })).toMatchObject({ kind: 'later', status: 503 })
})

test.each([
  [400, 'blocked'],
  [403, 'blocked'],
  [404, 'blocked'],
  [413, 'blocked'],
  [503, 'later'],
])('%i is %s: no single event is to blame for an object', async (status, kind) => {
  receiver.reply = () => ({ status, text: '<Error/>' })
  expect(await send()).toMatchObject({ kind, status, text: '<Error/>' })
})

test.each([
  { bucket: 'A' },
  { bucket: '../x' },
  { prefix: 'a' },
  { prefix: '/a/' },
  { prefix: '../' },
  { prefix: 'a/../b/' },
  { region: 'a b' },
  { accessKeyId: '' },
  { file: 'parquet', events: 'ecs' },
  { file: 'orc' },
])('%j is refused', (change) => {
  const whole = { url: 'https://s3.example.org', bucket: 'logs', accessKeyId: 'k', ...change }
  expect(s3.settings.safeParse(whole).success).toBe(false)
})
