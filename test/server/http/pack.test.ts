/** Answers are packed for those who take it, and nobody pays for another's. */
import { randomBytes } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  PACKED_BYTES_MAX,
  PACKED_BYTES_MIN,
  PACKING_MAX,
  packAnswers,
  serveText,
} from '../../../src/server/http/pack.js'

const text = (bytes: number) => 'row '.repeat(bytes / 4)
const GZIP = { 'accept-encoding': 'gzip, br' }

describe('packed answers', () => {
  let app: FastifyInstance
  beforeAll(() => {
    app = fastify()
    app.addHook('onRequest', async (request) => {
      if (request.headers.authorization !== undefined) request.key = {} as never
    })
    packAnswers(app)
    const slow = randomBytes(PACKED_BYTES_MAX / 4).toString('hex')
    app.get('/slow', (_request, reply) => reply.send(slow))
    app.get('/etag', (_request, reply) => reply.header('etag', '"x"').send(text(8000)))
    app.get('/failed', (_request, reply) => reply.code(404).send(text(8000)))
    app.get('/encoded', (_request, reply) =>
      reply.header('content-encoding', 'x-own').send(text(8000)),
    )
    app.get<{ Params: { size: string } }>('/size/:size', (request, reply) =>
      reply.send(text(Number(request.params.size))),
    )
    app.post('/secret', (_request, reply) => reply.send(text(8000)))
    serveText(app, '/docs', 'text/html', () => text(8000))
  })
  afterAll(() => app.close())

  const ask = (
    url: string,
    headers: Record<string, string> = {},
    method: 'GET' | 'HEAD' | 'POST' = 'GET',
  ) => app.inject({ method, url, headers: { ...GZIP, authorization: 'Bearer x', ...headers } })

  test('one of some size is, and says so', async () => {
    const answer = await ask('/size/8000')
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect(answer.headers.vary).toBe('accept-encoding')
    expect(Number(answer.headers['content-length'])).toBe(answer.rawPayload.length)
    expect(gunzipSync(answer.rawPayload).toString()).toBe(text(8000))
    const head = await ask('/size/8000', {}, 'HEAD')
    expect(head.headers['content-encoding']).toBe('gzip')
    expect(head.headers['content-length']).toBe(answer.headers['content-length'])
    expect(head.rawPayload).toHaveLength(0)
  })

  test.each([
    ['a small one', `/size/${PACKED_BYTES_MIN - 4}`],
    ['a very large one', `/size/${PACKED_BYTES_MAX + 4}`],
    ['one whose bytes have a name', '/etag'],
    ['a failure', '/failed'],
  ])('%s is not', async (_, url) => {
    const answer = await ask(url)
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.body).toMatch(/^row row /)
  })

  test('nor is one for a client that takes none, for a stranger, with a secret, or packed already', async () => {
    const plain = await ask('/size/8000', { 'accept-encoding': 'identity' })
    expect(plain.headers['content-encoding']).toBeUndefined()
    // A cache must know that others get it packed.
    expect(plain.headers.vary).toBe('accept-encoding')
    const stranger = await app.inject({ url: '/size/8000', headers: GZIP })
    expect(stranger.headers['content-encoding']).toBeUndefined()
    expect((await ask('/secret', {}, 'POST')).headers['content-encoding']).toBeUndefined()
    const encoded = await ask('/encoded')
    expect(encoded.headers['content-encoding']).toBe('x-own')
    expect(encoded.body).toBe(text(8000))
  })

  test('beyond some at once they go as they are, and later ones are packed again', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask('/slow')))
    const packed = answers.filter((answer) => answer.headers['content-encoding'] === 'gzip')
    expect(packed).toHaveLength(PACKING_MAX)
    expect(answers.every((answer) => answer.statusCode === 200)).toBe(true)
    expect((await ask('/slow')).headers['content-encoding']).toBe('gzip')
  })

  test('a text for strangers is packed once', async () => {
    const answer = await app.inject({ url: '/docs', headers: GZIP })
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(answer.rawPayload).toString()).toBe(text(8000))
    const plain = await app.inject({ url: '/docs' })
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(plain.body).toBe(text(8000))
  })
})
