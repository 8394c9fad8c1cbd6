/** The specification's own baseline ids, from packets to every place that shows a session. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pcapFile } from '../support/capture-files.js'
import { FLAG, ipv4, ipv6, tcp, udp } from '../support/packets.js'
import { run } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'

/** https://github.com/corelight/community-id-spec, baseline directory. */
const BASELINE: Record<string, string> = {
  '128.232.110.120:34855 66.35.250.204:80': '1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
  '192.168.1.52:54585 8.8.8.8:53': '1:d/FP5EW3wiY1vCndhwleRRKHowQ=',
  '[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943 [2607:f8b0:400c:c03::1a]:25':
    '1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=',
}

const PACKETS = [
  ipv4(
    { from: '128.232.110.120', to: '66.35.250.204', protocol: 6 },
    tcp({ from: 34855, to: 80, flags: FLAG.syn }),
  ),
  ipv4({ from: '192.168.1.52', to: '8.8.8.8', protocol: 17 }, udp(54585, 53, [1, 2, 3])),
  ipv6(
    {
      from: '2001:470:e5bf:dead:4957:2174:e82c:4887',
      to: '2607:f8b0:400c:c03::1a',
      protocol: 6,
    },
    tcp({ from: 63943, to: 25, flags: FLAG.syn }),
  ),
]

type Row = Record<string, string | null>

function idsOf(rows: readonly Row[]): Record<string, string | null> {
  return Object.fromEntries(
    rows.map((r) => [`${r.sourceAddr} ${r.destAddr}`, r.communityId ?? null]),
  )
}
const ndjson = (text: string): Row[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
function csv(text: string): Row[] {
  const [names, ...lines] = text
    .trim()
    .split('\r\n')
    .map((line) => line.split(','))
  return lines.map((cells) => Object.fromEntries(names!.map((name, i) => [name, cells[i]!])))
}

let server: TestServer
let key: string
const LOG = '/api/v1/org/acme/logs/connection'

beforeAll(async () => {
  server = await TestServer.start()
  key = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
})
afterAll(() => server.stop())

function write(): string {
  const capture = join(temporaryDirectory(), 'baseline.pcap')
  const seconds = Math.floor(Date.now() / 1e3) - 60
  const records = PACKETS.map((data) => ({ seconds, data: Uint8Array.from(data) }))
  writeFileSync(capture, pcapFile(records))
  return capture
}

test('replay: NDJSON and CSV', async () => {
  const file = write()
  expect(idsOf(ndjson((await run(['replay', file])).stdout))).toEqual(BASELINE)
  expect(idsOf(csv((await run(['replay', file, '--format', 'csv'])).stdout))).toEqual(BASELINE)
})

test('the API, and its exports in all formats', async () => {
  const ingest = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
  const { code, stderr } = await run(['replay', write(), '--to', server.url, '--key', ingest])
  expect([code, stderr]).toEqual([0, '3 sessions stored for site 1 of acme\n'])
  expect(idsOf((await server.get(LOG, key)).body.data.log)).toEqual(BASELINE)
  expect(idsOf(csv((await server.get(`${LOG}/export`, key)).body))).toEqual(BASELINE)
  const lines = (await server.get(`${LOG}/export?format=ndjson`, key)).body
  expect(idsOf(ndjson(lines))).toEqual(BASELINE)
  const parquet = join(temporaryDirectory(), 'x.parquet')
  const response = await fetch(`${server.url}${LOG}/export?format=parquet`, {
    headers: { authorization: `Bearer ${key}` },
  })
  writeFileSync(parquet, Buffer.from(await response.arrayBuffer()))
  const connection = await (await DuckDBInstance.create()).connect()
  const read = await connection.runAndReadAll(
    `SELECT "sourceAddr", "destAddr", "communityId" FROM '${parquet}'`,
  )
  expect(idsOf(read.getRowObjects() as unknown as Row[])).toEqual(BASELINE)
})
