/** `tunmeter retention`: nothing is deleted by a typo, and not at once unless that is said. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../support/batches.js'
import { runHere } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { until } from '../support/until.js'

let server: TestServer
let admin: string
beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  const old = { startTimeUs: 1e15, endTimeUs: 1e15 + 1 }
  const sessions = [1, 2, 3].map((n) => session(n, old))
  await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, batch(1, sessions))
})
afterAll(() => server.stop())

async function retention(...args: string[]) {
  const all = ['retention', ...args, '--server', server.url]
  const { code, stdout, stderr } = await runHere(all, { env: { TUNMETER_KEY: admin } }).finished
  return [code, stdout, stderr]
}

async function stored(): Promise<number> {
  const path = '/api/v1/org/acme/logs/connection?timeStart=2000-01-01&limit=1'
  return (await server.get(path, admin)).body.data.pagination.total
}

test('a shorter one asks for the number, waits a day, is taken back, and deletes at once with --now', async () => {
  expect(await retention()).toEqual([0, 'sessions of acme are kept for ever\n', ''])
  const [refused, , why] = await retention('30')
  expect(refused).toBe(1)
  expect(why).toContain('this deletes 3 sessions')
  expect(why).toContain('Give --confirm 3.')
  const [, waits] = await retention('30', '--confirm', '3')
  expect(waits).toMatch(
    /^sessions of acme are kept for 30 days; older ones are deleted from \d{4}-/,
  )
  expect(await retention('forever')).toEqual([0, 'sessions of acme are kept for ever\n', ''])
  expect(await stored()).toBe(3)
  const off = await retention('0', '--confirm', '3', '--now')
  expect(off).toEqual([0, 'sessions of acme are not stored\n', ''])
  await until(async () => (await stored()) === 0)
})

test.each(['-2', '1.5', 'always'])('%s is refused', async (days) => {
  expect((await retention('--', days))[0]).toBe(2)
})

test('`keys create` sets a longer one, and refuses a shorter one, which it cannot ask to confirm', async () => {
  await retention('30')
  const key = (days: string) => {
    const args = ['--data', server.data, '--org', 'acme', '--retention-days', days]
    return runHere(['keys', 'create', ...args]).finished
  }
  for (const days of ['7', '0']) {
    const { code, stdout, stderr } = await key(days)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(`tunmeter retention ${days}`)
  }
  expect((await retention())[1]).toBe('sessions of acme are kept for 30 days\n')
  expect((await key('30')).code).toBe(0)
  expect((await key('-1')).code).toBe(0)
  expect((await retention())[1]).toBe('sessions of acme are kept for ever\n')
})
