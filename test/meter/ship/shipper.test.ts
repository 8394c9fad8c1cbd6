import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { RETRY_AFTER_MAX_MS } from '../../../src/meter/ship/answer.js'
import { Connection, type ServerOptions } from '../../../src/meter/ship/connection.js'
import { type Problem, Shipper } from '../../../src/meter/ship/shipper.js'
import type { Spool } from '../../../src/meter/spool/spool.js'
import { envelope, FakeServer, type Misbehaviour } from '../../support/fake-server.js'
import { aPeerEvent } from '../../support/peer-events.js'
import { aSpool, batchOf } from '../../support/spools.js'
import { until } from '../../support/until.js'

interface Setup {
  readonly server: FakeServer
  readonly spool: Spool
  readonly shipper: Shipper
  readonly connection: Connection
  readonly problems: (Problem | null)[]
  readonly refusals: string[]
  readonly said: string[]
}

async function setUp(
  options: { batches?: number; server?: FakeServer; connect?: Partial<ServerOptions> } = {},
): Promise<Setup> {
  const server = options.server ?? (await new FakeServer().start())
  const { spool } = await aSpool()
  for (let i = 0; i < (options.batches ?? 1); i++) await spool.append(batchOf(2))
  const problems: (Problem | null)[] = []
  const refusals: string[] = []
  const connection = await Connection.open({
    url: server.url,
    key: 'tm_ingest_x',
    answerTimeoutMs: 300,
    ...options.connect,
  })
  const said: string[] = []
  const shipper = new Shipper({
    spool,
    connection,
    onConflict: (batch) => said.push(`conflict ${batch}`),
    onPeerEventsIgnored: () => said.push('ignored'),
    onUnexpectedRepeat: (batch, sessions) => said.push(`unexpected ${batch} ${sessions}`),
    backoff: { firstMs: 2, lastMs: 20 },
    onProblem: (p) => problems.push(p),
    onQuarantine: (batch, message, sessions) => refusals.push(`${batch} ${sessions} ${message}`),
  })
  onTestFinished(() => shipper.stop())
  return { server, spool, shipper, connection, problems, refusals, said }
}

const NEVER = new AbortController().signal

async function shipped(setup: Setup): Promise<number[]> {
  setup.shipper.start()
  await setup.shipper.drained(NEVER)
  return [...setup.server.stored.keys()].sort((a, b) => a - b)
}

/** Misbehaves for the first `times` requests. */
function first(times: number, what: Misbehaviour): Misbehaviour {
  return (request) => request.number <= times && what(request)
}

function status(code: number, headers: Record<string, string> = {}): Misbehaviour {
  return ({ response }) => {
    envelope(response, code, null, headers)
    return true
  }
}

test('what is in the spool arrives, under the site that the key belongs to, and leaves the spool', async () => {
  const setup = await setUp({ batches: 3 })
  expect(await shipped(setup)).toEqual([1, 2, 3])
  expect([...setup.server.paths]).toEqual([
    'GET /api/v1/key',
    'POST /api/v1/org/acme/site/3/sessions',
  ])
  expect(setup.spool.depth().batches).toBe(0)
  expect(setup.shipper.counters()).toMatchObject({
    batchesStored: 3,
    sessionsStored: 6,
    requests: 3,
  })
  expect(setup.problems).toEqual([])
})

test('a batch appended later is sent too, on the connection that is open', async () => {
  const setup = await setUp()
  await shipped(setup)
  await setup.spool.append(batchOf(1))
  await setup.shipper.drained(NEVER)
  expect([...setup.server.stored.keys()]).toEqual([1, 2])
  expect(setup.server.connections).toBe(1)
})

describe('answers that mean: later', () => {
  test.each<[string, Misbehaviour]>([
    ['500', status(500)],
    ['502', status(502)],
    ['503', status(503)],
    ['504', status(504)],
    ['429', status(429)],
    ['425', status(425)],
    ['408', status(408)],
    ['a redirect', status(302, { location: 'http://127.0.0.1:1/' })],
    [
      'a reset in mid-answer',
      ({ response, socket }) => {
        response.writeHead(200, { 'content-length': '1000' })
        response.write('{"data":')
        socket.destroy()
        return true
      },
    ],
    [
      'a reset before the answer',
      ({ socket }) => {
        socket.destroy()
        return true
      },
    ],
    ['no answer at all', () => true],
    [
      'an answer that never ends',
      ({ response }) => {
        response.writeHead(200)
        response.write('{')
        return true
      },
    ],
    [
      'garbage with 200',
      ({ response }) => {
        response.end('<html>Welcome to the hotel wifi</html>')
        return true
      },
    ],
    [
      'a 400 of somebody else',
      ({ response }) => {
        response.writeHead(400)
        response.end('Bad gateway configuration')
        return true
      },
    ],
    [
      'the receipt of another batch',
      ({ response, batch }) => {
        envelope(response, 200, { batch: batch.batch + 1, stored: 2, refused: [], repeated: false })
        return true
      },
    ],
    [
      'a receipt that says no success',
      ({ response, batch }) => {
        const data = { batch: batch.batch, stored: 2, refused: [], repeated: false }
        response.end(JSON.stringify({ data, success: false }))
        return true
      },
    ],
    [
      'bytes that are no HTTP',
      ({ socket }) => {
        socket.end('\0\0\0\0')
        return true
      },
    ],
  ])('%s: the batch is kept and sent again', async (_, misbehaviour) => {
    const setup = await setUp({ batches: 2 })
    setup.server.misbehave = first(2, misbehaviour)
    expect(await shipped(setup)).toEqual([1, 2])
    expect(setup.server.asked.slice(0, 3)).toEqual([1, 1, 1])
    expect(setup.problems.map((p) => p?.kind)).toEqual(['away', undefined])
  })

  test('stored, but the answer was lost: sent again, counted as repeated', async () => {
    const setup = await setUp()
    setup.server.misbehave = first(1, ({ store, socket }) => {
      store()
      socket.destroy()
      return true
    })
    await shipped(setup)
    expect(setup.server.asked).toEqual([1, 1])
    expect(setup.shipper.counters()).toMatchObject({ batchesStored: 1, batchesRepeated: 1 })
    expect(setup.said).toEqual([])
  })

  test.each([
    ['429', '7', 7_000],
    ['503', '86400', RETRY_AFTER_MAX_MS],
  ])('Retry-After of a %s (%s) is waited, at most 5 minutes', async (code, after, ms) => {
    const setup = await setUp()
    setup.server.misbehave = first(1, status(Number(code), { 'retry-after': after }))
    const timers = vi.spyOn(globalThis, 'setTimeout')
    onTestFinished(() => timers.mockRestore())
    const waits = (): unknown[] => timers.mock.calls.map((call) => call[1])
    setup.shipper.start()
    await until(() => setup.problems.length > 0 && waits().includes(ms))
    expect(setup.server.asked).toEqual([1])
    // The operator does not have to wait with it.
    setup.shipper.retryNow()
    await setup.shipper.drained(NEVER)
    expect(setup.server.asked).toEqual([1, 1])
  })

  test('a server that is not there yet', async () => {
    const server = await new FakeServer().start()
    const away = await setUp({ server, connect: { url: 'http://127.0.0.1:1' } })
    away.shipper.start()
    await until(() => away.shipper.counters().failures > 2)
    expect(away.spool.depth().batches).toBe(1)
    // Said once, however often it failed.
    expect(away.problems.map((p) => p?.kind)).toEqual(['away'])
  })
})

describe('answers that mean: not with this key', () => {
  test.each([401, 403, 404])(
    '%d: nothing is dropped or quarantined, and it goes on when mended',
    async (code) => {
      const setup = await setUp({ batches: 2 })
      setup.server.misbehave = first(3, status(code))
      expect(await shipped(setup)).toEqual([1, 2])
      expect(setup.problems.map((p) => p?.kind)).toEqual(['denied', undefined])
      expect(setup.refusals).toEqual([])
    },
  )

  test('a key that is no meter key says so', async () => {
    const setup = await setUp()
    setup.server.key.data = { scope: 'read', orgId: 'acme', siteId: null }
    setup.shipper.start()
    await until(() => setup.problems.length > 0)
    expect(setup.problems).toEqual([
      { kind: 'denied', message: expect.stringContaining('scope read') as string },
    ])
    setup.server.key.data = { scope: 'ingest', orgId: 'acme', siteId: 3 }
    setup.shipper.retryNow()
    await setup.shipper.drained(NEVER)
    expect(setup.server.stored.size).toBe(1)
  })

  test('the site is remembered for when the server answers nothing else', async () => {
    const setup = await setUp()
    await shipped(setup)
    await setup.shipper.stop()
    await setup.spool.append(batchOf(1))
    setup.server.key = { status: 500, data: {} }
    const connection = await Connection.open({ url: setup.server.url, key: 'tm_ingest_x' })
    const again = new Shipper({ spool: setup.spool, connection })
    onTestFinished(() => again.stop())
    again.start()
    await again.drained(NEVER)
    expect([...setup.server.stored.keys()]).toEqual([1, 2])
  })
})

describe('answers that mean: never', () => {
  test.each([400, 405, 406, 410, 411, 415, 422, 431])(
    '%d from our server: quarantined, the next ones go on',
    async (code) => {
      const setup = await setUp({ batches: 3 })
      setup.server.misbehave = (request) => request.batch.batch === 2 && status(code)(request)
      expect(await shipped(setup)).toEqual([1, 3])
      expect(setup.refusals).toEqual([`2 2 HTTP ${code}: refused with ${code}`])
      expect(setup.spool.depth()).toMatchObject({ batches: 0, quarantined: 1 })
    },
  )

  test('all of them: after 16 in a row it is the server, and the rest waits in the spool', async () => {
    const setup = await setUp({ batches: 20 })
    setup.server.misbehave = status(400)
    setup.shipper.start()
    await until(() => setup.problems.length > 0)
    expect(setup.problems[0]?.kind).toBe('refusing')
    // The other sender may still be writing its own.
    await until(() => setup.spool.depth().quarantined >= 16)
    expect(setup.spool.depth()).toMatchObject({ batches: 4, quarantined: 16 })
    setup.server.misbehave = () => false
    await setup.shipper.drained(NEVER)
    expect(setup.server.stored.size).toBe(4)
  })

  test('sessions refused one by one: the others are stored, those are quarantined', async () => {
    const setup = await setUp()
    setup.server.refuse = [1]
    await shipped(setup)
    expect(setup.refusals).toEqual(['1 1 1 of 2 sessions refused: bad'])
    expect(setup.shipper.counters()).toMatchObject({ sessionsStored: 1, sessionsRefused: 1 })
    expect(setup.spool.depth()).toMatchObject({ batches: 0, sessions: 0, quarantined: 1 })
  })

  test('413: halves under new numbers, until they fit', async () => {
    const setup = await setUp({ batches: 0 })
    await setup.spool.append(batchOf(5))
    setup.server.misbehave = (request) => request.batch.sessions.length > 2 && status(413)(request)
    const numbers = await shipped(setup)
    const sessions = numbers.flatMap((n) => setup.server.stored.get(n)!.sessions)
    expect(new Set(sessions.map((s) => s.sessionId)).size).toBe(5)
    expect(sessions.length).toBe(5)
    const gaps = numbers.flatMap((n) => setup.server.stored.get(n)!.gaps)
    expect(gaps.map((g) => [g.reason, g.sessions])).toEqual(gaps.map(() => ['split', 0]))
    // Every number that was used is either stored or said to be used up.
    const usedUp = gaps.map((g) => g.fromBatch!)
    expect([...numbers, ...usedUp].sort((a, b) => a - b)).toEqual(
      Array.from({ length: setup.spool.nextBatch - 1 }, (_, i) => i + 1),
    )
  })

  test('413: events of peers are in one of the halves only', async () => {
    const setup = await setUp({ batches: 0 })
    await setup.spool.append(batchOf(4, 'm', undefined, [aPeerEvent()]))
    setup.server.misbehave = (request) => request.batch.sessions.length > 2 && status(413)(request)
    await shipped(setup)
    const stored = [...setup.server.stored.values()]
    expect(stored.map((batch) => batch.peerEvents)).toEqual([[aPeerEvent()], undefined])
  })

  test('413 for a single session: quarantined', async () => {
    const setup = await setUp({ batches: 0 })
    await setup.spool.append(batchOf(1))
    setup.server.misbehave = status(413)
    await shipped(setup)
    expect(setup.spool.depth()).toMatchObject({ batches: 0, quarantined: 1 })
  })
})

describe('a backlog', () => {
  test('is sent from both ends, so that the newest do not wait for the oldest', async () => {
    const setup = await setUp({ batches: 40 })
    expect((await shipped(setup)).length).toBe(40)
    const { asked } = setup.server
    expect(asked.indexOf(40)).toBeLessThan(asked.indexOf(20))
    expect(asked.length).toBe(40)
    expect(setup.server.connections).toBeLessThanOrEqual(2)
  })

  test('stop in the middle keeps what was not confirmed', async () => {
    const setup = await setUp({ batches: 3 })
    setup.server.misbehave = ({ batch }) => batch.batch === 2
    setup.shipper.start()
    await until(() => setup.server.asked.includes(2))
    await setup.shipper.stop()
    expect(setup.spool.depth().batches).toBeGreaterThanOrEqual(1)
    expect((await setup.spool.next())?.number).toBe(2)
  })

  test('drained() gives up when told', async () => {
    const setup = await setUp({ batches: 1 })
    setup.server.misbehave = () => true
    setup.shipper.start()
    const stop = new AbortController()
    const drained = setup.shipper.drained(stop.signal)
    await until(() => setup.server.asked.length > 0)
    stop.abort()
    expect(await drained).toBe(false)
  })
})

describe('an identity that the server has with another content', () => {
  const CONFLICT = JSON.stringify({
    data: null,
    success: false,
    error: true,
    message: 'batch 1 is here with another content',
    status: 409,
    code: 'batchConflict',
  })
  const conflict: Misbehaviour = ({ response }) => {
    response.writeHead(409, { 'content-type': 'application/json' }).end(CONFLICT)
    return true
  }

  test('the batch is sent under a new spoolId and number, with all that is in it; it is said', async () => {
    const setup = await setUp({ batches: 2 })
    let shared: string | undefined
    setup.server.misbehave = (request) => {
      shared ??= request.batch.spoolId
      return request.batch.spoolId === shared && conflict(request)
    }
    expect(await shipped(setup)).toEqual([3, 4])
    const stored = [...setup.server.stored.values()]
    expect(stored.flatMap((b) => b.sessions.map((s) => s.sessionId.slice(0, 18)))).toEqual(
      [1, 1, 2, 2].map((n) => String(n).padStart(18, '0')),
    )
    expect(stored.map((b) => [b.spoolId === stored[0]!.spoolId, b.firstBatch])).toEqual([
      [true, 3],
      [true, 3],
    ])
    expect(stored[0]!.spoolId).not.toBe(shared)
    expect(setup.said).toEqual(['conflict 1', 'conflict 2'])
    expect(setup.shipper.counters()).toMatchObject({ batchesConflicting: 2, batchesStored: 2 })
  })

  test('a server that knows every identity is not asked for ever, and nothing is thrown away', async () => {
    const setup = await setUp()
    setup.server.misbehave = conflict
    setup.shipper.start()
    await until(() => setup.problems.length > 0)
    expect(setup.problems[0]).toMatchObject({ kind: 'refusing' })
    expect(setup.spool.depth()).toMatchObject({ batches: 1, sessions: 2 })
    expect(setup.spool.nextBatch).toBe(3)
  })

  test('a 409 of somebody else is only a server that is away', async () => {
    const setup = await setUp()
    setup.server.misbehave = first(1, status(409))
    expect(await shipped(setup)).toEqual([1])
    expect(setup.problems[0]).toMatchObject({ kind: 'away' })
  })
})

test('repeated, although it was sent once: said and counted', async () => {
  const setup = await setUp()
  setup.server.misbehave = ({ response, batch }) => {
    envelope(response, 200, { batch: batch.batch, stored: 2, refused: [], repeated: true })
    return true
  }
  await shipped(setup)
  expect(setup.said).toEqual(['unexpected 1 2'])
  expect(setup.shipper.counters()).toMatchObject({ batchesUnexpected: 1, batchesRepeated: 1 })
})

test.each<[string, object, string[], number, number]>([
  ['of an older server', {}, ['ignored'], 0, 2],
  ['that stored them', { peerEvents: 2 }, [], 2, 0],
  ['that refused one', { peerEvents: 1 }, [], 1, 1],
  ['that keeps nothing', { notice: 'retention 0' }, [], 0, 0],
])('events of peers and the receipt %s', async (_, receipt, said, stored, refused) => {
  const setup = await setUp({ batches: 0 })
  await setup.spool.append(batchOf(1, 'm', undefined, [aPeerEvent(), aPeerEvent()]))
  setup.server.misbehave = ({ batch, response, store }) => {
    store()
    const answer = { batch: batch.batch, stored: 1, refused: [], repeated: false, ...receipt }
    envelope(response, 200, answer)
    return true
  }
  await shipped(setup)
  expect(setup.said).toEqual(said)
  const { peerEventsStored, peerEventsRefused } = setup.shipper.counters()
  expect([peerEventsStored, peerEventsRefused]).toEqual([stored, refused])
})
