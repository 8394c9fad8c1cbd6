/** A request is answered when what it did is in the audit trail, also when another database has that. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createLogger } from '../../../src/base/log.js'
import type { ServerContext } from '../../../src/server/http/context.js'
import { httpErrorOf } from '../../../src/server/http/http.js'
import { settingsRoutes } from '../../../src/server/http/routes/orgs.js'
import { SecurityLog } from '../../../src/server/http/security-log.js'
import { Postgres } from '../../../src/server/store/postgres/database.js'
import { PostgresControl } from '../../../src/server/store/postgres/postgres-control.js'
import { TestPostgres, whyNoPostgres } from '../../support/postgres.js'
import { until } from '../../support/until.js'

const ROUTES = 'src/server/http/routes'
const why = whyNoPostgres()

test('each route awaits the entry of what it does', () => {
  const code = readdirSync(ROUTES).map((name) => readFileSync(join(ROUTES, name), 'utf8'))
  const all = code.flatMap((text) => [...text.matchAll(/(.*)\bsecurity\s*\.done\(/g)])
  expect(all.length).toBeGreaterThan(20)
  expect(all.filter(([, before]) => !/(await|=) $/.test(before!)).map(([line]) => line)).toEqual([])
})

describe.skipIf(why !== null)(`in PostgreSQL${why === null ? '' : `: ${why}`}`, () => {
  let database: TestPostgres
  beforeAll(async () => {
    database = await TestPostgres.start()
  }, 60_000)
  afterAll(() => database.close())

  /** A server's route that changes the retention, and a connection to its database. */
  async function server() {
    const url = await database.database()
    const postgres = await Postgres.open({ url })
    const control = await PostgresControl.open(postgres)
    const beside = new pg.Client({ connectionString: url })
    await beside.connect()
    onTestFinished(async () => {
      await beside.end()
      await control.close()
      await postgres.close()
    })
    await control.putOrg('acme', { retentionDays: 7 })
    const clockMs = () => Date.now()
    const changed: string[] = []
    const security = new SecurityLog(createLogger('silent'), control, clockMs)
    const context = {
      ...{ control, security, trustedClock: { nowMs: clockMs } },
      retentionChanged: (orgId: string) => changed.push(orgId),
    } as unknown as ServerContext
    const route = settingsRoutes(context).find(({ method }) => method === 'PUT')!
    const call = { params: { orgId: 'acme' }, query: {}, key: null, request: { ip: '::1' } }
    const change = (retentionDays: number) =>
      route.handle({ ...call, body: { retentionDays } } as never)
    const entries = async () =>
      (await control.audit.page('acme', { limit: 10 })).entries.map(({ facts }) => facts)
    return { beside, change, changed, control, entries }
  }

  test('the answer waits for the entry', async () => {
    const { beside, change, entries } = await server()
    await beside.query('BEGIN')
    await beside.query('SELECT id FROM audit_next FOR UPDATE')
    let isAnswered = false
    const answer = Promise.resolve(change(30)).finally(() => {
      isAnswered = true
    })
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    await until(async () => (await beside.query(waiting)).rows.length > 0)
    expect(isAnswered).toBe(false)
    await beside.query('COMMIT')
    expect(await answer).toMatchObject({ retentionDays: 30 })
    expect(await entries()).toMatchObject([{ fromDays: 7, retentionDays: 30 }])
  })

  test('if there can be no entry, the answer says so, and that it is done', async () => {
    const { beside, change, changed, control, entries } = await server()
    await beside.query('ALTER TABLE audit RENAME TO away')
    const error = await Promise.resolve(change(30)).catch(httpErrorOf)
    expect(error).toMatchObject({ status: 503, code: 'notRecorded', headers: {} })
    expect(String(error)).toMatch(/settings changed.*stays done/)
    expect(control.org('acme')?.retentionDays).toBe(30)
    expect(changed).toEqual(['acme'])
    await beside.query('ALTER TABLE away RENAME TO audit')
    expect(await change(60)).toMatchObject({ retentionDays: 60 })
    expect(await entries()).toMatchObject([{ fromDays: 30, retentionDays: 60 }])
  })
})
