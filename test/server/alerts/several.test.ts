/** Alerts of two servers on one PostgreSQL: one evaluates and sends, and the other goes on where it stopped. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import { type WantedAlert, wantedAlertSchema } from '../../../src/server/alerts/alert.js'
import { Alerts } from '../../../src/server/alerts/alerts.js'
import { PostgresKeyDigest } from '../../../src/server/destinations/postgres-records.js'
import { Secrets } from '../../../src/server/destinations/secrets.js'
import { ALERT_LOCK, Postgres } from '../../../src/server/store/postgres/database.js'
import { PostgresLease } from '../../../src/server/store/postgres/lease.js'
import { PostgresControl } from '../../../src/server/store/postgres/postgres-control.js'
import { TestPostgres, whyNoPostgres } from '../../support/postgres.js'
import { Receiver } from '../../support/receiver.js'
import { until } from '../../support/until.js'

const missing = whyNoPostgres()
const MINUTE = 60e3
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

interface Server {
  readonly alerts: Alerts
  readonly lease: PostgresLease
}

describe.skipIf(missing !== null)(`two servers${missing === null ? '' : ` (${missing})`}`, () => {
  let database: TestPostgres
  let url: string
  let postgres: Postgres
  let control: PostgresControl
  let receiver: Receiver
  let directory: string
  let servers: [Server, Server]
  let nowMs: number
  /** Sessions of the last half hour, as the store counts them. */
  let found: number
  beforeAll(async () => {
    database = await TestPostgres.start()
  }, 60_000)
  afterAll(() => database?.close())
  beforeEach(async () => {
    nowMs = Date.parse('2026-11-22T12:00:00Z')
    found = 0
    url = await database.database()
    postgres = await Postgres.open({ url })
    control = await PostgresControl.open(postgres)
    await control.putOrg('acme', { retentionDays: -1 })
    receiver = await Receiver.start()
    directory = mkdtempSync(join(tmpdir(), 'tunmeter-test-'))
    servers = [server(), server()]
  })
  afterEach(async () => {
    for (const one of servers) await gone(one)
    await receiver.close()
    await control.close()
    await postgres.close()
    rmSync(directory, { recursive: true, force: true })
  })

  function server(keyFolder = directory): Server {
    const lease = new PostgresLease(url, ALERT_LOCK)
    const summary = async () => ({ totals: { sessions: found } })
    const alerts = new Alerts({
      ...{ store: { summary } as never, control, lease, mailer: null },
      ...{ clockMs: () => nowMs, log: createLogger('silent') },
      secrets: new Secrets(keyFolder, new PostgresKeyDigest(postgres)),
      guard: { allowPlain: true, allowPrivate: true },
      judge: () => Promise.reject(new Error('no alert asks for it')),
    })
    return { alerts, lease }
  }

  /** As when its process ends. */
  async function gone({ alerts, lease }: Server): Promise<void> {
    await alerts.stop()
    await lease.close()
  }

  const wanted = (): WantedAlert =>
    wantedAlertSchema.parse({
      ...{ name: 'Many', query: '', everyMinutes: 5, secrets: { secret: SECRET } },
      condition: { kind: 'count', over: 10, withinMinutes: 30 },
      to: { kind: 'webhook', url: receiver.url },
    })
  async function minutes(n: number, ...of: readonly Server[]): Promise<void> {
    for (let i = 0; i < n; i++) {
      nowMs += MINUTE
      await Promise.all(of.map(({ alerts }) => alerts.round()))
      await Promise.all(of.map(({ alerts }) => alerts.sent()))
    }
  }
  const told = () =>
    receiver.requests.map(({ text }) =>
      JSON.parse(text).events.map((event: { what: string }) => event.what),
    )

  test('a finding is told once, by one of them, and its end by the other when that one is gone', async () => {
    const { record } = await servers[1].alerts.create('acme', wanted())
    await minutes(2, ...servers)
    found = 11
    await minutes(10, ...servers)
    expect(told()).toEqual([['begins']])
    for (const { alerts } of servers)
      expect((await alerts.get('acme', record.id)).state).toMatchObject({ sent: 1, pending: [] })
    const [leader, other] = (await servers[0].lease.isMine()) ? servers : [servers[1], servers[0]]
    await gone(leader)
    await minutes(10, other)
    expect(told()).toEqual([['begins']])
    found = 0
    await minutes(10, other)
    expect(told()).toEqual([['begins'], ['ends']])
  })

  test('a server that ends while it waits for the answer: the other sends the same again, under the same id', async () => {
    await servers[0].alerts.create('acme', wanted())
    await minutes(1, servers[0])
    receiver.reply = () => ({ status: 0, hang: true })
    found = 11
    nowMs += MINUTE
    await servers[0].alerts.round()
    await until(() => receiver.requests.length === 1)
    await gone(servers[0])
    receiver.reply = () => ({ status: 200 })
    await until(() => servers[1].lease.isMine())
    await minutes(10, servers[1])
    const [first, again] = receiver.requests
    expect(receiver.requests).toHaveLength(2)
    expect(again!.headers['webhook-id']).toBe(first!.headers['webhook-id'])
    expect(JSON.parse(again!.text)).toEqual(JSON.parse(first!.text))
  })

  test('what another server has gone on with, a late one does not take back', async () => {
    const { record } = await servers[0].alerts.create('acme', wanted())
    const { alerts } = servers[0]
    const state = async () => (await servers[1].alerts.get('acme', record.id)).state
    receiver.reply = () => ({ status: 0, hang: true })
    found = 11
    nowMs += MINUTE
    await alerts.round()
    await until(() => receiver.requests.length === 1)
    // The lease is lost while the answer is awaited; the other one goes on.
    await servers[0].lease.close()
    await until(() => servers[1].lease.isMine())
    receiver.reply = () => ({ status: 200 })
    await minutes(1, servers[1])
    const after = await state()
    expect(after).toMatchObject({ sent: 1, pending: [] })
    await alerts.stop()
    expect(await state()).toEqual(after)
  })

  test('a server with another key file neither evaluates nor seals', async () => {
    await servers[0].alerts.create('acme', wanted())
    const other = mkdtempSync(join(tmpdir(), 'tunmeter-test-'))
    const stranger = server(other)
    await expect(stranger.alerts.create('acme', wanted())).rejects.toThrow(
      'is missing here, unlike on the other servers',
    )
    found = 11
    await minutes(2, stranger)
    expect(told()).toEqual([])
    expect(await servers[0].lease.isMine()).toBe(true)
    await minutes(2, servers[0])
    expect(told()).toEqual([['begins']])
    await gone(stranger)
    rmSync(other, { recursive: true })
  })
})
