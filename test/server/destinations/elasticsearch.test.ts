/** _bulk as Elasticsearch's own client sends it, and what its answers mean, item by item. */
import { readFileSync } from 'node:fs'
import { Client } from '@elastic/elasticsearch'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testRow } from '../../../src/server/destinations/events.js'
import { ecsWriter } from '../../../src/server/destinations/formats/ecs.js'
import { placesOf } from '../../../src/server/destinations/formats/places.js'
import { documentId, elasticsearch } from '../../../src/server/destinations/kinds/elasticsearch.js'
import type { LogRow } from '../../../src/server/store/store.js'
import { ElasticDouble } from '../../support/elastic-double.js'
import { Receiver } from '../../support/receiver.js'

interface Document {
  readonly event: { readonly id: string }
}
interface Mappings {
  readonly [name: string]: { readonly properties?: Mappings }
}

const NOW_US = Date.UTC(2026, 10, 28) * 1e3
const row = (n: number, change: Partial<LogRow> = {}): LogRow => ({
  ...testRow('acme', NOW_US + n),
  sessionId: `01JZ00000000000000000000${String(n).padStart(2, '0')}`,
  ...change,
})

let receiver: Receiver
let elastic: ElasticDouble
beforeEach(async () => {
  receiver = await Receiver.start()
  elastic = new ElasticDouble()
  receiver.reply = elastic.reply
})
afterEach(() => receiver.close())

async function send(rows: readonly LogRow[], settings = {}, secrets = {}) {
  const open = elasticsearch.open({
    settings: elasticsearch.settings.parse({
      url: `http://127.0.0.1:${receiver.port}/base/`,
      ...settings,
    }),
    ...{ secrets, columns: null, version: '1.0.0' },
    guard: { allowPlain: true, allowPrivate: true },
  })
  const events = rows.map((one) => JSON.stringify(ecsWriter(null)(one)))
  const delivery = { id: 'd1.0-1.1', orgId: 'acme', sinceMs: 0, events, rows }
  return open
    .deliver({ ...delivery, signal: new AbortController().signal })
    .finally(() => open.close())
}

test('the same body as the official client makes, which takes the answers of the double', async () => {
  const rows = [row(1), row(2, { userName: 'Zoë\n"' })]
  expect(await send(rows, {}, { apiKey: 'abc==' })).toEqual({ kind: 'delivered', status: 200 })
  const client = new Client({ node: receiver.url.replace('/hook', '') })
  const answer = await client.helpers.bulk({
    datasource: rows.map((one) => ecsWriter(null)(one)),
    onDocument: (document) => {
      const of = rows.find((one) => one.sessionId === (document as Document).event.id)!
      const _index = 'logs-tunmeter.session-default'
      return { create: { _index, _id: documentId('acme', of) } }
    },
    onDrop: ({ status }) => expect(status).toBe(409),
    retries: 0,
  })
  await client.close()
  expect(answer.failed).toBe(2)
  const [own, official] = receiver.requests
  expect(own!.text).toBe(official!.text)
  expect(own!.path).toMatch(/^\/base\/_bulk\?filter_path=/)
  expect(own!.headers).toMatchObject({ authorization: 'ApiKey abc==', 'content-encoding': 'gzip' })
  expect(elastic.documents.size).toBe(2)
})

test('a repetition is delivered and writes nothing, a correction is a document of its own', async () => {
  const interrupted = row(1, { interrupted: true, bytesTx: 10 })
  await send([interrupted, row(2)])
  expect(await send([interrupted, row(2)])).toEqual({ kind: 'delivered', status: 200 })
  // Somebody was renamed meanwhile.
  await send([{ ...row(2), userName: 'new' }])
  expect(elastic.documents.size).toBe(2)
  await send([row(1, { bytesTx: 99 })])
  const ids = [...elastic.documents.values()].map((one) => (one.event as { id: string }).id)
  expect(ids.filter((id) => id === interrupted.sessionId).length).toBe(2)
  expect(documentId('acme', row(1))).not.toBe(documentId('other', row(1)))
  expect(documentId('acme', row(1))).not.toBe(documentId('acme', row(1, { siteId: 9 })))
})

describe('items', () => {
  const failing = (status: number, numbers: readonly number[]) => {
    const ids = numbers.map((n) => row(n).sessionId)
    elastic.failure = ({ event }) =>
      ids.includes((event as { id: string }).id)
        ? { status, type: 'document_parsing_exception', reason: 'failed to parse [x]' }
        : undefined
  }
  const rows = [row(1), row(2), row(3)]

  test('400 is refused for that event, and the others are there', async () => {
    failing(400, [2])
    const text = 'document_parsing_exception: failed to parse [x]'
    const refused = [{ at: 1, status: 400, text }]
    expect(await send(rows)).toEqual({ kind: 'partly', status: 200, refused })
    expect(elastic.documents.size).toBe(2)
  })

  test.each([429, 503])('%i is tried again, with what is there already', async (status) => {
    failing(status, [1])
    expect(await send(rows)).toMatchObject({ kind: 'later', status })
    failing(status, [])
    expect(await send(rows)).toEqual({ kind: 'delivered', status: 200 })
    expect(elastic.documents.size).toBe(3)
  })

  test.each([401, 403, 404])('%i of one is of all: somebody has to look at it', async (status) => {
    failing(status, [3])
    expect(await send(rows)).toMatchObject({ kind: 'blocked', status })
  })
})

test.each([
  [200, 'hello', 'blocked'],
  [200, '{"errors":false,"items":[{"create":{"status":201}}]}', 'blocked'],
  [200, '{"errors":false,"items":[]}', 'blocked'],
  [200, '{"errors":false,"items":{"length":2}}', 'blocked'],
  [200, 'x'.repeat(5 * 2 ** 20), 'refused'],
  [413, '', 'refused'],
  [401, '', 'blocked'],
  [302, '', 'blocked'],
  [429, '', 'later'],
  [502, '<html>', 'later'],
])('an answer of %i is understood', async (status, text, kind) => {
  receiver.reply = () => ({ status, text })
  expect(await send([row(1), row(2)])).toMatchObject({ kind, status })
})

test.each([{ dataStream: '../x' }, { dataStream: 'A' }, { url: 'ftp://x' }, { index: 'x' }])(
  '%j is refused',
  (change) => {
    const whole = { url: 'https://es.example.org', ...change }
    expect(elasticsearch.settings.safeParse(whole).success).toBe(false)
  },
)

test('the template names fields that documents have, of the types that they have', () => {
  const path = new URL('../../../packaging/elasticsearch/tunmeter.session.json', import.meta.url)
  const { index_patterns, template } = JSON.parse(readFileSync(path, 'utf8'))
  const { dataStream } = elasticsearch.settings.parse({ url: 'https://es.example.org' })
  const pattern = new RegExp(`^${index_patterns[0].replaceAll('*', '.*')}$`)
  expect(dataStream).toMatch(pattern)
  const named = (properties: Mappings, at = ''): string[] =>
    Object.entries(properties).flatMap(([name, one]) =>
      one.properties !== undefined ? named(one.properties, `${at}${name}.`) : [`${at}${name}`],
    )
  const written = placesOf('ecs', null).map(({ path }) => path)
  const known = [...written, '@timestamp', 'ecs.version', 'related.ip', 'tunmeter.test']
  expect(named(template.mappings.properties).filter((name) => !known.includes(name))).toEqual([])
})
