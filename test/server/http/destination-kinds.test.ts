/** The kinds that speak HTTP, on a server that runs and is killed: counts, guards, secrets. */
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { ElasticDouble } from '../../support/elastic-double.js'
import { type Received, Receiver, type Reply } from '../../support/receiver.js'
import { rounds } from '../../support/rounds.js'
import { TestServer } from '../../support/server.js'
import { until } from '../../support/until.js'

const ROUNDS = rounds(2, 12)
const EACH = 20
const PATH = '/api/v1/org/acme/destinations'
const SECRETS: Readonly<Record<string, Record<string, string>>> = {
  elasticsearch: { apiKey: 'hush-hush-hush-AbCd' },
  otlp: { authorization: 'Bearer hush-hush-AbCd', header: 'X-Key: hush-hush-AbCd' },
  splunk: { token: 'hush-hush-hush-AbCd' },
}
const KINDS = Object.keys(SECRETS)
const S3 = {
  ...{ region: 'eu-central-1', bucket: 'acme-logs', accessKeyId: 'AKIDEXAMPLE' },
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}

let server: TestServer
let admin: string
let receivers: Record<string, Receiver> = {}
let number = 0

beforeAll(async () => {
  server = await TestServer.start('--allow-plain-destinations', '--allow-private-destinations')
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
})
afterAll(() => server.stop())
beforeEach(async () => {
  const all = [...KINDS, 's3'].map(async (kind) => [kind, await Receiver.start()] as const)
  receivers = Object.fromEntries(await Promise.all(all))
})
afterEach(async () => {
  for (const { id } of await list()) await server.request('DELETE', `${PATH}/${id}`, admin)
  await Promise.all(Object.values(receivers).map((one) => one.close()))
})

const list = async () => (await server.get(PATH, admin)).body.data.destinations
const body = (kind: string, url = `http://127.0.0.1:${receivers[kind]!.port}`) => ({
  ...{ kind, name: kind, settings: { url }, secrets: SECRETS[kind], eventsMax: 7 },
})

function s3Body() {
  const { secretAccessKey, ...settings } = S3
  const url = `http://127.0.0.1:${receivers.s3!.port}`
  const given = { kind: 's3', name: 's3', settings: { url, ...settings } }
  return { ...given, secrets: { secretAccessKey }, eventsMax: 7, fillSeconds: 0 }
}

/** Away now and then; cuts the connection when it has taken what it was sent. */
function fickle(reply: (request: Received) => Reply): (request: Received) => Reply {
  let requests = 0
  return (request) => {
    requests++
    if (requests % 4 === 0) return { status: 503 }
    return { ...reply(request), cut: requests % 3 === 0 }
  }
}

test('a server that is killed again and again delivers at least once, to Elasticsearch and S3 exactly once, by count', async () => {
  const elastic = new ElasticDouble()
  /** As a bucket keeps them: by key, the last one written. */
  const objects = new Map<string, readonly string[]>()
  const put = ({ path, body }: Received) => {
    const text = gunzipSync(body).toString()
    objects.set(path, text.match(/(?<="sessionId":")01[0-9A-Z]{24}/g) ?? [])
    return { status: 200 }
  }
  const seen: Record<string, Set<string>> = { otlp: new Set(), splunk: new Set() }
  const keeps = (kind: string, text: string) => (request: Received) => {
    for (const [id] of request.text.matchAll(/01[0-9A-Z]{24}/g)) seen[kind]!.add(id)
    return { status: 200, text }
  }
  const answers: Record<string, (request: Received) => Reply> = {
    elasticsearch: elastic.reply,
    otlp: keeps('otlp', ''),
    splunk: keeps('splunk', '{"text":"Success","code":0}'),
    s3: put,
  }
  const kinds = Object.keys(answers)
  for (const kind of kinds) {
    receivers[kind]!.reply = fickle(answers[kind]!)
    const wanted = kind === 's3' ? s3Body() : body(kind)
    expect((await server.request('POST', PATH, admin, wanted)).status).toBe(201)
  }
  for (let round = 0; round < ROUNDS; round++) {
    const before = receivers.elasticsearch!.requests.length
    const sessions = Array.from({ length: EACH }, (_, i) => session(round * EACH + i + 1))
    await server.request(
      'POST',
      '/api/v1/org/acme/site/1/sessions',
      admin,
      batch(++number, sessions),
    )
    await until(() => receivers.elasticsearch!.requests.length > before)
    await server.kill('SIGKILL')
    await server.spawn()
  }
  for (const kind of kinds) receivers[kind]!.reply = answers[kind]!
  for (const { id } of await list()) await server.request('POST', `${PATH}/${id}/resume`, admin)
  const all = ROUNDS * EACH
  await until(async () =>
    (await list()).every((one: { delivered: number }) => one.delivered === all),
  )
  for (const one of await list())
    expect(one).toMatchObject({ pending: 0, deadLetters: 0, rejected: 0, state: 'ok' })
  expect(elastic.documents.size).toBe(all)
  expect([seen.otlp!.size, seen.splunk!.size]).toEqual([all, all])
  const archived = [...objects.values()].flat()
  expect([archived.length, new Set(archived).size]).toEqual([all, all])
})

/** A receiver of this kind that takes all, in the words of its documentation. */
function accepting(kind: string): (request: Received) => Reply {
  if (kind === 'elasticsearch') return new ElasticDouble().reply
  const text = kind === 'splunk' ? '{"text":"Success","code":0}' : '{}'
  return () => ({ status: 200, text })
}

describe.each(KINDS)('%s', (kind) => {
  test('a test event is marked as one, and secrets are written and never shown', async () => {
    receivers[kind]!.reply = accepting(kind)
    const added = await server.request('POST', PATH, admin, body(kind))
    const { id } = added.body.data
    const tested = await server.request('POST', `${PATH}/${id}/test`, admin)
    expect(tested.body.data).toMatchObject({ result: 'delivered', status: 200 })
    const [request] = receivers[kind]!.requests
    expect(request!.text).toContain('test')
    expect(JSON.stringify(request!.headers)).toContain('hush-AbCd')
    const shown = JSON.stringify([added.body, await list(), server.log])
    expect(shown).not.toContain('hush')
    for (const name of Object.keys(SECRETS[kind]!))
      expect(added.body.data.secrets[name]).toEqual({ set: true, lastFour: 'AbCd' })
  })

  test('redirects lead nowhere, and what answers is shown', async () => {
    const location = `http://127.0.0.1:${receivers.otlp!.port}/elsewhere`
    receivers[kind]!.reply = () => ({ status: 307, headers: { location } })
    const { id } = (await server.request('POST', PATH, admin, body(kind))).body.data
    const tested = await server.request('POST', `${PATH}/${id}/test`, admin)
    expect(tested.body.data).toMatchObject({ result: 'blocked', status: 307 })
    expect(receivers[kind]!.requests.length).toBe(1)
  })

  test.each([
    ['https://user:pass@example.org/'],
    ['https://example.org/#x'],
    ['file:///etc/passwd'],
    ['tls://example.org:1'],
  ])('%s is no address', async (url) => {
    const answer = await server.request('POST', PATH, admin, body(kind, url))
    expect([answer.status, answer.body.message]).toEqual([400, expect.stringContaining('url')])
  })
})

test('without leave of the operator no kind is sent in the clear or into the own network', async () => {
  const strict = await TestServer.start()
  const key = await strict.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  const refused = async (kind: string, url: string) => {
    const { status, body: said } = await strict.request('POST', PATH, key, body(kind, url))
    return `${status} ${said.message}`
  }
  for (const kind of KINDS) {
    expect(await refused(kind, 'http://example.org')).toMatch(/^400 .*--allow-plain-destinations/)
    for (const host of ['127.0.0.1', '169.254.169.254', '[::ffff:10.0.0.1]', '2130706433'])
      expect(await refused(kind, `https://${host}/`)).toMatch(/^400 .*--allow-private-destinations/)
    // A name that leads there is found when it is resolved.
    const made = await strict.request('POST', PATH, key, body(kind, 'https://localhost:9/'))
    const test = `${PATH}/${made.body.data.id}/test`
    const tested = await strict.request('POST', test, key)
    expect(tested.body.data.text).toContain('--allow-private-destinations')
  }
  await strict.stop()
})
