/**
 * Destinations of two servers, as processes: one of them delivers, the other goes on when that one is killed, and each of
 * them answers what a user asks.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { batch, session } from '../support/batches.js'
import { ElasticDouble } from '../support/elastic-double.js'
import { type Received, Receiver, type Reply } from '../support/receiver.js'
import { rounds } from '../support/rounds.js'
import type { Answer, TestServer } from '../support/server.js'
import { SharedStore, whyNoSeveral } from '../support/two-servers.js'
import { until } from '../support/until.js'

const missing = whyNoSeveral()
const ROUNDS = rounds(2, 6)
const EACH = 20
const PATH = '/api/v1/org/acme/destinations'
const KEY_FILE = 'destinations.key'
const ID = /01[0-9A-Z]{24}/g

type View = Record<string, unknown> & { readonly id: string; readonly delivered: number }

/** Away now and then; cuts the connection when it has taken what it was sent. */
function fickle(reply: (request: Received) => Reply): (request: Received) => Reply {
  let requests = 0
  return (request) => {
    requests++
    if (requests % 4 === 0) return { status: 503 }
    return { ...reply(request), cut: requests % 3 === 0 }
  }
}

describe.skipIf(missing !== null)(
  `destinations of two servers${missing === null ? '' : ` (${missing})`}`,
  () => {
    let shared: SharedStore
    let servers: [TestServer, TestServer]
    let admin: string
    let receiver: Receiver
    let number = 0
    beforeAll(async () => {
      shared = await SharedStore.start()
      admin = await shared.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
      const may = ['--allow-plain-destinations', '--allow-private-destinations']
      servers = [await shared.server(...may), await shared.server(...may)]
    }, 300_000)
    afterAll(async () => {
      for (const server of servers ?? []) await server.stop()
      await shared?.close()
    })
    beforeEach(async () => {
      receiver = await Receiver.start()
    })
    afterEach(async () => {
      for (const { id } of await list(servers[0])) await ask(servers[0], 'DELETE', `/${id}`)
      await receiver.close()
    })

    const ask = (server: TestServer, method: string, path = '', body?: unknown): Promise<Answer> =>
      server.request(method, `${PATH}${path}`, admin, body)
    const list = async (server: TestServer): Promise<View[]> =>
      (await ask(server, 'GET')).body.data.destinations
    const webhook = (change = {}) => ({
      ...{ kind: 'webhook', name: 'siem', eventsMax: 7 },
      settings: { url: receiver.url, format: 'ndjson', gzip: false },
      ...change,
    })
    const add = async (server: TestServer, body: unknown): Promise<View> => {
      const { status, body: answer } = await ask(server, 'POST', '', body)
      expect([status, answer.message]).toEqual([201, 'OK'])
      return answer.data
    }
    /** What a server delivers to is in its metrics. */
    const delivers = async (server: TestServer, { id }: View): Promise<boolean> =>
      String((await server.get('/metrics')).body).includes(`delivered_total{destination="${id}"}`)
    const send = async (server: TestServer, from: number, sessions = EACH): Promise<void> => {
      const all = Array.from({ length: sessions }, (_, i) => session(from + i))
      const path = '/api/v1/org/acme/site/1/sessions'
      const { status } = await server.request('POST', path, admin, batch(++number, all))
      expect(status).toBe(200)
    }
    let last = 0
    const next = (sessions: number) => {
      last += sessions
      return last - sessions + 1
    }

    test('a server without the key of the others says so, and delivers with it', async () => {
      const secrets = { authorization: 'Bearer hush-hush-hush' }
      const one = await add(servers[0], webhook({ secrets }))
      const refused = await ask(servers[1], 'POST', '', webhook({ secrets }))
      expect([refused.status, refused.body.code]).toEqual([503, 'secretsOther'])
      expect(refused.body.message).toContain(join(servers[1].data, KEY_FILE))
      expect(refused.body.message).toContain('copy it from another one')
      await until(() => servers[1].log.some((line) => line.includes('lacks the key of the other')))
      const tried = await ask(servers[1], 'POST', `/${one.id}/test`)
      expect([tried.status, tried.body.code]).toEqual([503, 'secretsOther'])

      copyFileSync(join(servers[0].data, KEY_FILE), join(servers[1].data, KEY_FILE))
      await until(async () => (await ask(servers[1], 'POST', `/${one.id}/test`)).status === 200)
      expect(receiver.requests.at(-1)!.headers.authorization).toBe(secrets.authorization)
      await servers[0].kill('SIGTERM')
      await send(servers[1], next(EACH))
      await until(async () => (await list(servers[1]))[0]!.delivered === EACH)
      expect(receiver.requests.at(-1)!.headers.authorization).toBe(secrets.authorization)
      await servers[0].spawn()
    }, 120_000)

    test('servers that are killed deliver at least once, to Elasticsearch and S3 exactly once, by count', async () => {
      const elastic = new ElasticDouble()
      /** As a bucket keeps them: by key, the last one written. */
      const objects = new Map<string, readonly string[]>()
      const put = ({ path, body }: Received) => {
        objects.set(path, gunzipSync(body).toString().match(ID) ?? [])
        return { status: 200 }
      }
      const seen = new Set<string>()
      const keep = ({ text }: Received) => {
        for (const [id] of text.matchAll(ID)) seen.add(id)
        return { status: 200 }
      }
      const [search, bucket] = [await Receiver.start(), await Receiver.start()]
      const [searchUrl, bucketUrl] = [search, bucket].map((one) => `http://127.0.0.1:${one.port}`)
      const s3 = { region: 'eu', bucket: 'acme-logs', accessKeyId: 'AKIDEXAMPLE' }
      receiver.reply = fickle(keep)
      search.reply = fickle(elastic.reply)
      bucket.reply = fickle(put)
      await add(servers[0], webhook())
      await add(servers[1], {
        ...{ kind: 'elasticsearch', name: 'search', eventsMax: 7 },
        ...{ settings: { url: searchUrl }, secrets: { apiKey: 'hush-hush-hush' } },
      })
      await add(servers[0], {
        ...{ kind: 's3', name: 'bucket', eventsMax: 7, fillSeconds: 0 },
        ...{ settings: { url: bucketUrl, ...s3 }, secrets: { secretAccessKey: 'hush-hush-hush' } },
      })
      for (let round = 0; round < ROUNDS; round++) {
        const before = receiver.requests.length + search.requests.length + bucket.requests.length
        const [dies, stays] = round % 2 === 0 ? servers : ([...servers].reverse() as typeof servers)
        await Promise.all([send(dies, next(EACH)), send(stays, next(EACH))])
        await until(
          () => receiver.requests.length + search.requests.length + bucket.requests.length > before,
        )
        await dies.kill('SIGKILL')
        // The other one goes on alone.
        for (const { id } of await list(stays)) await ask(stays, 'POST', `/${id}/resume`)
        await until(async () => {
          const all = await list(stays)
          const own = await Promise.all(all.map((one) => delivers(stays, one)))
          return all.length === 3 && own.every(Boolean)
        })
        await dies.spawn()
      }
      receiver.reply = keep
      search.reply = elastic.reply
      bucket.reply = put
      for (const { id } of await list(servers[1])) await ask(servers[1], 'POST', `/${id}/resume`)
      const all = ROUNDS * 2 * EACH
      await until(async () => (await list(servers[0])).every(({ delivered }) => delivered === all))
      for (const server of servers)
        for (const one of await list(server))
          expect(one).toMatchObject({ pending: 0, deadLetters: 0, delivered: all, state: 'ok' })
      expect(seen.size).toBe(all)
      expect(elastic.documents.size).toBe(all)
      const archived = [...objects.values()].flat()
      expect([archived.length, new Set(archived).size]).toEqual([all, all])
      await search.close()
      await bucket.close()
    }, 240_000)

    test('a backfill that one server was asked for ends at another one, when the one that sends it is killed', async () => {
      const stored = last
      await send(servers[0], next(EACH * 3), EACH * 3)
      receiver.reply = () => ({ status: 503 })
      const one = await add(servers[0], webhook({ eventsMax: 3 }))
      const range = { timeStart: '2000-01-01T00:00:00Z', timeEnd: '2100-01-01T00:00:00Z' }
      const asked = await ask(servers[1], 'POST', `/${one.id}/backfill`, range)
      expect([asked.status, asked.body.data.backfills]).toMatchObject([200, [{ endedAt: null }]])
      await until(() => receiver.requests.length > 0)
      let taken = 0
      receiver.reply = () => ({ status: ++taken > 3 ? 503 : 200 })
      await ask(servers[1], 'POST', `/${one.id}/resume`)
      await until(() => taken > 3)
      await servers[0].kill('SIGKILL')
      await until(() => delivers(servers[1], one))
      receiver.reply = () => ({ status: 200 })
      await ask(servers[1], 'POST', `/${one.id}/resume`)
      const shown = async () => (await list(servers[1]))[0]!
      await until(async () => JSON.stringify((await shown()).backfills).includes('"progress":1}'))
      expect(new Set(receiver.requests.flatMap(({ text }) => text.match(ID) ?? [])).size).toBe(
        stored + EACH * 3,
      )
      await servers[0].spawn()
    }, 120_000)

    test('any server shows and changes what another one delivers to', async () => {
      const bad = session(last + 1).sessionId
      receiver.reply = ({ text }) => ({ status: text.includes(bad) ? 422 : 200 })
      const one = await add(servers[0], webhook({ eventsMax: 5 }))
      await until(async () => (await list(servers[1])).length === 1)
      expect(await Promise.all(servers.map((server) => delivers(server, one)))).toEqual([
        true,
        false,
      ])

      await send(servers[1], next(EACH))
      await until(async () => (await list(servers[1]))[0]!.delivered === EACH - 1)
      const letters = await ask(servers[1], 'GET', `/${one.id}/dead-letters`)
      expect(letters.body.data.deadLetters).toMatchObject([{ sessionId: bad, status: 422 }])
      receiver.reply = () => ({ status: 200 })
      const again = await ask(servers[1], 'POST', `/${one.id}/resend`)
      expect(again.body.data).toMatchObject({ delivered: 1, refused: 0 })
      await until(async () => (await list(servers[0]))[0]!.delivered === EACH)
      expect((await list(servers[0]))[0]).toMatchObject({ deadLetters: 0 })

      expect((await ask(servers[1], 'POST', `/${one.id}/pause`)).status).toBe(200)
      await until(async () => (await list(servers[0]))[0]!.state === 'paused')
      await send(servers[0], next(EACH))
      await until(async () => (await list(servers[1]))[0]!.pending === EACH)
      expect((await list(servers[0]))[0]).toMatchObject({ pending: EACH, delivered: EACH })
      expect((await ask(servers[1], 'POST', `/${one.id}/resume`)).status).toBe(200)
      await until(async () => (await list(servers[1]))[0]!.delivered === 2 * EACH)

      expect((await ask(servers[1], 'DELETE', `/${one.id}`)).body.data).toMatchObject({
        delivered: 2 * EACH,
      })
      await until(async () => (await list(servers[0])).length === 0)
      expect(await delivers(servers[0], one)).toBe(false)
    }, 120_000)

    test('what one server erased, another one does not send any more, also not from memory', async () => {
      let go = () => {}
      const erased = new Promise<void>((resolve) => {
        go = resolve
      })
      // The second attempt is under way, and the rows of the next ones are in memory.
      receiver.reply = () =>
        receiver.requests.length === 1 ? { status: 200, after: erased } : { status: 200 }
      await add(servers[0], webhook({ eventsMax: 2 }))
      await send(servers[1], next(EACH))
      await until(() => receiver.requests.length === 2)
      const path = '/api/v1/org/acme/subject/erase'
      const user = { userId: session(1).userId }
      const found = await servers[1].request('POST', path, admin, user)
      const confirm = found.body.data.sessions as number
      const answer = await servers[1].request('POST', path, admin, { ...user, confirm })
      expect([answer.status, confirm >= EACH]).toEqual([200, true])
      go()
      await send(servers[0], next(1), 1)
      const newest = session(last).sessionId
      await until(() => receiver.requests.some(({ text }) => text.includes(newest)))
      const ids = receiver.requests.slice(2).flatMap(({ text }) => text.match(ID) ?? [])
      expect(ids).toEqual([newest])
    }, 120_000)
  },
)
