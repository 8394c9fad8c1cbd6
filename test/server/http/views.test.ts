/** Saved views: of one key, bounded, and gone with it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VIEWS_OF_KEY_MAX } from '../../../src/server/http/routes/views.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let read: string
beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  read = await server.key({ scope: 'read', org: 'acme' })
})
afterAll(() => server?.stop())

const PATH = '/api/v1/org/acme/views'
const save = (key: string, name: string, query = 'clientId=7&q=port:ssh&range=7d&sort=-bytes') =>
  server.request('POST', PATH, key, { name, query })
const names = async (key: string) =>
  (await server.get(PATH, key)).body.data.views.map((view: { name: string }) => view.name)

test('a view is saved, changed, listed by name and removed, for its key alone, and audited', async () => {
  const made = await save(read, 'Ada over SSH')
  expect(made.status).toBe(201)
  await save(read, 'A first')
  expect(await names(read)).toEqual(['A first', 'Ada over SSH'])
  expect(await names(admin)).toEqual([])
  const one = `${PATH}/${made.body.data.id}`
  const wanted = { name: 'Ada', query: '?userId=ada' }
  expect((await server.request('PUT', one, admin, wanted)).status).toBe(404)
  expect((await server.request('PUT', one, read, wanted)).body.data).toMatchObject({
    ...{ name: 'Ada', query: 'userId=ada' },
  })
  await server.kill('SIGTERM')
  await server.spawn()
  expect(await names(read)).toEqual(['A first', 'Ada'])
  expect((await server.request('DELETE', one, admin)).status).toBe(404)
  expect((await server.request('DELETE', one, read)).status).toBe(200)
  expect(await names(read)).toEqual(['A first'])
  const audit = await server.get('/api/v1/org/acme/audit?event=viewSaved,viewRemoved', admin)
  const events = audit.body.data.audit.map(
    ({ event, facts }: { event: string; facts: { name: string } }) => `${event} ${facts.name}`,
  )
  expect(events.sort()).toEqual([
    ...['viewRemoved Ada', 'viewSaved A first', 'viewSaved Ada', 'viewSaved Ada over SSH'],
  ])
})

test('what the log would not take is refused with its place', async () => {
  const wrong = {
    'clientId=x': 'clientId: expected a client id',
    'client=7': 'client: is not known here',
    'q=bytes>x': 'q: ',
    'range=7 days': 'range: expected a preset',
    'sessionId=1': 'sessionId: is not known here',
  }
  for (const [query, text] of Object.entries(wrong)) {
    const { status, body } = await save(read, 'wrong', query)
    expect([status, body.message]).toEqual([400, expect.stringContaining(text)])
  }
  expect((await save(read, 'long', `q=${'x'.repeat(2000)}`)).status).toBe(400)
  expect((await save(read, ' ')).status).toBe(400)
})

test('a key has at most 50, and they go with it', async () => {
  const made = await server.request('POST', '/api/v1/org/acme/keys', admin, {
    scope: 'read',
    name: 'short',
  })
  const { key, keyId } = made.body.data
  for (let n = 0; n < VIEWS_OF_KEY_MAX; n++) expect((await save(key, `${n}`)).status).toBe(201)
  const further = await save(key, 'one more')
  expect([further.status, further.body.code]).toEqual([409, 'tooManyViews'])
  expect((await save(read, 'of another key')).status).toBe(201)
  await server.request('DELETE', `/api/v1/org/acme/keys/${keyId}`, admin)
  expect(await names(read)).toEqual(['A first', 'of another key'])
})
