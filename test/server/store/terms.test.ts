/** Queries against an array: the store finds what a slow filter in memory finds, in rows, counts and bars. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAddress } from '../../../src/server/query/parameters.js'
import { termsOf } from '../../../src/server/query/terms.js'
import { OUTCOME_STATES } from '../../../src/session/outcome-groups.js'
import { parseQuery, type QueryTerm, type QueryValue } from '../../../src/session/query.js'
import { CONN_STATES, type Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { rounds } from '../../support/rounds.js'
import { ALWAYS, TestStore } from '../../support/store.js'

const CLIENTS = ['ada-laptop', 'ada-phone', 'Ben_1', 'ci%runner'] as const
const USERS = [
  { userId: 'u-ada', name: 'Ada Okafor', email: 'ada@example.com' },
  { userId: 'u-ben', name: 'Ben', email: null },
] as const
const RESOURCES = ['Orders database', 'Name server'] as const
const PORTS = [22, 53, 443, 5432] as const

const sessions = Array.from({ length: 240 }, (_, i): Session => {
  const n = (i * 7919) % 1009
  const userId = n % 5 === 0 ? null : n % 2 === 0 ? 'u-ada' : n % 7 === 0 ? 'u-gone' : 'u-ben'
  return session(i + 1, {
    clientId: n % 6 === 5 ? null : (n % 4) + 1,
    userId,
    siteResourceId: n % 3 === 2 ? null : (n % 2) + 1,
    sourceIp: `10.8.0.${2 + (n % 3)}`,
    destIp: `10.20.0.${n % 2}`,
    destPort: PORTS[n % 4]!,
    protocol: n % 4 === 1 ? 'udp' : 'tcp',
    bytesTx: n * 10,
    bytesRx: n % 50,
    payloadTx: 0,
    payloadRx: 0,
    connState: CONN_STATES[n % CONN_STATES.length]!,
    endReason: n % 11 === 0 ? 'activeTimeout' : 'endOfFlowDetected',
    clientEndpoint: null,
  })
})

const same = (a: string | null, b: string) => a !== null && a.toLowerCase() === b.toLowerCase()
const holds = (a: string | null, b: string) => (a ?? '').toLowerCase().includes(b.toLowerCase())

function fits(name: string | null, { text, quoted }: QueryValue): boolean {
  if (name === null) return false
  if (quoted || !text.includes('*')) return same(name, text)
  const pattern = text.split('*').map((part) => part.replace(/[^\w]/g, '\\$&'))
  return new RegExp(`^${pattern.join('.*')}$`, 'is').test(name)
}

/** The names of a session's client, user, resource, site: by which it is known. */
function namesOf(s: Session, key: string): { id: string | null; names: (string | null)[] } {
  if (key === 'client')
    return { id: text(s.clientId), names: [s.clientId === null ? null : CLIENTS[s.clientId - 1]!] }
  if (key === 'resource') {
    const { siteResourceId: id } = s
    return { id: text(id), names: [id === null ? null : RESOURCES[id - 1]!] }
  }
  if (key === 'site') return { id: '1', names: ['Rotterdam'] }
  const user = USERS.find(({ userId }) => userId === s.userId)
  return { id: s.userId, names: [user?.name ?? null, user?.email ?? null, user?.userId ?? null] }
}
const text = (id: number | null) => (id === null ? null : String(id))

const isOpen = (s: Session) => s.endReason === 'activeTimeout'

function hasOutcome(s: Session, word: string): boolean {
  const is = (states: readonly string[]) => states.includes(String(s.connState))
  if (word === 'open') return isOpen(s)
  if (word === 'failed' || word === 'reset') return !isOpen(s) && is(OUTCOME_STATES[word])
  if (word === 'closed')
    return !isOpen(s) && !is([...OUTCOME_STATES.failed, ...OUTCOME_STATES.reset])
  return is([word])
}

function matches(s: Session, { key, values, operator }: QueryTerm): boolean {
  const [first] = values
  switch (key) {
    case null: {
      const all = ['client', 'user', 'resource', 'site'].flatMap((k) => namesOf(s, k).names)
      const ends = [s.sourceIp, s.destIp, s.userId]
      const ports = [s.sourcePort, s.destPort].map(String)
      return [...all, ...ends].some((one) => holds(one, first!.text)) || ports.includes(first!.text)
    }
    case 'port':
      return values.some((v) => Number(v.text) === s.destPort)
    case 'dest':
      return values.some((v) => v.text === s.destIp)
    case 'outcome':
      return values.some((v) => hasOutcome(s, v.text))
    case 'bytes': {
      const sum = s.bytesTx + s.bytesRx
      const than = Number(first!.text)
      return { '>': sum > than, '>=': sum >= than, '<': sum < than, '<=': sum <= than }[
        operator as '>'
      ]
    }
    default: {
      const { id, names } = namesOf(s, key)
      return values.some(
        (v) =>
          (v.text === 'none' && !v.quoted && id === null) ||
          (id !== null && id === v.text) ||
          names.some((name) => fits(name, v)),
      )
    }
  }
}

let t: TestStore
beforeAll(async () => {
  t = await TestStore.open(50)
  t.nowUs = Date.now() * 1e3
  await t.store.putCatalog('acme', {
    clients: CLIENTS.map((name, i) => ({ clientId: i + 1, name, publicKey: null, userId: null })),
    users: [...USERS],
    resources: RESOURCES.map((name, i) => ({ siteResourceId: i + 1, name })),
    sites: [{ siteId: 1, name: 'Rotterdam' }],
  } as never)
  await t.send('acme', 1, batch(1, sessions, { report: report() }))
  await t.send('other', 1, batch(1, sessions.slice(0, 20), { report: report() }))
})
afterAll(() => t.close())

/** LIKE would try every way to part the name between the stars. */
test('a pattern of many stars is answered, fitting or not', async () => {
  await t.store.putCatalog('stars', {
    clients: [{ clientId: 1, name: 'a'.repeat(255), publicKey: null, userId: null }],
    ...{ users: [], resources: [], sites: [] },
  } as never)
  await t.send('stars', 1, batch(1, sessions.slice(0, 8), { report: report() }))
  const count = (query: string) =>
    t.store.count('stars', { ...ALWAYS, ...termsOf(query, parseAddress) })
  const ofFirst = sessions.slice(0, 8).filter((s) => s.clientId === 1).length
  expect(ofFirst).toBeGreaterThan(0)
  expect(await count(`client:${'a*'.repeat(100)}`)).toBe(ofFirst)
  expect(await count(`client:${'a*'.repeat(100)}b`)).toBe(0)
  expect(await count('client:a.*')).toBe(0)
})

const terms = fc.constantFrom(
  ...['ada', 'okafor', '10.8.0.3', '22', 'server', 'nobody', '"Orders database"', 'rotterdam'],
  ...[
    'client:ada-*',
    'client:none',
    'client:2,BEN_1',
    'client:ci%*',
    'client:"ada-*"',
    'client:*_1',
  ],
  ...['user:ada@example.com', 'user:"ada okafor"', 'user:u-gone', 'user:u-*', 'user:none'],
  ...['resource:"Name server",1', 'resource:*a*', 'site:rotter*', 'site:2'],
  ...['port:22', 'port:443,5432', 'dest:10.20.0.1', 'outcome:failed', 'outcome:reset,SF'],
  ...['outcome:open', 'outcome:closed', 'bytes>5000', 'bytes<=120', 'bytes>=1000'],
)
const queries = fc
  .array(fc.tuple(fc.boolean(), terms), { minLength: 1, maxLength: 4 })
  .map((all) => all.map(([negated, term]) => (negated ? '-' : '') + term).join(' '))

test('a query finds what a slow filter finds', async () => {
  await fc.assert(
    fc.asyncProperty(queries, async (query) => {
      const expected = sessions
        .filter((s) => parseQuery(query).every((term) => matches(s, term) !== term.negated))
        .map((s) => s.sessionId)
        .sort()
      const filter = { ...ALWAYS, ...termsOf(query, parseAddress) }
      const sort = { key: 'startTime', descending: true } as const
      const page = await t.store.page('acme', { filter, sort, limit: 1000, offset: 0 })
      expect(page.rows.map((row) => row.sessionId).sort()).toEqual(expected)
      expect(await t.store.count('acme', filter)).toBe(expected.length)
      const { outcomes } = await t.store.histogram('acme', { filter, bars: 20, offsetUs: 0 })
      const counts = Object.values(outcomes).flatMap((one) => one.sessions)
      expect(counts.reduce((a, b) => a + b, 0)).toBe(expected.length)
    }),
    { numRuns: rounds(60, 600) },
  )
})
