/** A first catalog, from files as other programs write them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readWgQuick } from '../../src/cli/catalog-sources.js'
import { loadCatalog } from '../../src/meter/attribution/catalog-file.js'
import { runHere } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'

const key = (n: number): string => Buffer.alloc(32, n).toString('base64')
const SECRET = Buffer.alloc(32, 99).toString('base64')

function file(name: string, content: string | object): string {
  const path = join(temporaryDirectory(), name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const init = (...args: string[]) => runHere(['catalog', 'init', ...args]).finished

const WG_QUICK = `# tunnel of the office
[Interface]
PrivateKey = ${SECRET}
# PostUp = iptables -A FORWARD -i wg0 -j ACCEPT

# Anna's laptop
[Peer]
PublicKey = ${key(1)}
PresharedKey = ${SECRET}
AllowedIPs = 10.8.0.2/32

### Client ravi
[Peer]
PublicKey = ${key(2)}
AllowedIPs = 10.8.0.3/32
[Peer]
# friendly_name = CI runner
PublicKey=${key(3)}
# AllowedIPs = 10.8.0.99/32
AllowedIPs = 10.8.0.4/32

# BEGIN_PEER phone
[Peer]
PublicKey = ${key(4)}
# END_PEER phone
[peer]
AllowedIPs = 10.8.0.6/32
PublicKey = ${key(5)}
`

test('wg-quick: names by the comments that programs and people write; no secret comes out', async () => {
  const output = join(temporaryDirectory(), 'catalog.yaml')
  const done = await init('--wg-quick', file('wg0.conf', WG_QUICK), '--output', output)
  expect(done).toEqual({ code: 0, stdout: '', stderr: '5 clients added\n' })
  expect(readFileSync(output, 'utf8')).not.toContain(SECRET)
  expect(loadCatalog(output).clients).toEqual(
    ["Anna's laptop", 'ravi', 'CI runner', 'phone', `peer ${key(5).slice(0, 8)}`].map((name, i) => {
      return { clientId: i + 1, name, publicKey: key(i + 1), addresses: [] }
    }),
  )
  expect((await runHere(['catalog', 'check', output]).finished).stdout).toContain('5 clients')
})

test('wg-quick: what is no key is no client, and a name moves no cursor', () => {
  const bad = '[Peer]\nPublicKey = short\n# \u001b[2Jevil\n[Peer]\r\nPublicKey = '
  expect(readWgQuick(`${bad}${key(7)}\r\n`).clients).toEqual([
    { name: '?[2Jevil', publicKey: key(7), addresses: [], userId: null },
  ])
  expect(readWgQuick('')).toEqual({ clients: [], users: [] })
})

test('wg-easy: its file, and the list of its API', async () => {
  const one = { id: 'x', name: 'Anna', address: '10.8.0.2', privateKey: SECRET, publicKey: key(1) }
  const server = { privateKey: SECRET, publicKey: key(9), address: '10.8.0.1' }
  const before14 = file('wg0.json', { server, clients: { x: one } })
  const api = file('clients.json', [{ ...one, name: 'Ravi', publicKey: key(2) }, one])
  const { code, stdout } = await init('--wg-easy', before14, '--wg-easy', api)
  expect(code).toBe(0)
  expect(stdout).not.toContain(SECRET)
  expect(loadCatalog(file('c.yaml', stdout)).clients).toMatchObject([
    { clientId: 1, name: 'Anna', publicKey: key(1) },
    { clientId: 2, name: 'Ravi', publicKey: key(2) },
  ])
})

test('Tailscale: devices by their addresses, with the users that own them', async () => {
  const device = (name: string, ip: string, UserID: number) => {
    return {
      HostName: 'localhost',
      DNSName: `${name}.tail1234.ts.net.`,
      TailscaleIPs: [ip],
      UserID,
    }
  }
  const status = {
    Self: device('gateway', '100.64.0.1', 2),
    Peer: {
      'nodekey:1': device('annas-phone', '100.64.0.2', 1),
      'nodekey:2': { ...device('away', '100.64.0.3', 1), TailscaleIPs: null },
    },
    User: {
      1: { ID: 1, LoginName: 'anna@example.com', DisplayName: 'Anna Keller' },
      2: { ID: 2, LoginName: 'tagged-devices', DisplayName: 'Tagged Devices' },
    },
  }
  const { stdout } = await init('--tailscale', file('status.json', status))
  expect(loadCatalog(file('c.yaml', stdout))).toMatchObject({
    clients: [
      { clientId: 1, name: 'gateway', addresses: ['100.64.0.1'] },
      { clientId: 2, name: 'annas-phone', addresses: ['100.64.0.2'], userId: 'anna@example.com' },
    ],
    users: [{ userId: 'anna@example.com', name: 'Anna Keller', email: 'anna@example.com' }],
  })
})

test('NetBird: peers by key and address, named by the first part of their domain name', async () => {
  const peer = (name: string, ip: string, n: number) => {
    return { fqdn: `${name}.netbird.cloud`, netbirdIp: ip, publicKey: key(n), status: 'Connected' }
  }
  const details = [peer('annas-laptop', '100.90.1.2', 1), peer('', '100.90.1.3/16', 2)]
  const status = { peers: { total: 2, connected: 2, details }, netbirdIp: '100.90.1.1/16' }
  const { stdout } = await init('--netbird', file('status.json', status))
  expect(loadCatalog(file('c.yaml', stdout)).clients).toEqual([
    { clientId: 1, name: 'annas-laptop', publicKey: key(1), addresses: ['100.90.1.2'] },
    {
      clientId: 2,
      name: `peer ${key(2).slice(0, 8)}`,
      publicKey: key(2),
      addresses: ['100.90.1.3'],
    },
  ])
  const wrong = await init('--netbird', file('x.json', { Self: {} }))
  expect(wrong.stderr).toMatch(/it is not what `netbird status --json` prints/)
})

test('--catalog keeps what is there, and adds who is not', async () => {
  const before = file(
    'c.yaml',
    `clients: [{ clientId: 7, name: Old name, publicKey: "${key(1)}" }]\nsites: [{ siteId: 1, name: Rome }]\n`,
  )
  const done = await init('--catalog', before, '--wg-quick', file('wg0.conf', WG_QUICK))
  expect(done.stderr).toBe('4 clients added, 1 kept\n')
  const { clients, sites } = loadCatalog(file('after.yaml', done.stdout))
  expect(clients.map((c) => [c.clientId, c.name]).slice(0, 2)).toEqual([
    [7, 'Old name'],
    [8, 'ravi'],
  ])
  expect(sites).toEqual([{ siteId: 1, name: 'Rome' }])
})

test('what cannot be used is said, with what to do', async () => {
  const there = file('there.yaml', 'clients: []\n')
  const quick = file('wg0.conf', WG_QUICK)
  const cases: [string[], RegExp, number][] = [
    [[], /a source is required: --wg-quick/, 2],
    [['--wg-quick', '/nowhere/wg0.conf'], /cannot use \/nowhere\/wg0\.conf: .*ENOENT/, 2],
    [['--wg-easy', quick], /cannot use \S+wg0\.conf: it is not JSON/, 2],
    [['--wg-easy', file('x.json', { a: 1 })], /it is not what wg-easy keeps or answers/, 2],
    [['--tailscale', file('x.json', [])], /it is not what `tailscale status --json` prints/, 2],
    [['--wg-quick', file('empty.conf', '')], /the sources have no peers/, 1],
    [['--wg-quick', quick, '--output', there], /it exists already\n.*--catalog/, 2],
  ]
  for (const [args, message, code] of cases) {
    const done = await init(...args)
    expect([args, done.code, done.stdout]).toEqual([args, code, ''])
    expect(done.stderr).toMatch(message)
    expect(done.stderr).not.toContain(SECRET)
  }
  const wrong = file('wrong.yaml', 'clients: [{ clientId: 0, name: x }]\n')
  const checked = await runHere(['catalog', 'check', wrong]).finished
  expect([checked.code, checked.stderr]).toEqual([
    2,
    expect.stringContaining('clients[0].clientId'),
  ])
})
