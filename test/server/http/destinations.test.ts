/** Destinations by the API and by the command line, on a server that runs: settings, secrets, rights, kills. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BACKFILLS_MAX } from '../../../src/server/destinations/records.js'
import { batch, session } from '../../support/batches.js'
import { Receiver } from '../../support/receiver.js'
import { rounds } from '../../support/rounds.js'
import { runHere } from '../../support/run-here.js'
import { TestServer } from '../../support/server.js'
import { until } from '../../support/until.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const ROUNDS = rounds(2, 12)
const PATH = '/api/v1/org/acme/destinations'

let server: TestServer
let receiver: Receiver
let admin: string
let other: string
let number = 0

beforeAll(async () => {
  server = await TestServer.start('--allow-plain-destinations', '--allow-private-destinations')
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  other = await server.key({ scope: 'admin', org: 'other', retentionDays: -1 })
})
afterAll(() => server.stop())
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(async () => {
  for (const { id } of await list()) await server.request('DELETE', `${PATH}/${id}`, admin)
  await receiver.close()
})

interface Shown {
  readonly id: string
  readonly delivered: number
  readonly state: string
  readonly backfills: readonly { readonly endedAt: string | null }[]
}
const list = async () => (await server.get(PATH, admin)).body.data.destinations as Shown[]
const body = (change: object = {}) => ({
  ...{ kind: 'webhook', name: 'siem', settings: { url: receiver.url } },
  ...change,
})
const add = async (change: object = {}) =>
  (await server.request('POST', PATH, admin, body(change))).body.data as Shown
async function deliver(from: number, to: number): Promise<void> {
  const sessions = Array.from({ length: to - from + 1 }, (_, i) => session(from + i))
  const path = '/api/v1/org/acme/site/1/sessions'
  await server.request('POST', path, admin, batch(++number, sessions))
}
const delivered = async (id: string) => (await list()).find((d) => d.id === id)!.delivered
const ids = () => new Set(receiver.events().map((e) => e.sessionId))

describe('settings', () => {
  test('secrets are written and never shown, in answers, lists, files and the audit trail', async () => {
    const answer = await server.request('POST', PATH, admin, body({ secrets: { secret: SECRET } }))
    expect(answer.status).toBe(201)
    expect(answer.body.data.secrets).toEqual({ secret: { set: true, lastFour: 'LaSw' } })
    const audit = await server.get('/api/v1/org/acme/audit?event=destinationAdded', admin)
    const texts = [answer.body, (await server.get(PATH, admin)).body, audit.body, server.log]
    expect(JSON.stringify(texts)).not.toContain('MfKQ9r8')
    expect(audit.body.data.audit[0].facts).toMatchObject({ name: 'siem', secrets: ['secret'] })
    for (const name of readdirSync(server.data).filter((file) => file.startsWith('control.mdb')))
      expect(readFileSync(join(server.data, name)).includes('MfKQ9r8')).toBe(false)
    // What is not named stays.
    const { id } = answer.body.data
    const changed = await server.request('PUT', `${PATH}/${id}`, admin, body({ name: 'new' }))
    expect(changed.body.data).toMatchObject({ name: 'new', secrets: { secret: { set: true } } })
    const none = await server.request(
      'PUT',
      `${PATH}/${id}`,
      admin,
      body({ secrets: { secret: null } }),
    )
    expect(none.body.data.secrets).toEqual({})
  })

  test.each([
    [
      { kind: 'carrier-pigeon' },
      /^kind: expected webhook, syslog, s3, elasticsearch, otlp or splunk$/,
    ],
    [{ settings: {} }, 'settings.url'],
    [{ settings: { url: 'file:///etc/passwd' } }, 'settings.url'],
    // Not what came: it may be a secret with a letter too many.
    [{ secrets: { secret: 'x' } }, /^secrets\.secret: expected [^"]*$/],
    [{ q: 'port:' }, 'q: expected a value after port:'],
    [{ columns: ['password'] }, 'columns'],
    [{ eventsMax: 0 }, 'eventsMax'],
    [{ bytesMax: 1 }, 'bytesMax'],
    [{ more: 1 }, 'more'],
    [{ openSeconds: 59 }, 'openSeconds'],
    [{ openSeconds: 3601 }, 'openSeconds'],
    [{ pseudonyms: { period: 'year' } }, 'pseudonyms.period'],
    [{ pseudonyms: { period: 'day' } }, 'secrets.pseudonymKey: expected it'],
    [{ secrets: { pseudonymKey: 'short' } }, /^secrets\.pseudonymKey: expected [^"]*$/],
  ])('%j is refused', async (change, message) => {
    const answer = await server.request('POST', PATH, admin, body(change))
    expect(answer.status).toBe(400)
    expect(answer.body.message).toMatch(message)
  })

  test.each(['webhook', 'otlp', 'splunk'])(
    '%s takes pseudonyms, and shows no key',
    async (kind) => {
      const pseudonymKey = 'a-key-of-this-destination-0123456789'
      const secrets = { pseudonymKey, ...(kind === 'splunk' && { token: 'hush-hush-hush' }) }
      const more = { kind, secrets, pseudonyms: { period: 'week' }, openSeconds: 300 }
      const { status, body: shown } = await server.request('POST', PATH, admin, body(more))
      expect([status, shown.data]).toMatchObject([
        201,
        { pseudonyms: { period: 'week', addresses: true }, openSeconds: 300, openReports: 0 },
      ])
      const audit = await server.get('/api/v1/org/acme/audit?event=destinationAdded', admin)
      expect(audit.body.data.audit[0].facts.pseudonyms.period).toBe('week')
      expect(JSON.stringify([shown, audit.body, server.log])).not.toContain('a-key-of')
      // The secret stays, so the key need not be named again; without it there are none.
      const path = `${PATH}/${shown.data.id}`
      const again = await server.request('PUT', path, admin, body({ ...more, secrets: {} }))
      expect(again.status).toBe(200)
      const without = { ...more, secrets: { pseudonymKey: null } }
      expect((await server.request('PUT', path, admin, body(without))).status).toBe(400)
    },
  )

  test('an organisation sees and changes its own only; keys that read see none', async () => {
    const { id } = await add()
    const read = await server.key({ scope: 'read', org: 'acme' })
    expect((await server.get(PATH, read)).status).toBe(403)
    expect((await server.get(PATH, other)).status).toBe(403)
    const theirs = '/api/v1/org/other/destinations'
    expect((await server.get(theirs, other)).body.data.destinations).toEqual([])
    for (const path of ['/pause', '/test', '/resend'])
      expect((await server.request('POST', `${theirs}/${id}${path}`, other)).status).toBe(404)
    expect((await server.request('DELETE', `${theirs}/${id}`, other)).status).toBe(404)
  })

  test('without leave of the operator neither http nor this machine is taken', async () => {
    const strict = await TestServer.start()
    const key = await strict.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
    const plain = await strict.request('POST', PATH, key, body())
    expect([plain.status, plain.body.message]).toEqual([
      400,
      expect.stringContaining('--allow-plain-destinations'),
    ])
    const settings = { url: 'https://127.0.0.1/' }
    const here = await strict.request('POST', PATH, key, body({ settings }))
    expect([here.status, here.body.message]).toEqual([
      400,
      expect.stringContaining('--allow-private-destinations'),
    ])
    await strict.stop()
  })
})

describe('at work', () => {
  test('a server that is killed again and again delivers every session at least once, by count', async () => {
    const { id } = await add({ eventsMax: 7 })
    let request = 0
    receiver.reply = () => ({ status: ++request % 3 === 0 ? 503 : 200, cut: request % 5 === 0 })
    for (let round = 0; round < ROUNDS; round++) {
      const before = receiver.requests.length
      await deliver(round * 20 + 1, round * 20 + 20)
      await until(() => receiver.requests.length > before)
      await server.kill('SIGKILL')
      await server.spawn()
    }
    receiver.reply = () => ({ status: 200 })
    await server.request('POST', `${PATH}/${id}/resume`, admin)
    await until(
      async () => (await list())[0]!.delivered >= ROUNDS * 20 && ids().size === ROUNDS * 20,
    )
    expect(await list()).toMatchObject([{ pending: 0, deadLetters: 0, state: 'ok' }])
  })

  test('backfills go on where they were when the server is killed and the receiver is cut, slow or away, by count', async () => {
    const baseUs = (Date.now() - 600e3) * 1e3
    const old = Array.from({ length: 60 }, (_, i) => {
      const startTimeUs = baseUs + i * 1e6
      return session(10_001 + i, { startTimeUs, endTimeUs: startTimeUs + 1000, destPort: 7 })
    })
    await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, batch(++number, old))
    const found = '/api/v1/org/acme/logs/connection?q=port:7'
    await until(
      async () => (await server.get(found, admin)).body.data.pagination.total === old.length,
    )
    const { id } = await add({ eventsMax: 5 })
    await server.request('POST', `${PATH}/${id}/pause`, admin)
    const at = (n: number) => new Date(baseUs / 1e3 + n * 1e3).toISOString()
    const range = (from: number, to: number) => ({ timeStart: at(from), timeEnd: at(to) })
    for (const body of [range(0, 30), range(30, 60)])
      await server.request('POST', `${PATH}/${id}/backfill`, admin, body)
    let request = 0
    receiver.reply = () => {
      request++
      if (request % 7 === 0) return { status: 503 }
      return { status: 200, cut: request % 5 === 0, hang: request % 11 === 0 }
    }
    await server.request('POST', `${PATH}/${id}/resume`, admin)
    for (let round = 0; round < ROUNDS; round++) {
      const before = receiver.requests.length
      await deliver(11_000 + round * 5, 11_004 + round * 5)
      await server.request('POST', `${PATH}/${id}/resume`, admin)
      await until(() => receiver.requests.length > before)
      await server.kill('SIGKILL')
      await server.spawn()
    }
    receiver.reply = () => ({ status: 200 })
    await server.request('POST', `${PATH}/${id}/resume`, admin)
    const ended = async () => (await list())[0]!.backfills.every(({ endedAt }) => endedAt !== null)
    await until(async () => ids().size === 60 + ROUNDS * 5 && (await ended()))
    const [shown] = await list()
    expect(shown!.backfills).toMatchObject([{ delivered: 30 }, { delivered: 30 }])
    expect(shown).toMatchObject({ pending: 0, deadLetters: 0, delivered: 60 + ROUNDS * 5 })
    // What came twice, came under the same id: a receiver that keeps ids has each once.
    const known = new Set<unknown>()
    const first = receiver.requests.filter(({ headers }) => {
      const isNew = !known.has(headers['webhook-id'])
      known.add(headers['webhook-id'])
      return isNew
    })
    expect(receiver.events(first).length).toBe(60 + ROUNDS * 5)
  })

  test('a backfill under way is stopped; there is a bound on how many there are', async () => {
    const { id } = await add()
    await server.request('POST', `${PATH}/${id}/pause`, admin)
    const range = { timeStart: '2026-01-01T00:00:00Z', timeEnd: '2026-01-02T00:00:00Z' }
    const begin = () => server.request('POST', `${PATH}/${id}/backfill`, admin, range)
    expect((await begin()).body.data.backfills).toMatchObject([{ id: 1, endedAt: null }])
    const path = `${PATH}/${id}/backfill/1`
    const stopped = await server.request('DELETE', path, admin)
    expect(stopped.body.data.backfills).toMatchObject([{ id: 1, stopped: true }])
    expect((await server.request('DELETE', path, admin)).status).toBe(404)
    expect((await server.request('DELETE', `${PATH}/${id}/backfill/x`, admin)).status).toBe(404)
    expect((await server.request('DELETE', path, other)).status).toBe(403)
    for (let n = 1; n <= BACKFILLS_MAX; n++) await begin()
    expect((await begin()).status).toBe(409)
  })

  test('an export of a person, an erasure and a removal name the destinations that have copies', async () => {
    const { id } = await add()
    await deliver(201, 203)
    await until(async () => (await delivered(id)) === 3)
    const { body: text } = await server.get('/api/v1/org/acme/subject/export?userId=u1', admin)
    expect(text).toContain(
      `{"kind":"sentTo","destination":"siem (${new URL(receiver.url).origin})"}`,
    )
    const erase = '/api/v1/org/acme/subject/erase'
    const { body: asked } = await server.request('POST', erase, admin, { userId: 'u1' })
    const confirm = asked.data.sessions
    const { body: erased } = await server.request('POST', erase, admin, { userId: 'u1', confirm })
    const name = `siem (${new URL(receiver.url).origin})`
    expect(erased.data.notCovered).toContain(`what was sent to the destination ${name}`)
    await deliver(204, 204)
    await until(async () => (await delivered(id)) === 4)
    const query = '?sessions=delete&confirm=1'
    const site = await server.request('DELETE', `/api/v1/org/acme/site/1${query}`, admin)
    expect(site.body.data.sentTo).toEqual([name])
  })

  test('metrics are for the operator', async () => {
    const { id } = await add()
    await deliver(301, 301)
    await until(async () => (await delivered(id)) === 1)
    const text = await (await fetch(`${server.url}/metrics`)).text()
    expect(text).toContain(`tunmeter_destination_delivered_total{destination="${id}"} 1\n`)
    expect(text).toContain(
      `tunmeter_destination_attempts_total{destination="${id}",class="2xx"} 1\n`,
    )
    const headers = { authorization: `Bearer ${admin}`, 'x-forwarded-for': '192.0.2.1' }
    const theirs = await (await fetch(`${server.url}/metrics`, { headers })).text()
    expect(theirs).not.toContain('tunmeter_destination')
  })
})

describe('the command line', () => {
  const run = (args: string[], input?: string) =>
    runHere(['destinations', ...args, '--server', server.url], {
      env: { TUNMETER_KEY: admin },
      ...(input !== undefined && { input: Buffer.from(input) }),
    }).finished

  test('adds, tests, lists, pauses, resumes, backfills and removes', async () => {
    const yaml = `kind: webhook\nname: siem\nsettings:\n  url: ${receiver.url}\nsecrets:\n  secret: ${SECRET}\n`
    const file = join(server.data, 'siem.yaml')
    writeFileSync(file, yaml)
    const added = await run(['add', file])
    const id = added.stdout.trim()
    expect(added.code).toBe(0)
    expect(await run(['test', id])).toMatchObject({ code: 0, stdout: /: taken, 200\n$/ as never })
    expect(receiver.events()[0]).toMatchObject({ test: true })
    receiver.reply = () => ({ status: 403, text: 'wrong token' })
    expect(await run(['test', id])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/: not taken, 403, wrong token\n$/),
    })
    receiver.reply = () => ({ status: 200 })
    expect((await run(['pause', id])).stdout).toBe(`${id} (siem) paused\n`)
    expect((await run(['list'])).stdout).toMatch(
      new RegExp(`${id} +webhook +paused +0 +0 +0 +never +siem`),
    )
    expect((await run(['resume', id])).stdout).toBe(`${id} (siem) resumed\n`)
    await deliver(401, 402)
    await until(async () => (await delivered(id)) === 2)
    expect((await run(['backfill', id, '--from', '3h'])).code).toBe(0)
    await until(async () => (await delivered(id)) >= 4)
    await run(['pause', id])
    expect((await run(['backfill', id, '--from', '3h'])).code).toBe(0)
    expect((await run(['list'])).stderr).toContain(`${id}: backfill 2 at 0 %`)
    expect((await run(['backfill', id, '--stop', '2'])).stdout).toBe(`${id}: backfill 2 stopped\n`)
    expect((await run(['backfill', id, '--stop', '2'])).stderr).toContain('no running backfill 2')
    await run(['resume', id])
    expect((await run(['change', id, '-'], yaml.replace('siem', 'next'))).stdout).toBe(
      `${id} (next) changed\n`,
    )
    expect((await run(['remove', id])).stderr).toMatch(/^the receiver keeps \d+ sessions\n$/)
    expect((await run(['list'])).stderr).toBe('there are no destinations\n')
  })

  test('shows and resends dead letters', async () => {
    const { id } = await add()
    receiver.reply = () => ({ status: 422, text: 'no' })
    await deliver(501, 501)
    const path = `${PATH}/${id}/dead-letters`
    await until(async () => (await server.get(path, admin)).body.data.deadLetters.length === 1)
    const shown = JSON.parse((await run(['dead-letters', id])).stdout)
    expect(shown).toMatchObject({ status: 422, text: 'no', event: { siteId: 1 } })
    expect(await run(['resend', id])).toMatchObject({ code: 1 })
    receiver.reply = () => ({ status: 200 })
    expect(await run(['resend', id])).toMatchObject({
      code: 0,
      stdout: '1 taken, 0 refused again, 0 not in the log any more\n',
    })
    receiver.reply = () => ({ status: 422, text: 'no' })
    await deliver(502, 502)
    await until(async () => (await server.get(path, admin)).body.data.deadLetters.length === 1)
    expect((await run(['dead-letters', id, '--discard'])).stdout).toBe('1 dead letter given up\n')
    expect((await run(['dead-letters', id])).stderr).toBe('there are no dead letters\n')
  })

  test('mistakes are said', async () => {
    expect((await run(['pause'])).stderr).toContain('ID is required')
    expect((await run(['add', '/nowhere'])).stderr).toContain('cannot use /nowhere')
    expect((await run(['add', '-'], 'kind: [')).stderr).toContain('cannot use -')
    expect((await run(['pause', 'nobody'])).stderr).toContain('there is no destination "nobody"')
  })
})
