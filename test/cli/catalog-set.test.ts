/** One entry of a catalog at a time, in a file and on a server. */
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadCatalog } from '../../src/meter/attribution/catalog-file.js'
import { runHere } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'

const key = (n: number): string => Buffer.alloc(32, n).toString('base64')

const CATALOG = `# of the office
clients:
  # Anna's, since May
  - clientId: 7
    name: Anna's laptop
    publicKey: ${key(1)}
    userId: anna # her login
  - { clientId: 9, name: phone, publicKey: ${key(2)} }
users: [{ userId: anna, name: Anna }]
resources:
  - siteResourceId: 3
    name: Database
    destination: 10.0.0.9
    ports: [5432] # PostgreSQL
`

function catalogFile(content = CATALOG): string {
  const path = join(temporaryDirectory(), 'catalog.yaml')
  writeFileSync(path, content, { mode: 0o640 })
  return path
}

const set = (...args: string[]) => runHere(['catalog', 'set', ...args]).finished

describe('in a file', () => {
  test('a client is added, changed, renamed; comments stay', async () => {
    const file = catalogFile()
    const added = await set('client', 'tablet', '--public-key', key(3), '--file', file)
    expect(added).toEqual({
      code: 0,
      stdout: '+ clients 10 "tablet"\n',
      stderr: `${file} written: 3 clients, 1 user, 0 sites, 1 resource\n`,
    })
    const changed = await set('client', 'phone', '--user', 'anna', '--file', file)
    expect(changed.stdout).toBe('~ clients 9 "phone": userId\n')
    // Who has the key is the same device, whatever its name.
    const renamed = await set('client', 'old', '--public-key', key(1), '--user', '', '--file', file)
    expect(renamed.stdout).toBe(`~ clients 7 "old" (was "Anna's laptop"): name, userId\n`)
    expect(loadCatalog(file).clients).toEqual([
      { clientId: 7, name: 'old', publicKey: key(1), addresses: [] },
      { clientId: 9, name: 'phone', publicKey: key(2), userId: 'anna', addresses: [] },
      { clientId: 10, name: 'tablet', publicKey: key(3), addresses: [] },
    ])
    const text = readFileSync(file, 'utf8')
    for (const comment of ['# of the office', "# Anna's, since May", '# PostgreSQL'])
      expect(text).toContain(comment)
    expect(statSync(file).mode & 0o777).toBe(0o640)
  })

  test('a resource: ports alone, another destination, several, another protocol', async () => {
    const file = catalogFile()
    const resource = (...more: string[]) => set('resource', 'Database', ...more, '--file', file)
    expect((await resource('--port', '5432')).stderr).toContain('is the same already')
    expect((await resource('--port', '5432', '--port', '6000-6010')).stdout).toBe(
      '~ resources 3 "Database": ports\n',
    )
    await resource('--destination', '10.0.0.9', '--destination', 'fd00::9', '--protocol', 'tcp')
    const both = {
      siteResourceId: 3,
      name: 'Database',
      protocol: 'tcp',
      ports: [5432, '6000-6010'],
    }
    expect(loadCatalog(file).resources).toEqual([
      { ...both, destination: '10.0.0.9' },
      { ...both, destination: 'fd00::9' },
    ])
    await resource('--destination', '10.0.0.10', '--protocol', '', '--port', '', '--site', '2')
    await set('resource', 'Wiki', '--destination', '10.0.1.0/24', '--file', file)
    expect(loadCatalog(file).resources).toEqual([
      { siteResourceId: 3, name: 'Database', destination: '10.0.0.10', siteId: 2, ports: [] },
      { siteResourceId: 4, name: 'Wiki', destination: '10.0.1.0/24', ports: [] },
    ])
  })

  test('users and sites; JSON stays JSON; a new file; a link stays one; --dry-run writes nothing', async () => {
    const folder = temporaryDirectory()
    const file = join(folder, 'new.json')
    writeFileSync(file, '{"users": [{"userId": "ravi", "name": "Ravi"}]}')
    const link = join(folder, 'link')
    symlinkSync(file, link)
    await set('user', 'anna', '--name', 'Anna', '--email', 'anna@example.org', '--file', link)
    await set('user', 'ravi', '--name', 'Ravi Menon', '--file', link)
    await set('site', '1', 'Berlin', '--file', link)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      users: [
        { userId: 'ravi', name: 'Ravi Menon' },
        { userId: 'anna', name: 'Anna', email: 'anna@example.org' },
      ],
      sites: [{ siteId: 1, name: 'Berlin' }],
    })
    const fresh = join(folder, 'fresh.yaml')
    const dry = await set('user', 'u', '--file', fresh, '--dry-run')
    expect([dry.code, dry.stdout]).toEqual([0, '+ users u "u"\n'])
    expect(() => statSync(fresh)).toThrow('ENOENT')
    await set('user', 'u', '--file', fresh)
    expect(readFileSync(fresh, 'utf8')).toBe('users:\n  - userId: u\n    name: u\n')
  })

  test('a form that cannot be edited in its places is written anew', async () => {
    const file = catalogFile('users: [&a { userId: a, name: A }]\nresources: []\n')
    await set('user', 'b', '--file', file)
    expect(loadCatalog(file).users.map((one) => one.userId)).toEqual(['a', 'b'])
  })

  test('mistakes: what, where, what to do; the file stays', async () => {
    const twice = `${CATALOG.replace('name: phone', "name: Anna's laptop")}`
    const cases: [string[], RegExp, string?][] = [
      [['nobody'], /there is no command "catalog set nobody"/],
      [['client', 'new'], /no client "new": a new one needs --public-key or --address/],
      [
        ['client', 'new', '--public-key', 'short'],
        /--public-key: "short": expected a WireGuard public key/,
      ],
      [
        ['client', 'new', '--address', '10.8.0.300'],
        /--address: "10.8.0.300": expected an IP address/,
      ],
      [
        ['client', 'phone', '--public-key', key(1), '--id', '9'],
        /client "phone".publicKey: .* is that of client "Anna's laptop" already/,
      ],
      [['client', "Anna's laptop"], /is the name of 7, 9: say which by --id/, twice],
      [['resource', 'Wiki'], /no resource "Wiki": a new one needs --destination/],
      [['resource', 'Database', '--port', '99999'], /--port: "99999": expected a port/],
      [['resource', 'Database', '--protocol', 'icmp'], /--protocol: "icmp": expected tcp or udp/],
      [['resource', 'Database', '--destination', ''], /--destination: a resource needs one/],
      [['site', 'Berlin', '1'], /"Berlin": expected the number of a site/],
      [['client', 'x'.repeat(300), '--public-key', key(4)], /name: .*255/],
    ]
    for (const [args, message, content = CATALOG] of cases) {
      const file = catalogFile(content)
      const done = await set(...args, '--file', file)
      expect([args, done.stderr]).toEqual([args, expect.stringMatching(message)])
      expect([done.code, done.stdout]).toEqual([2, ''])
      expect(readFileSync(file, 'utf8')).toBe(content)
    }
  })
})

describe('on a server', () => {
  let server: TestServer
  let admin: string
  beforeAll(async () => {
    server = await TestServer.start()
    admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  })
  afterAll(() => server.stop())
  const remote = (...args: string[]) =>
    runHere(['catalog', ...args, '--server', server.url], { env: { TUNMETER_KEY: admin } }).finished
  const stored = async () => (await server.get('/api/v1/org/acme/catalog', admin)).body.data

  test('it is shown, then done; --dry-run does not; push shows it too', async () => {
    const one = ['set', 'client', 'Anna', '--address', '10.8.0.2', '--user', 'anna']
    const dry = await remote(...one, '--dry-run')
    expect(dry.stdout).toBe('+ clients 1 "Anna"\n')
    expect(dry.stderr).toMatch(/no user has the id "anna".*\n.*nothing was written/)
    expect((await stored()).clients).toEqual([])
    const done = await remote(...one)
    expect([done.code, done.stdout]).toEqual([0, '+ clients 1 "Anna"\n'])
    expect((await remote(...one)).stderr).toContain('is the same already')
    await remote('set', 'user', 'anna', '--name', 'Anna Keller')
    expect(await stored()).toMatchObject({
      clients: [{ clientId: 1, name: 'Anna', userId: 'anna', addresses: ['10.8.0.2'] }],
      users: [{ userId: 'anna', name: 'Anna Keller' }],
    })
    const pushed = await remote('push', '--file', catalogFile())
    expect(pushed.stdout).toContain('- clients 1 "Anna"\n')
    expect(pushed.stderr).toContain('catalog of acme replaced: 2 clients')
  })
})
