/** `q`: a name is found by itself, however it checkpoints, and an endpoint while it is being typed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { ALWAYS, TestStore } from '../../support/store.js'

/** What JavaScript and the database fold differently, or Unicode writes in two ways. */
const NAMES = [
  'ΓΙΩΡΓΟΣ',
  'Γιώργος',
  'IŞIK Irmak',
  'GROẞE Straße',
  'ＦＵＬＬ width',
  'İstanbul ß STRASSE',
  'Zo\u00eb',
  'Zoe\u0308',
  'Ǆungla',
  'ΟΔΟΣ Άθω',
  '\u212bngström',
  'Ⅷ',
] as const

let store: TestStore
beforeAll(async () => {
  store = await TestStore.open()
  await store.store.putCatalog('acme', {
    clients: NAMES.map((name, i) => ({ clientId: i + 1, name, addresses: [] })),
    users: [{ userId: 'u', name: 'Ulla', email: 'GIÁNNOS@example.org' }],
    sites: [],
    resources: [],
  })
  const sessions = NAMES.map((_, i) => session(i + 1, { clientId: i + 1, userId: null }))
  const more = [
    session(100, { clientId: null, userId: 'Λάμδα-ΟΔΟΣ' }),
    session(101, { clientId: null, userId: 'u' }),
    session(103, {
      clientId: null,
      userId: null,
      destPort: 1103,
      otherClientId: 1,
      otherUserId: 'bob',
    }),
    session(102, { clientId: null, userId: null, destIp: '192.168.77.5', destPort: 44_321 }),
  ]
  await store.send('acme', 1, batch(1, [...sessions, ...more]))
})
afterAll(() => store.close())

async function found(text: string): Promise<(number | string | null)[]> {
  const request = { filter: { ...ALWAYS, text }, limit: 100, offset: 0 }
  const { rows } = await store.store.page('acme', {
    ...request,
    sort: { key: 'startTime', descending: false },
  })
  return rows.map((row) => row.clientId ?? row.userId ?? row.destPort)
}

test.each(NAMES.map((name, i) => [name, i + 1] as const))('%s', async (name, clientId) => {
  expect(await found(name)).toContain(clientId)
})

test('both forms of a letter find both, and so do small letters', async () => {
  const both = [NAMES.indexOf('Zo\u00eb') + 1, NAMES.indexOf('Zoe\u0308') + 1]
  for (const text of ['Zo\u00eb', 'zoe\u0308', 'ZO\u00cb'])
    expect((await found(text)).sort()).toEqual(both.sort())
})

test('the client at the other end and its user are found', async () => {
  expect(await found('bob')).toEqual([1103])
  expect((await found('ΓΙΩΡΓΟΣ')).sort()).toEqual([1, 1103])
})

test('ids and addresses of users are found, too', async () => {
  expect(await found('λάμδα-οδοσ')).toEqual(['Λάμδα-ΟΔΟΣ'])
  expect(await found('giánnos@')).toEqual(['u'])
})

test.each(['192.168.77.5:44321', '192.168.77.5:443', '192.168.77.5:4', '77.5:44', ':44321'])(
  'an endpoint is found by %s',
  async (text) => {
    expect(await found(text)).toEqual([44_321])
  },
)

test.each(['192.168.77.5:43', '192.168.77.5:443210', '192.168.77.6:44', '77.5:0'])(
  'and not by %s',
  async (text) => {
    expect(await found(text)).toEqual([])
  },
)
