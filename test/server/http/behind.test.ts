/** A database that is behind its log: meters are told to wait at the bound, and answers say what they do not hold yet. */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import { LmdbControl } from '../../../src/server/control/lmdb/lmdb-control.js'
import { TrustedClock } from '../../../src/server/control/trusted-clock.js'
import { Destinations } from '../../../src/server/destinations/destinations.js'
import { LmdbRecords } from '../../../src/server/destinations/lmdb-records.js'
import { Secrets } from '../../../src/server/destinations/secrets.js'
import { createApp } from '../../../src/server/http/app.js'
import { Auth } from '../../../src/server/http/auth.js'
import { ServerMetrics } from '../../../src/server/http/metrics.js'
import { SecurityLog } from '../../../src/server/http/security-log.js'
import { WatchedMetrics } from '../../../src/server/http/watched-metrics.js'
import { GroupCommit } from '../../../src/server/store/duckdb/write/group-commit.js'
import { batch, session } from '../../support/batches.js'
import { TestStore } from '../../support/store.js'

const LOG_BYTES = 64 * 1024
const SESSIONS = 10
const LOG = '/api/v1/org/acme/logs/connection'

async function start(t: TestStore): Promise<{ app: FastifyInstance; key: string }> {
  const control = new LmdbControl(join(t.directory, 'control'))
  const clockMs = () => t.nowUs / 1e3
  const log = createLogger('silent')
  const security = new SecurityLog(log, control, clockMs)
  const app = await createApp(
    {
      store: t.store,
      control,
      alerts: undefined as never,
      destinations: new Destinations({
        ...{ store: t.store, log, clockMs, version: 'test' },
        ...{ records: new LmdbRecords(control), secrets: new Secrets(t.directory) },
        guard: { allowPlain: false, allowPrivate: false },
      }),
      auth: new Auth(control, security, clockMs),
      metrics: new ServerMetrics(() => t.store.stats()),
      watched: new WatchedMetrics([], [], { store: t.store, control }),
      log,
      security,
      clockMs,
      trustedClock: new TrustedClock({ wallMs: clockMs, monotonicMs: clockMs, lastMs: clockMs() }),
      silenceMs: 600_000,
      version: 'test',
      dataDirectory: t.directory,
      retentionChanged: () => undefined,
      orgRemoved: () => undefined,
    },
    { dashboardDirectory: join(t.directory, 'nothing') },
  )
  onTestFinished(async () => {
    await app.close()
    await control.close()
  })
  const made = await control.createKey({
    name: 'a',
    scope: 'admin',
    orgId: 'acme',
    siteId: null,
    expiresAt: null,
  })
  await control.putOrg('acme', { retentionDays: -1 })
  return { app, key: made.key }
}

test('at the bound of the log meters are told to wait, answers say how far behind, and it goes on by itself', async () => {
  const t = await TestStore.open(100, { logBytes: LOG_BYTES, readWaitMs: 1 })
  onTestFinished(() => t.close())
  t.nowUs = Date.now() * 1e3
  const { app, key } = await start(t)
  const headers = { authorization: `Bearer ${key}` }
  const send = (number: number) => {
    const ids = Array.from({ length: SESSIONS }, (_, i) => number * 100 + i)
    const payload = batch(
      number,
      ids.map((id) => session(id)),
    )
    return app.inject({
      method: 'POST',
      url: '/api/v1/org/acme/site/1/sessions',
      headers,
      payload,
    })
  }
  const ask = (url = LOG) => app.inject({ method: 'GET', url, headers })
  let letGo = (): void => undefined
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const commit = GroupCommit.prototype.commit
  const holding = vi.spyOn(GroupCommit.prototype, 'commit').mockImplementation(async function (
    this: GroupCommit,
    ...args
  ) {
    await held
    return commit.apply(this, args)
  })
  onTestFinished(() => holding.mockRestore())

  let taken = 0
  let answer = await send(1)
  for (; answer.statusCode === 200; answer = await send(taken + 1)) taken++
  expect(taken).toBeGreaterThan(1)
  expect([answer.statusCode, answer.json().code]).toEqual([503, 'storeBusy'])
  expect(answer.headers['retry-after']).toBeDefined()
  const behind = `batches=${taken}, sessions=${taken * SESSIONS}`
  const page = await ask()
  expect([page.statusCode, page.headers['tunmeter-behind']]).toEqual([200, behind])
  expect(page.json().data.log).toEqual([])
  const file = await ask(`${LOG}/export?format=csv`)
  expect([file.statusCode, file.headers['tunmeter-behind']]).toEqual([200, behind])

  letGo()
  await expect.poll(() => t.store.stats().waitingBatches).toBe(0)
  for (let more = taken; more > 0; more--) {
    taken++
    expect((await send(taken)).statusCode).toBe(200)
    await expect.poll(() => t.store.stats().waitingBatches).toBe(0)
  }
  const whole = await ask()
  expect(whole.headers['tunmeter-behind']).toBeUndefined()
  expect(whole.json().data.pagination.total).toBe(taken * SESSIONS)
  expect(t.store.stats().logBytes).toBeLessThanOrEqual(LOG_BYTES)
})
