/** The log of peers: stored once, read in pages, made into connections, and deleted with all else of a person or site. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkPeerEvents } from '../../../src/server/ingest/peer-events.js'
import type { PeerFilter, PeerPosition, WriteReceipt } from '../../../src/server/store/store.js'
import type { PeerEvent } from '../../../src/session/peer-event.js'
import { batch, session } from '../../support/batches.js'
import { aPeerEvent } from '../../support/peer-events.js'
import { TestStore } from '../../support/store.js'

const AT_US = Date.UTC(2026, 10, 22, 11) * 1e3
const ALL: PeerFilter = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }
const KEYS = ['B', 'C', 'D'].map((letter) => `${letter.repeat(42)}A=`)

let t: TestStore
let number = 0
beforeEach(async () => {
  number = 0
  t = await TestStore.open()
})
afterEach(() => t.close())

interface Sent {
  readonly org?: string
  readonly site?: number
  readonly number?: number
  readonly meterId?: string
}

function send(events: readonly PeerEvent[], sent: Sent = {}): Promise<WriteReceipt> {
  const { org = 'acme', site = 1, meterId = 'meter-1' } = sent
  const checked = checkPeerEvents(events, meterId, Number.MAX_SAFE_INTEGER, 0)
  expect(checked.refused).toEqual([])
  const made = { ...batch(sent.number ?? ++number, []), meterId }
  const peerEvents = checked.events
  return t.store.write({ orgId: org, siteId: site, batch: made, sessions: [], peerEvents })
}

const at = (seconds: number, change: Partial<PeerEvent> = {}) =>
  aPeerEvent({ timeUs: AT_US + seconds * 1e6, ...change })

async function all(filter: PeerFilter = ALL, org = 'acme', limit = 1000) {
  const rows = []
  let after: PeerPosition | undefined
  do {
    const page = await t.store.peerEvents(org, { filter, limit, after })
    rows.push(...page.rows)
    after = page.next ?? undefined
  } while (after !== undefined)
  return rows
}

const seconds = (rows: readonly { timeUs: number }[]) =>
  rows.map(({ timeUs }) => (timeUs - AT_US) / 1e6)

test('what was told is there as it was told, with the names of today, after a restart, too', async () => {
  const client = { clientId: 1, name: 'laptop', addresses: [] }
  const catalog = { clients: [client], users: [{ userId: 'u1', name: 'Ada', email: 'a@x.org' }] }
  await t.store.putCatalog('acme', {
    ...catalog,
    resources: [],
    sites: [{ siteId: 1, name: 'Berlin' }],
  })
  const moved = at(5, {
    event: 'endpointChanged',
    endpoint: '[2001:db8::7]:51820',
    endpointBefore: '203.0.113.7:51820',
  })
  const changed = at(7, {
    event: 'allowedIpsChanged',
    allowedIps: '10.8.0.2/32 fd00::2/128',
    allowedIpsBefore: '',
    handshakeUs: null,
    publicKey: null,
  })
  await send([at(0, { already: true }), moved, changed])
  await t.reopen()
  const names = {
    siteId: 1,
    siteName: 'Berlin',
    clientName: 'laptop',
    userName: 'Ada',
    userEmail: 'a@x.org',
  }
  const stored = { meterId: 'meter-1', eventId: expect.stringMatching(/^[\w-]{22}$/), ...names }
  expect(await all()).toEqual([
    { ...changed, ...stored },
    { ...moved, ...stored },
    { ...at(0, { already: true }), ...stored },
  ])
})

test('a batch that comes again, and an event that is told again, change nothing', async () => {
  await send([at(0), at(1)])
  expect(await send([at(0), at(1)], { number: 1 })).toMatchObject({ repeated: true })
  // A meter that begins anew says that it was connected already, since that handshake.
  await send([at(0, { already: true }), at(2)])
  expect(seconds(await all())).toEqual([2, 1, 0])
  expect((await all()).map(({ already }) => already)).toEqual([false, false, false])
})

test('one at another place, of another client or meter, is another one', async () => {
  await send([
    at(0),
    at(0, { endpoint: '203.0.113.8:1' }),
    at(0, { clientId: 2 }),
    at(0, { interface: 'wg1' }),
  ])
  await send([at(0)], { meterId: 'meter-2' })
  await send([at(0)], { site: 2 })
  await send([at(0)], { org: 'other' })
  expect(await all()).toHaveLength(6)
  expect(await all(ALL, 'other')).toHaveLength(1)
})

test('pages of any size hold each once, newest first, also where times are the same', async () => {
  const events = Array.from({ length: 23 }, (_, i) =>
    at(Math.floor(i / 5), { endpoint: `203.0.113.${i}:1` }),
  )
  await send(events)
  const whole = await all()
  expect(whole).toHaveLength(23)
  expect(seconds(whole)).toEqual(seconds(whole).sort((a, b) => b - a))
  for (const limit of [1, 4, 5, 23]) expect(await all(ALL, 'acme', limit)).toEqual(whole)
})

test('of one moment they are in the order in which they happened', async () => {
  const events = (['gone', 'disconnected', 'connected', 'added'] as const).map((event) =>
    at(0, { event }),
  )
  await send(events)
  for (const limit of [1, 3, 4])
    expect((await all(ALL, 'acme', limit)).map(({ event }) => event)).toEqual(
      events.map(({ event }) => event),
    )
})

test.each<[string, Partial<PeerFilter>, number[]]>([
  ['time', { fromUs: AT_US + 1e6, toUs: AT_US + 3e6 }, [2, 1]],
  ['client', { clientIds: [2] }, [1]],
  ['no client', { clientIds: [null] }, [2]],
  ['user', { userIds: ['u2'] }, [1]],
  ['site', { siteIds: [2] }, [3]],
  ['key', { publicKeys: [KEYS[1]!, KEYS[2]!] }, [3, 2]],
  ['event', { events: ['gone', 'added'] }, [3]],
  ['two of these', { events: ['connected'], clientIds: [1, 2] }, [1, 0]],
])('by %s', async (_, filter, want) => {
  await send([
    at(0, { publicKey: KEYS[0]! }),
    at(1, { clientId: 2, userId: 'u2', publicKey: KEYS[0]! }),
    at(2, { clientId: null, userId: null, publicKey: KEYS[1]! }),
  ])
  await send([at(3, { event: 'gone', publicKey: KEYS[2]! })], { site: 2 })
  expect(seconds(await all({ ...ALL, ...filter }))).toEqual(want)
})

async function connections(filter: Partial<PeerFilter> = {}, open = false) {
  const given = { ...ALL, ...filter }
  const found = await t.store.peerConnections('acme', { filter: given, limit: 100, open })
  return found.map(({ clientId, fromUs, toUs, already, endpoints }) => {
    const to = toUs === null ? '' : (toUs - AT_US) / 1e6
    return `${clientId}: ${(fromUs - AT_US) / 1e6}-${to}${already ? '?' : ''} ${endpoints.join(' ')}`
  })
}

const HOME = '203.0.113.7:1'
const CAFE = '198.51.100.9:2'
const up = (s: number, change: Partial<PeerEvent> = {}) => at(s, { endpoint: HOME, ...change })
const down = (s: number, change: Partial<PeerEvent> = {}) =>
  at(s, { event: 'disconnected', endpoint: HOME, ...change })
const moves = (s: number, endpoint: string, change: Partial<PeerEvent> = {}) =>
  at(s, { event: 'endpointChanged', endpoint, ...change })

test.each<[string, PeerEvent[], string[]]>([
  ['a connection', [up(0), down(10)], [`1: 0-10 ${HOME}`]],
  ['one that goes on', [up(0)], [`1: 0- ${HOME}`]],
  ['two', [up(0), down(10), up(20)], [`1: 20- ${HOME}`, `1: 0-10 ${HOME}`]],
  [
    'with a move, and one while away',
    [up(0), moves(5, CAFE), down(10), moves(15, '192.0.2.1:1')],
    [`1: 0-10 ${HOME} ${CAFE}`],
  ],
  [
    'a meter that began anew meanwhile',
    [up(0), up(60, { already: true }), down(90)],
    [`1: 0-90 ${HOME}`],
  ],
  [
    'the same after a move',
    [up(0), moves(30, CAFE), up(60, { already: true, endpoint: CAFE }), down(90)],
    [`1: 0-90 ${HOME} ${CAFE}`],
  ],
  ['one that was there already', [up(60, { already: true }), down(90)], [`1: 60-90? ${HOME}`]],
  ['an end without a beginning', [down(5), up(7)], [`1: 7- ${HOME}`]],
  ['an end that came twice', [up(0), down(5), down(6)], [`1: 0-5 ${HOME}`]],
  [
    'two clients, one of them at two interfaces',
    [
      up(0),
      up(1, { clientId: 2, publicKey: KEYS[1]! }),
      up(2, { interface: 'wg1' }),
      down(3),
      down(4, { interface: 'wg1' }),
    ],
    [`1: 2-4 ${HOME}`, `2: 1- ${HOME}`, `1: 0-3 ${HOME}`],
  ],
  [
    'whose it is became known meanwhile, and changed',
    [up(0, { clientId: null }), up(50, { already: true }), down(60, { clientId: 2 })],
    [`1: 0-60 ${HOME}`],
  ],
  [
    'a peer whose key is not kept',
    [
      up(0, { publicKey: null }),
      down(10, { publicKey: null }),
      up(5, { publicKey: null, clientId: 2 }),
    ],
    [`2: 5- ${HOME}`, `1: 0-10 ${HOME}`],
  ],
  [
    'for days, told again each day',
    [
      up(-200_000),
      moves(-150_000, CAFE),
      up(-86_400, { already: true, endpoint: CAFE }),
      up(0, { already: true, endpoint: CAFE }),
      down(10),
    ],
    [`1: -200000-10 ${HOME} ${CAFE}`],
  ],
  ['in whatever order they came', [down(10), up(0)], [`1: 0-10 ${HOME}`]],
])('who was connected: %s', async (_, events, want) => {
  for (const event of events) await send([event])
  expect(await connections()).toEqual(want)
})

test.each<[string, number, number, string[]]>([
  ['all of it', 0, 100, ['40-', '0-30']],
  ['the middle of one', 10, 20, ['0-30']],
  ['between', 31, 40, []],
  ['its last moment', 30, 31, ['0-30']],
  ['long after', 1000, 2000, ['40-']],
])('those with a part in a range: %s', async (_, from, to, want) => {
  await send([up(0), down(30), up(40)])
  const range = { fromUs: AT_US + from * 1e6, toUs: AT_US + to * 1e6 }
  const found = await connections(range)
  expect(found.map((line) => line.split(' ')[1])).toEqual(want)
})

test('asked for a day, a connection begins when it did, and not before one that had ended', async () => {
  const days = (n: number, change: Partial<PeerEvent> = {}) => up(n * 86_400, change)
  await send([days(-9), down(-8.5 * 86_400), days(-8), days(-7, { already: true, endpoint: CAFE })])
  await send([1, 2, 3, 4, 5, 6].map((n) => days(n - 7, { already: true, endpoint: CAFE })))
  const range = { fromUs: AT_US - 1e6, toUs: AT_US + 1e6 }
  expect(await connections(range)).toEqual([`1: ${-8 * 86_400}- ${HOME} ${CAFE}`])
})

test('one that comes after a long one begins by itself', async () => {
  await send([up(-172_800), up(-86_400, { already: true }), down(-10), up(0)])
  const range = { fromUs: AT_US - 20e6, toUs: AT_US + 1e6 }
  expect(await connections(range)).toEqual([`1: 0- ${HOME}`, `1: -172800--10 ${HOME}`])
})

test('only those that go on; of a client; latest first, so many', async () => {
  await send([up(0), down(30), up(40), up(50, { clientId: 2, publicKey: KEYS[1]! })])
  expect(await connections({}, true)).toEqual([`2: 50- ${HOME}`, `1: 40- ${HOME}`])
  expect(await connections({ clientIds: [1] })).toHaveLength(2)
  const found = await t.store.peerConnections('acme', { filter: ALL, limit: 1 })
  expect(found.map(({ clientId }) => clientId)).toEqual([2])
  expect(await t.store.peerConnections('other', { filter: ALL, limit: 1 })).toEqual([])
})

test('asked for a client, the beginning from before it was known is there; and when it was told last', async () => {
  await send([
    up(0, { clientId: null, userId: null }),
    up(50, { already: true }),
    up(60, { publicKey: KEYS[0]!, clientId: null, userId: null }),
  ])
  for (const filter of [
    { clientIds: [1] },
    { userIds: ['u1'] },
    { clientIds: [1], userIds: ['u1'] },
  ]) {
    expect(await connections(filter)).toEqual([`1: 0- ${HOME}`])
    const [one] = await t.store.peerConnections('acme', { filter: { ...ALL, ...filter }, limit: 1 })
    expect(one).toMatchObject({
      userId: 'u1',
      publicKey: aPeerEvent().publicKey,
      toldUs: AT_US + 50e6,
    })
  }
  expect(await connections({ clientIds: [null] })).toEqual([`null: 60- ${HOME}`])
  expect(await connections({ clientIds: [2] })).toEqual([])
})

test('what is older than the retention goes, in slices', async () => {
  for (let i = 0; i < 12; i++)
    await send(Array.from({ length: 1000 }, (_, n) => at(i, { clientId: n + 1 })))
  await send([at(100)], { org: 'other' })
  await t.store.expire('acme', AT_US + 11e6)
  expect(await all()).toHaveLength(1000)
  expect(await all(ALL, 'other')).toHaveLength(1)
})

test('of a person, a site or an organisation all of it goes, and only that', async () => {
  const others = [at(1, { clientId: 2, userId: 'u1' }), at(2, { clientId: 3, userId: 'u3' })]
  await send([at(0), ...others])
  await send([at(3, { clientId: 4, userId: null })], { site: 2 })
  await send([at(4)], { org: 'other' })
  expect(await t.store.peerEventsOf('acme', { clientId: 1 })).toBe(1)
  await t.store.erase('acme', { clientId: 1 })
  expect(seconds(await all())).toEqual([3, 2, 1])
  expect(await t.store.peerEventsOf('acme', { userId: 'u1' })).toBe(1)
  await t.store.erase('acme', { userId: 'u1' })
  expect(seconds(await all())).toEqual([3, 2])
  await t.store.removeSessions('acme', 2)
  expect(seconds(await all())).toEqual([2])
  await t.store.removeOrg('acme')
  expect(await all()).toEqual([])
  expect(await all(ALL, 'other')).toHaveLength(1)
})

test('under pseudonyms the times stay, and nothing that leads back', async () => {
  await send([
    at(0, { allowedIps: '10.8.0.2/32', event: 'added' }),
    up(1),
    down(9),
    at(5, { clientId: 2, userId: 'u2' }),
  ])
  const before = await all()
  await t.store.pseudonymise('acme', { clientId: 1 }, [])
  const after = (await all()).filter(({ clientId }) => clientId !== 2)
  expect(seconds(after)).toEqual([9, 1, 0])
  expect(new Set(after.map((row) => `${row.clientId} ${row.userId}`)).size).toBe(1)
  expect(after[0]!.clientId).toBeGreaterThan(2 ** 52 - 1)
  expect(after[0]!.userId).toMatch(/^pseudonym-/)
  const text = JSON.stringify(after)
  for (const trace of [
    aPeerEvent().publicKey!,
    '203.0.113',
    '10.8.0',
    'u1',
    ...before.filter((e) => e.clientId === 1).map((e) => e.eventId),
  ])
    expect(text).not.toContain(trace)
  // The other one is as it was.
  expect((await all()).find(({ clientId }) => clientId === 2)).toEqual(
    before.find(({ clientId }) => clientId === 2),
  )
  expect((await connections()).map((line) => line.split(' ')[1])).toEqual(['5-', '1-9'])
})

test('a batch that the database refuses for its events costs these and its sessions, and none after it', async () => {
  const bad = {
    ...at(0),
    meterId: 'meter-1',
    eventId: 'x',
    timeUs: 'no number' as unknown as number,
  }
  const made = batch(1, [session(1)])
  await t.store.write({ orgId: 'acme', siteId: 1, batch: made, sessions: [], peerEvents: [bad] })
  number = 1
  await send([at(1)])
  expect(seconds(await all())).toEqual([1])
  expect((await t.store.meters('acme')).map(({ lastBatch }) => lastBatch)).toEqual([2])
})
