/** Alerts over the API and the command line. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Receiver } from '../../support/receiver.js'
import { runHere } from '../../support/run-here.js'
import { TestServer } from '../../support/server.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const PATH = '/api/v1/org/acme/alerts'
let server: TestServer
let receiver: Receiver
let admin: string
beforeAll(async () => {
  server = await TestServer.start('--allow-private-destinations', '--allow-plain-destinations')
  receiver = await Receiver.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
})
afterAll(async () => {
  await receiver?.close()
  await server?.stop()
})

const wanted = (change: object = {}) => ({
  ...{ name: 'Many over SSH', query: 'port=22' },
  condition: { kind: 'count', over: 100, withinMinutes: 60 },
  to: { kind: 'webhook', url: receiver.url },
  secrets: { secret: SECRET },
  ...change,
})

test('an alert is added, tested, changed, survives a restart and is removed; its secret is never shown', async () => {
  const made = await server.request('POST', PATH, admin, wanted())
  expect(made.status).toBe(201)
  const { id } = made.body.data
  expect(made.body.data).toMatchObject({ now: [], sent: 0, secret: { lastFour: 'LaSw' } })
  const run = (...args: string[]) =>
    runHere(['alerts', ...args, '--server', server.url, '--key', admin]).finished
  expect(await run('test', id)).toMatchObject({ code: 0, stdout: 'taken\n' })
  const [sent] = receiver.requests
  expect(JSON.parse(sent!.text)).toMatchObject({
    name: 'Many over SSH',
    events: [{ what: 'test' }],
  })
  expect(sent!.headers['webhook-signature']).toMatch(/^v1,/)
  receiver.reply = () => ({ status: 410, text: 'gone' })
  expect(await run('test', id)).toMatchObject({ code: 1, stdout: 'not taken: 410 gone\n' })
  const changed = {
    name: 'Fewer',
    quiet: { from: '22:00', to: '07:00', timeZone: 'Europe/Berlin' },
  }
  const put = await server.request('PUT', `${PATH}/${id}`, admin, {
    ...wanted(changed),
    secrets: {},
  })
  expect(put.body.data).toMatchObject({ ...changed, secret: { lastFour: 'LaSw' } })
  await server.kill('SIGTERM')
  await server.spawn()
  expect((await server.get(PATH, admin)).body.data.alerts).toMatchObject([changed])
  expect((await run('list')).stdout).toMatch(/count +webhook +0 +0 +never +Fewer +nothing/)
  expect(JSON.stringify((await server.get(PATH, admin)).body)).not.toContain(SECRET)
  expect((await server.request('DELETE', `${PATH}/${id}`, admin)).body.data.name).toBe('Fewer')
  const { body } = await server.get('/api/v1/org/acme/audit?event=alertAdded,alertRemoved', admin)
  // The path of a webhook may be its secret.
  expect(JSON.stringify(body)).not.toContain(new URL(receiver.url).pathname)
  expect(body.data.audit[1].facts).toMatchObject({ target: new URL(receiver.url).origin })
  expect(body.data.audit.map(({ event }: { event: string }) => event)).toEqual([
    ...['alertRemoved', 'alertAdded'],
  ])
})

test('what is wrong is named; read keys see none', async () => {
  const refused = async (change: object) => {
    const { status, body } = await server.request('POST', PATH, admin, wanted(change))
    expect(status).toBe(400)
    return body.message as string
  }
  expect(await refused({ query: 'client=1' })).toContain('client: is not known here')
  expect(await refused({ condition: { kind: 'silence' } })).toContain('no other filter than siteId')
  expect(await refused({ to: { kind: 'email', addresses: ['a@b.org'] } })).toContain('--smtp-url')
  expect(await refused({ to: { kind: 'webhook', url: 'ftp://x' } })).toContain('https://')
  expect(await refused({ everyMinutes: 1 })).toContain('everyMinutes')
  const read = await server.key({ scope: 'read', org: 'acme' })
  expect((await server.get(PATH, read)).status).toBe(403)
  expect((await server.request('DELETE', `${PATH}/a0`, admin)).status).toBe(404)
})
