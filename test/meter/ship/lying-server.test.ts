/** A server, or whoever stands in the way of one, may say anything: it costs its own answer and nothing else. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { Connection } from '../../../src/meter/ship/connection.js'
import { type Problem, Shipper } from '../../../src/meter/ship/shipper.js'
import { BATCH_SESSIONS_MAX } from '../../../src/session/batch.js'
import { FakeServer } from '../../support/fake-server.js'
import { aSpool, batchOf } from '../../support/spools.js'
import { until } from '../../support/until.js'

const SITE = { orgId: 'acme', siteId: 3 }

async function connect(url: string): Promise<Connection> {
  const connection = await Connection.open({ url, key: 'tm_ingest_x' })
  onTestFinished(() => connection.close())
  return connection
}

describe('who the key is', () => {
  test.each([
    ['half a character', { orgId: 'a\ud800', siteId: 1 }],
    ['a path', { orgId: '../../other', siteId: 1 }],
    ['an endless name', { orgId: 'a'.repeat(64), siteId: 1 }],
    ['no text', { orgId: 7, siteId: 1 }],
    ['no site', { orgId: 'acme', siteId: 0 }],
    ['a site beyond all numbers', { orgId: 'acme', siteId: 1e300 }],
    ['a time that is none', { orgId: 'acme', siteId: 1, serverTime: 'x'.repeat(1000) }],
  ])('%s is no answer', async (_what, said) => {
    const server = await new FakeServer().start()
    server.key = { status: 200, data: { scope: 'ingest', ...said } }
    const connection = await connect(server.url)
    expect(await connection.whoAmI()).toMatchObject({ kind: 'away' })
  })

  test('a site of which nothing can be made is waited for, and is not remembered', async () => {
    const server = await new FakeServer().start()
    server.key = { status: 200, data: { scope: 'ingest', orgId: 'a\ud800', siteId: 1 } }
    const { spool } = await aSpool()
    await spool.append(batchOf(1))
    const problems: (Problem | null)[] = []
    const shipper = new Shipper({
      spool,
      connection: await connect(server.url),
      backoff: { firstMs: 2, lastMs: 20 },
      onProblem: (problem) => problems.push(problem),
    })
    onTestFinished(() => shipper.stop())
    shipper.start()
    await until(() => problems.length > 0)
    expect(problems[0]).toMatchObject({ kind: 'away' })
    expect(spool.target()).toBe(null)
    server.key = { status: 200, data: { scope: 'ingest', ...SITE } }
    expect(await shipper.drained(new AbortController().signal)).toBe(true)
    expect(spool.target()).toMatchObject(SITE)
  })

  test('a remembered one of before that no path can hold is forgotten at the next start', async () => {
    const { spool } = await aSpool()
    const there = { url: 'http://127.0.0.1:1', keyHash: 'x', siteId: 1 }
    await spool.setTarget({ ...there, orgId: 'a\ud800' })
    expect(spool.target()).toBe(null)
    await spool.setTarget({ ...there, orgId: 'acme' })
    expect(spool.target()).toMatchObject({ orgId: 'acme', siteId: 1 })
  })
})

describe('the catalog', () => {
  test.each([
    ['"1"', '"1"'],
    ['W/"abc"', 'W/"abc"'],
    [`"${'x'.repeat(8000)}"`, null],
    ['"\u00e9"', null],
  ])('of its ETag %j is kept %j', async (given, kept) => {
    const server = await new FakeServer().start()
    server.catalog = { clients: [] }
    server.catalogHeaders = { etag: given }
    const connection = await connect(server.url)
    const answer = await connection.catalog(SITE, null)
    expect(answer).toEqual({ etag: kept, content: { clients: [] } })
    expect(await connection.catalog(SITE, answer!.etag)).not.toBe(null)
  })

  test('is taken to its bound, and what is larger is said', async () => {
    const server = await new FakeServer().start()
    server.catalog = { padding: 'x'.repeat(2 ** 20) }
    const connection = await connect(server.url)
    expect(await connection.catalog(SITE, null)).not.toBe(null)
    const bytesMax = 2 ** 20
    await expect(connection.catalogText(SITE, null, { bytesMax })).rejects.toMatchObject({
      code: 'CATALOG_TOO_LARGE',
      hint: expect.stringContaining('--catalog-max'),
    })
  })

  test('of few bytes and many objects is none', async () => {
    const server = await new FakeServer().start()
    server.catalog = JSON.parse(`[${'{},'.repeat(1_000_000)}{}]`)
    const connection = await connect(server.url)
    await expect(connection.catalog(SITE, null)).rejects.toMatchObject({
      code: 'CATALOG_TOO_LARGE',
    })
  })
})

describe('the answer to a batch', () => {
  async function answered(answer: object, status = 200) {
    const server = await new FakeServer().start()
    server.misbehave = ({ response }) => {
      response.writeHead(status).end(JSON.stringify(answer))
      return true
    }
    const connection = await connect(server.url)
    const { body } = await batchOf(1)(7, [], null)
    return connection.send(SITE, 7, body)
  }
  const receipt = { batch: 7, stored: 0, repeated: false }

  test('with every session refused, each for its own reason, fits', async () => {
    const reason = 'r'.repeat(130)
    const refused = Array.from({ length: BATCH_SESSIONS_MAX }, (_, index) => ({
      index,
      sessionId: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
      reason,
    }))
    const verdict = await answered({ success: true, data: { ...receipt, refused } })
    expect(verdict).toMatchObject({ kind: 'stored' })
    expect(verdict.kind === 'stored' && verdict.receipt.refused.length).toBe(BATCH_SESSIONS_MAX)
  })

  test('of more than 1 MiB is none', async () => {
    const answer = {
      success: true,
      data: { ...receipt, refused: [] },
      padding: 'x'.repeat(2 ** 20),
    }
    expect(await answered(answer)).toMatchObject({ kind: 'away' })
  })

  test('that refuses a session twice, or more than a batch has, is none', async () => {
    const one = { index: 0, sessionId: null, reason: 'x' }
    const twice = { success: true, data: { ...receipt, refused: [one, one] } }
    expect(await answered(twice)).toMatchObject({ kind: 'away' })
    const many = {
      success: true,
      data: { ...receipt, stored: BATCH_SESSIONS_MAX + 1, refused: [] },
    }
    expect(await answered(many)).toMatchObject({ kind: 'away' })
  })

  test.each([400, 403, 413, 503])(
    'with %i says no more than 1 KiB of a long message',
    async (status) => {
      const message = `\u001b[2J${'m'.repeat(500_000)}`
      const verdict = await answered({ success: false, data: null, message }, status)
      expect(verdict).toMatchObject({ message: expect.stringMatching(/^HTTP \d+: \?\[2Jm+…$/) })
      expect(JSON.stringify(verdict).length).toBeLessThan(1200)
    },
  )

  test('with long reasons and notices is kept short', async () => {
    const long = 'r'.repeat(100_000)
    const refused = [{ index: 0, sessionId: null, reason: long }]
    const verdict = await answered({ success: true, data: { ...receipt, refused, notice: long } })
    expect(verdict).toMatchObject({ kind: 'stored' })
    expect(JSON.stringify(verdict).length).toBeLessThan(3000)
  })
})
