/** Counters of chosen clients and resources: what counts once, what is chosen, and the bounds. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { catalogSchema } from '../../src/session/catalog.js'
import { type Chosen, Watched } from '../../src/session/watched.js'
import { watchedText } from '../../src/session/watched-text.js'
import { session } from '../support/batches.js'

const CATALOG = catalogSchema.parse({
  clients: [
    { clientId: 1, name: 'Backup-East' },
    { clientId: 2, name: 'laptop "a"\\b' },
    { clientId: 3, name: 'x.y' },
  ],
  resources: [
    { siteResourceId: 7, name: 'files', destination: '10.0.0.7' },
    { siteResourceId: 7, name: 'files', destination: '10.0.1.7' },
    { siteResourceId: 8, name: 'mail', destination: '10.0.0.8' },
  ],
})
const all: Chosen = { clients: ['*'], resources: ['*'] }

function watching(chosen: Chosen = all, options: { open?: boolean; rememberedMax?: number } = {}) {
  const watched = new Watched(chosen, { open: true, ...options })
  watched.catalogChanged(CATALOG)
  return watched
}
const ids = (chosen: readonly string[]) => [
  ...watching({ clients: chosen, resources: [] }).clients.series.keys(),
]
const figures = (watched: Watched, clientId = 1) => {
  const { bytesTx, bytesRx, sessions, refused } = watched.clients.series.get(clientId)!
  return [bytesTx, bytesRx, sessions, refused]
}

test('chosen by id, by name in any case, and by a pattern in which only * is special', () => {
  expect(ids(['2'])).toEqual([2])
  expect(ids(['backup-east'])).toEqual([1])
  expect(ids(['back*st', 'LAPTOP*'])).toEqual([1, 2])
  expect(ids(['x.y'])).toEqual([3])
  expect(ids(['xay', '.*', 'backup', ''])).toEqual([])
  expect(ids([])).toEqual([])
})

test('an open session counts its bytes as they are reported, and itself when it ends; a correction what is new', () => {
  const watched = watching()
  const report = (bytesTx: number, endReason: 'activeTimeout' | 'endOfFlowDetected') =>
    watched.take(session(1, { bytesTx, bytesRx: 10, endReason }))
  report(100, 'activeTimeout')
  report(250, 'activeTimeout')
  expect(figures(watched)).toEqual([250, 10, 0, 0])
  report(400, 'endOfFlowDetected')
  report(400, 'endOfFlowDetected')
  expect(figures(watched)).toEqual([400, 10, 1, 0])
  report(460, 'endOfFlowDetected')
  // An older report of it may come late; a counter never falls.
  report(50, 'endOfFlowDetected')
  expect(figures(watched)).toEqual([460, 10, 1, 0])
  report(460, 'endOfFlowDetected')
  expect(figures(watched)).toEqual([460, 10, 1, 0])
  const resource = watched.resources.series.get(7)!
  expect([resource.bytesTx, resource.sessions]).toEqual([460, 1])
})

test('only ended sessions count where reports of one session may come to several counters', () => {
  const watched = watching(all, { open: false })
  watched.take(session(1, { bytesTx: 100, endReason: 'activeTimeout' }))
  expect(figures(watched)).toEqual([0, 0, 0, 0])
  watched.take(session(1, { bytesTx: 300, bytesRx: 4 }))
  expect(figures(watched)).toEqual([300, 4, 1, 0])
  expect(watched.deferred).toBe(0)
})

test('refused sessions, sums of many connections, both ends of a session between clients', () => {
  const watched = watching()
  watched.take(session(1, { connState: 'REJ', bytesTx: 60, bytesRx: 40 }))
  watched.take(session(2, { connectionCount: 5, bytesTx: 1, bytesRx: 1 }))
  // The hourly sum grows, and is told again under its id.
  watched.take(session(2, { connectionCount: 8, bytesTx: 3, bytesRx: 1 }))
  expect(figures(watched)).toEqual([63, 41, 9, 1])
  watched.take(session(3, { otherClientId: 2, bytesTx: 7, bytesRx: 0 }))
  watched.take(session(4, { clientId: 2, otherClientId: 2, bytesTx: 7, bytesRx: 0 }))
  expect([figures(watched), figures(watched, 2)]).toEqual([
    [70, 41, 10, 1],
    [14, 0, 2, 0],
  ])
  // Access logs have neither bytes nor states.
  const unknown = { bytesTx: null, bytesRx: null, connState: null, connectionCount: null }
  watched.take({ ...session(5), ...unknown })
  expect(figures(watched)).toEqual([70, 41, 11, 1])
})

test('a changed name keeps the counters; what is no longer chosen or in the catalog is gone', () => {
  const watched = watching({ clients: ['backup*', '2'], resources: [] })
  watched.take(session(1, { bytesTx: 5 }))
  watched.take(session(2, { bytesTx: 5, clientId: 2 }))
  watched.catalogChanged({
    clients: catalogSchema.parse({
      clients: [
        { clientId: 1, name: 'backup-west' },
        { clientId: 4, name: 'backup-new' },
      ],
    }).clients,
    resources: [],
  })
  expect([...watched.clients.series].map(([id, { name, bytesTx }]) => [id, name, bytesTx])).toEqual(
    [
      [1, 'backup-west', 5],
      [4, 'backup-new', 0],
    ],
  )
})

test('of too many, those that are shown stay, then the lowest ids; the others are counted', () => {
  const clients = (from: number) =>
    catalogSchema.parse({
      clients: Array.from({ length: 4 }, (_, i) => ({ clientId: from + i, name: `c${from + i}` })),
    })
  const watched = new Watched(all, { open: true, max: 3 })
  watched.catalogChanged(clients(10))
  expect([[...watched.clients.series.keys()], watched.clients.leftOut]).toEqual([[10, 11, 12], 1])
  watched.catalogChanged(clients(9))
  expect([[...watched.clients.series.keys()].sort(), watched.clients.leftOut]).toEqual([
    [10, 11, 12],
    1,
  ])
  expect(watchedText([{ orgId: null, watched }])).toContain(
    'tunmeter_watched_left_out{kind="clients"} 1\n',
  )
})

test('of too many open sessions, the further ones count when they end, and once', () => {
  const watched = watching(all, { rememberedMax: 2 })
  for (const n of [1, 2, 3]) watched.take(session(n, { bytesTx: 1, endReason: 'activeTimeout' }))
  expect([figures(watched)[0], watched.deferred]).toEqual([2, 1])
  for (const n of [1, 2, 3]) watched.take(session(n, { bytesTx: 10 }))
  expect([figures(watched)[0], figures(watched)[2]]).toEqual([30, 3])
  // Three have ended: the first one is forgotten, the second one is not.
  watched.take(session(2, { bytesTx: 10 }))
  expect(figures(watched)[2]).toBe(3)
})

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined
test.skipIf(!hasPromtool)('promtool finds no fault, whatever the names are', () => {
  const watched = watching()
  watched.take(session(1, { clientId: 2 }))
  watched.handshake(2, 1_800_000_000_500_000)
  watched.endpointChanged(2)
  const text = watchedText([{ orgId: 'acme', watched }])
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  expect([status, stdout, stderr]).toEqual([0, '', ''])
  const labels = 'org="acme",client="2",name="laptop \\"a\\"\\\\b"'
  expect(text).toContain(`\ntunmeter_client_bytes_total{${labels},direction="tx"} 1001\n`)
  expect(text).toContain(
    `\ntunmeter_client_last_handshake_timestamp_seconds{${labels}} 1800000000.5\n`,
  )
  expect(text).toContain(`\ntunmeter_client_endpoint_changes_total{${labels}} 1\n`)
  // Nothing is known of a handshake of the other clients.
  expect(text.match(/^tunmeter_client_last_handshake\S+ /gm)).toHaveLength(1)
})
