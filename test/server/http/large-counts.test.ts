/** Counts as large as a batch may have them, through a real server: every answer is one, as described. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SORT_KEYS, SUMMARY_GROUPS, SUMMARY_INTERVALS } from '../../../src/server/store/store.js'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

const MAX = Number.MAX_SAFE_INTEGER
const HOUR_MS = 3600e3
const START_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 2 * HOUR_MS
const ORG = '/api/v1/org/{orgId}'
const LOG = `${ORG}/logs/connection`
/** So many that their sums are beyond 64 bits, and those of the open ones beyond a sign of them. */
const ENDED = 2100
const OPEN = 1100
const ALL = ENDED + OPEN

let server: TestServer
let admin: string
// biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
let description: any

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  const sessions = Array.from({ length: ALL }, (_, i) =>
    session(i + 1, {
      startTimeUs: START_MS * 1e3 + i,
      endTimeUs: START_MS * 1e3 + i + 1e6,
      bytesTx: MAX,
      bytesRx: MAX - (i % 5),
      packetsTx: MAX,
      packetsRx: MAX,
      payloadTx: 0,
      payloadRx: 0,
      handshakeRttUs: MAX,
      connectionCount: MAX,
      clientId: MAX,
      siteResourceId: MAX,
      endReason: i < ENDED ? 'idleTimeout' : 'activeTimeout',
      protocol: i % 2 === 0 ? 'tcp' : 'udp',
    }),
  )
  const losses = Array.from({ length: 3 }, () => ({
    reason: 'spoolFull',
    sessions: MAX,
    from: new Date(START_MS).toISOString(),
    to: new Date().toISOString(),
  }))
  const says = report({
    packets: MAX,
    bytes: MAX,
    openSessions: MAX,
    packetsDropped: MAX,
    sessionsDropped: { flowTableFull: MAX, spoolFull: MAX },
    spool: { batches: MAX, bytes: MAX, quarantined: MAX },
  })
  const sent = batch(1, sessions, { report: says, gaps: losses })
  const path = '/api/v1/org/acme/site/1/sessions'
  const { status, body } = await server.request('POST', path, admin, sent)
  expect([status, body.data.refused]).toEqual([200, []])
  description = (await server.get('/openapi.json')).body
})
afterAll(() => server.stop())

/** By path; making one takes longer than most answers. */
const validators = new Map<string, ValidateFunction>()

function validatorOf(path: string): ValidateFunction {
  let validate = validators.get(path)
  if (validate === undefined) {
    const schema = description.paths[path].get.responses['200'].content['application/json'].schema
    validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
    validators.set(path, validate)
  }
  return validate
}

/** The answer's data. */
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
async function asDescribed(path: string, query: string): Promise<any> {
  const { status, body } = await server.get(path.replace('{orgId}', 'acme') + query, admin)
  expect([status, body.message]).toEqual([200, 'OK'])
  const validate = validatorOf(path)
  validate(body)
  expect(validate.errors ?? []).toEqual([])
  return body.data
}

const sum = (sessions: number) => Number(BigInt(sessions) * BigInt(MAX))

test.each(SORT_KEYS.flatMap((key) => [key, `-${key}`]))(
  'pages sorted by %s have each row once',
  async (sort) => {
    const ids = new Set<string>()
    for (let cursor = ''; ; ) {
      const { log, pagination } = await asDescribed(
        LOG,
        `?sort=${sort}&limit=1000&minBytes=${MAX}${cursor}`,
      )
      for (const row of log) ids.add(row.sessionId)
      expect(log.every((row: { bytesTx: number }) => row.bytesTx === MAX)).toBe(true)
      expect(pagination.total).toBe(ALL)
      if (pagination.nextCursor === null) break
      cursor = `&cursor=${pagination.nextCursor}`
    }
    expect(ids.size).toBe(ALL)
  },
)

test('totals, by every group and interval', async () => {
  for (const group of [undefined, ...SUMMARY_GROUPS]) {
    for (const interval of [undefined, ...SUMMARY_INTERVALS]) {
      const asked = Object.entries({ groupBy: group, interval, timeStart: iso(START_MS) })
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}=${value}`)
      const { totals, groups, series } = await asDescribed(
        `${LOG}/summary`,
        `?${asked.join('&')}&timeEnd=${iso(START_MS + HOUR_MS)}`,
      )
      expect(totals).toMatchObject({ sessions: ALL, open: OPEN, bytesTx: sum(ALL) })
      const bytes = (rows: { bytesTx: number }[]) => rows.reduce((n, row) => n + row.bytesTx, 0)
      if (group !== undefined) expect(bytes(groups)).toBe(sum(ALL))
      if (group === undefined && interval !== undefined)
        expect(series[0].bytesTx.reduce((a: number, b: number) => a + b, 0)).toBe(sum(ALL))
    }
  }
})

test('usage, sites, exports and metrics', async () => {
  for (const group of ['client', 'user', 'resource', 'site']) {
    const { usage } = await asDescribed(`${ORG}/usage`, `?groupBy=${group}`)
    expect(usage).toMatchObject([{ sessions: ALL, connections: sum(ALL), packetsRx: sum(ALL) }])
  }
  const [site] = (await asDescribed(`${ORG}/sites`, '')).sites
  expect(site.meters[0]).toMatchObject({ packets: MAX, packetsDropped: MAX })
  for (const sort of ['startTime', '-bytes']) {
    const log = LOG.replace('{orgId}', 'acme')
    const get = (format: string) => server.get(`${log}/export?format=${format}&sort=${sort}`, admin)
    const [csv, ndjson, parquet] = [await get('csv'), await get('ndjson'), await get('parquet')]
    expect([csv.status, ndjson.status, parquet.status]).toEqual([200, 200, 200])
    const lines = csv.body.trimEnd().split('\r\n')
    expect(lines).toHaveLength(ALL + 1)
    expect(lines[1]).toContain(`,${MAX},`)
    const rows = ndjson.body.trimEnd().split('\n')
    expect(rows).toHaveLength(ALL)
    expect(JSON.parse(rows[0])).toMatchObject({ bytesTx: MAX, packetsTx: MAX })
    expect(parquet.body.length).toBeGreaterThan(1000)
  }
  const { status, body } = await server.get('/metrics')
  expect(status).toBe(200)
  expect(body).toContain(`tunmeter_server_sessions_total{result="stored"} ${ALL}`)
})

test('retention deletes them, and their usage stays', async () => {
  const settings = '/api/v1/org/acme/settings'
  const off = { retentionDays: 0, confirm: ALL, now: true }
  expect((await server.request('PUT', settings, admin, off)).status).toBe(200)
  const left = async () => (await asDescribed(`${LOG}/summary`, '')).totals.sessions
  await expect.poll(left, { timeout: 60_000 }).toBe(0)
  const { usage } = await asDescribed(`${ORG}/usage`, '')
  expect(usage).toMatchObject([{ sessions: ALL, bytesTx: sum(ALL) }])
  expect(server.log.filter((line) => line.includes('"level":50'))).toEqual([])
})

const iso = (ms: number) => new Date(ms).toISOString()
