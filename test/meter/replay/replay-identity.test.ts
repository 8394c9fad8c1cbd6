/** What changes a replay's ids, and so what is stored a second time. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resolveOptions } from '../../../src/base/config.js'
import {
  contentIdentity,
  type Owners,
  quickIdentity,
} from '../../../src/meter/replay/replay-identity.js'
import { REPLAY_OPTIONS } from '../../../src/meter/replay/replay-options.js'
import { catalogSchema } from '../../../src/session/catalog.js'
import { temporaryDirectory } from '../../support/temporary.js'

const KEY = 'aGxDLmHBA7a1KyX/J6fkneX0nKxlaSTi05wrkrTwwGI='
const catalogOf = (client: object = {}, resource: object = {}, users: object[] = []) =>
  catalogSchema.parse({
    clients: [{ clientId: 1, name: 'Anna', publicKey: KEY, ...client }],
    resources: [{ siteResourceId: 1, name: 'Wiki', destination: '10.20.0.10', ...resource }],
    users,
  })
const peersOf = (more: object = {}): NonNullable<Owners['peers']> => [
  {
    publicKey: KEY,
    endpoint: null,
    allowedIps: ['10.9.0.2/32'],
    lastHandshakeSeconds: null,
    rxBytes: 0,
    txBytes: 0,
    ...more,
  },
]

function files(): string[] {
  const file = join(temporaryDirectory(), 'a.pcap')
  writeFileSync(file, 'the content of a capture')
  return [file]
}
const options = resolveOptions(REPLAY_OPTIONS, { flags: {}, env: {} })

describe.each([
  ['printed', async (f: string[], owners: Owners) => quickIdentity(f, options, owners)],
  ['delivered', (f: string[], owners: Owners) => contentIdentity(f, options, 0, owners)],
])('%s', (_, identify) => {
  test('each difference that decides whose a session is gives other ids', async () => {
    const all: Owners[] = [
      {},
      { peers: [] },
      { peers: peersOf() },
      { peers: peersOf({ allowedIps: ['10.9.0.0/24'] }) },
      { peers: peersOf({ endpoint: '192.0.2.1:51820' }) },
      { catalog: catalogSchema.parse({}) },
      { catalog: catalogOf() },
      { catalog: catalogOf(), peers: peersOf() },
      { catalog: catalogOf({ clientId: 2 }) },
      { catalog: catalogOf({ userId: 'u' }) },
      { catalog: catalogOf({ publicKey: null }) },
      { catalog: catalogOf({ addresses: ['10.9.0.2'] }) },
      { catalog: catalogOf({}, { siteResourceId: 2 }) },
      { catalog: catalogOf({}, { siteId: 2 }) },
      { catalog: catalogOf({}, { destination: '10.20.0.0/24' }) },
      { catalog: catalogOf({}, { protocol: 'tcp' }) },
      { catalog: catalogOf({}, { ports: [443] }) },
    ]
    const given = files()
    const identities = await Promise.all(all.map((owners) => identify(given, owners)))
    expect(new Set(identities.map((i) => i.prefix)).size).toBe(all.length)
    expect(new Set(identities.map((i) => i.meterId)).size).toBe(all.length)
  })

  test('names, which no session holds, do not', async () => {
    const given = files()
    const renamed = catalogOf({ name: 'Anna B.' }, { name: 'Docs' }, [{ userId: 'u', name: 'U' }])
    expect(await identify(given, { catalog: renamed })).toEqual(
      await identify(given, { catalog: catalogOf() }),
    )
  })
})
