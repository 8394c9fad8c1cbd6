import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor-checks.js'
import {
  checkCatalog,
  checkInterface,
  checkPeers,
  checkPrivileges,
} from '../../src/cli/doctor-checks.js'
import { packetSockets } from '../../src/cli/doctor-readers.js'
import { reconciledPackets, transferred } from '../../src/cli/doctor-reconciliation.js'
import { checkServer } from '../../src/cli/doctor-server.js'
import { checkSpool } from '../../src/cli/doctor-spool.js'
import { sumFigures } from '../../src/meter/run/reconciliation.js'
import type { ServerFlags } from '../../src/meter/ship/server-flags.js'
import type { WireGuardDevice } from '../../src/meter/wireguard/device.js'
import { FakeServer } from '../support/fake-server.js'
import { run } from '../support/process.js'
import { aSpool, batchOf } from '../support/spools.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = mkdtempSync(join(tmpdir(), 'tunmeter-doctor-'))
afterAll(() => rmSync(directory, { recursive: true }))

for (const [capabilities, want] of [
  ['000001ffffffffff', 'ok'],
  ['0000000000003000', 'ok'],
  ['0000000000002000', 'warning'],
  ['0000000000001000', 'failed'],
  ['0000000000000000', 'failed'],
] as const)
  test(`capabilities ${capabilities}: ${want}`, () => {
    expect(checkPrivileges(`Name:\tnode\nCapEff:\t${capabilities}\n`).state).toBe(want)
  })

test('an interface that is there, and one that is not', () => {
  expect(checkInterface('lo').message).toContain('lo: loopback, MTU')
  expect(checkInterface('nope0')).toMatchObject({
    state: 'failed',
    message: 'there is no interface nope0',
  })
})

test('peers of an interface without any, and of one that is not there', async () => {
  expect(await checkPeers('lo')).toMatchObject({
    device: null,
    finding: { check: 'peers', state: 'warning', todo: expect.stringContaining('catalog') },
  })
  expect(await checkPeers('nope0')).toMatchObject({ device: null, finding: { state: 'failed' } })
})

test('a catalog that names every peer, one that does not, one that is none', () => {
  const publicKey = `${'A'.repeat(42)}A=`
  const device = { peers: [{ publicKey }] } as unknown as WireGuardDevice
  const file = (name: string, content: object) => {
    const path = join(directory, name)
    writeFileSync(path, JSON.stringify(content))
    return path
  }
  const known = file('known.json', { clients: [{ clientId: 1, name: 'x', publicKey }] })
  expect(checkCatalog(known, [device]).state).toBe('ok')
  expect(checkCatalog(file('empty.json', {}), [device])).toMatchObject({ state: 'warning' })
  expect(checkCatalog(join(directory, 'none'), [device]).state).toBe('failed')
})

describe('the spool', () => {
  test('one that can be used, or made', async () => {
    expect(await checkSpool(directory, null)).toMatchObject({ state: 'ok' })
    expect((await checkSpool(join(directory, 'none'), null)).message).toContain(
      'does not exist yet',
    )
  })

  test('one that does not exist and cannot be made', async () => {
    const file = join(temporaryDirectory(), 'file')
    writeFileSync(file, '')
    expect(await checkSpool(join(file, 'none', 'spool'), null)).toMatchObject({ state: 'failed' })
  })

  test.skipIf(process.getuid?.() !== 0)(
    'one that the user that the meter becomes cannot get to, or that holds other things',
    async () => {
      const account = { name: 'user 65533', uid: 65533, gid: 65533 }
      const closed = temporaryDirectory()
      const open = temporaryDirectory()
      chmodSync(closed, 0o700)
      chmodSync(open, 0o711)
      expect(await checkSpool(join(open, 'spool'), account)).toMatchObject({ state: 'ok' })
      // Itself it is given to that user.
      expect(await checkSpool(open, account)).toMatchObject({ state: 'ok' })
      for (const path of ['spool', 'not/yet/spool'])
        expect(await checkSpool(join(closed, path), account)).toMatchObject({
          state: 'failed',
          message: expect.stringContaining('user 65533'),
        })
      writeFileSync(join(open, 'letter.txt'), '')
      expect(await checkSpool(open, account)).toMatchObject({
        state: 'failed',
        message: expect.stringContaining('holds other files'),
      })
    },
  )

  test('one that cannot be entered, and one whose file is none', async () => {
    const file = join(directory, 'file')
    writeFileSync(file, '', { mode: 0o600 })
    expect(await checkSpool(file, null)).toMatchObject({
      state: 'failed',
      todo: expect.stringContaining('--spool'),
    })
    const strange = temporaryDirectory()
    writeFileSync(join(strange, 'data.mdb'), 'something else')
    expect(await checkSpool(strange, null)).toMatchObject({ state: 'failed' })
  })

  test('one whose batches do not get on, and one with refused batches', async () => {
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(3))
    const madeAtMs = Date.now()
    expect(await checkSpool(directory, null, madeAtMs + 60_000)).toMatchObject({ state: 'ok' })
    expect(await checkSpool(directory, null, madeAtMs + 600_000)).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('the oldest waits for 10 minutes'),
      todo: expect.stringContaining('Is the meter running'),
    })
    const { number } = (await spool.next())!
    await spool.quarantine(number, { atMs: madeAtMs, status: 400, reason: 'no' })
    expect(await checkSpool(directory, null, madeAtMs)).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('1 batch ('),
      todo: expect.stringContaining('tunmeter spool ls'),
    })
  })
})

describe('the server', () => {
  const NOW = () => new Date().toISOString()
  const site = { scope: 'ingest', orgId: 'acme', siteId: 3 }
  /** What it says to `GET /api/v1/key`, as state by check. */
  async function examine(status: number, data: object) {
    const server = await new FakeServer().start()
    server.key = { status, data }
    const findings = await checkServer({ to: server.url, key: 'k' } as ServerFlags)
    return Object.fromEntries(findings.map((one) => [one.check, one]))
  }
  const states = (findings: Record<string, Finding>) =>
    Object.fromEntries(Object.entries(findings).map(([check, { state }]) => [check, state]))

  test('all is well', async () => {
    const said = { complete: true, sentence: 'Lyon is complete.' }
    const found = await examine(200, { ...site, ...said, retentionDays: 30, serverTime: NOW() })
    expect(states(found)).toEqual({
      ...{ server: 'ok', key: 'ok', clock: 'ok', retention: 'ok', completeness: 'ok' },
    })
    expect(found.key!.message).toBe('organisation acme, site 3, scope ingest')
    expect(found.retention!.message).toBe('30 days')
  })

  test('its catalog against the peers, when the meter takes its names from there', async () => {
    const publicKey = `${'A'.repeat(42)}A=`
    const device = { peers: [{ publicKey }] } as unknown as WireGuardDevice
    const of = async (catalog: object) => {
      const server = await new FakeServer().start()
      server.catalog = catalog
      const options = { to: server.url, key: 'k' } as ServerFlags
      return (await checkServer(options, [device])).find((one) => one.check === 'catalog')
    }
    const clients = [{ clientId: 1, name: 'x', publicKey }]
    expect(await of({ clients })).toMatchObject({ state: 'ok' })
    expect(await of({})).toMatchObject({
      state: 'warning',
      message: expect.stringContaining(
        `the server's: 0 clients, 0 resources; 1 peer without a client`,
      ),
    })
    expect(await of({ clients: 'none' })).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('clients'),
    })
  })

  test('retention for ever, off, and of a server that does not tell', async () => {
    const of = async (data: object) =>
      (await examine(200, { ...site, serverTime: NOW(), ...data })).retention
    expect(await of({ retentionDays: -1 })).toMatchObject({ state: 'ok', message: 'for ever' })
    expect(await of({ retentionDays: 0 })).toMatchObject({
      state: 'failed',
      todo: expect.stringContaining('retentionDays'),
    })
    expect(await of({})).toMatchObject({ state: 'skipped' })
  })

  test('what is missing of the last day is a warning in the server’s words; an old server says nothing', async () => {
    const of = async (data: object) => (await examine(200, { ...site, ...data })).completeness
    expect(await of({ complete: false, sentence: 'Lyon: not metered.' })).toMatchObject({
      state: 'warning',
      message: 'Lyon: not metered.',
      todo: expect.stringContaining('tunmeter completeness'),
    })
    expect(await of({})).toMatchObject({ state: 'skipped' })
  })

  test('a clock that is two minutes off, either way, and none', async () => {
    const of = async (data: object) => (await examine(200, { ...site, ...data })).clock
    for (const [ms, way] of [
      [120_000, 'ahead of'],
      [-120_000, 'behind'],
    ] as const) {
      const serverTime = new Date(Date.now() + ms).toISOString()
      expect(await of({ serverTime })).toMatchObject({
        state: 'warning',
        message: expect.stringContaining(way),
        todo: 'Synchronise both (NTP).',
      })
    }
    expect(await of({})).toMatchObject({ state: 'skipped' })
  })

  test('a key that nobody knows, and one of another scope', async () => {
    for (const [status, data] of [
      [401, {}],
      [200, { scope: 'admin', orgId: 'acme', siteId: null }],
    ] as const) {
      const found = await examine(status, data)
      expect(states(found)).toEqual({ server: 'ok', key: 'failed' })
      expect(found.key!.todo).toContain('tunmeter keys create --scope ingest')
    }
    expect((await examine(200, { scope: 'admin', orgId: 'acme' })).key!.message).toContain(
      'the key has the scope admin',
    )
  })

  test('one that is away, one that is none, and an address that is none', async () => {
    const gone = await new FakeServer().listen()
    gone.close()
    const of = async (flags: object) => (await checkServer(flags as ServerFlags))[0]
    expect(await of({ to: gone.url, key: 'k' })).toMatchObject({
      check: 'server',
      state: 'failed',
      todo: expect.stringContaining('Is the address right'),
    })
    expect(states(await examine(502, {}))).toEqual({ server: 'failed' })
    expect(await of({ to: 'nonsense', key: 'k' })).toMatchObject({ state: 'failed' })
    expect(await of({ to: gone.url })).toMatchObject({
      state: 'failed',
      message: 'there is no key',
    })
    expect(await of({})).toMatchObject({ state: 'skipped' })
  })
})

describe('the figures', () => {
  const packets = (low: number, high: number, dropped = 0) =>
    reconciledPackets('seen', { unexplainedPacketsMin: low, unexplainedPacketsMax: high }, dropped)

  test('packets: none missing, perhaps none, some, and why', () => {
    expect(packets(0, 0)).toMatchObject({ state: 'ok', message: 'seen; unexplained: 0 packets' })
    expect(packets(-1, 2)).toMatchObject({ state: 'ok' })
    expect(packets(2, 3)).toMatchObject({
      state: 'warning',
      todo: expect.stringContaining('--filter'),
    })
    expect(packets(2, 3, 3)).toMatchObject({ todo: expect.stringContaining('raise --ring') })
    expect(packets(-3, -2)).toMatchObject({ state: 'warning' })
    expect(reconciledPackets('seen', {}, 0)).toMatchObject({ state: 'skipped' })
  })

  test('peers: explained, too much, too little, none', () => {
    const verdict = (bytes: number) => ({
      compared: 3,
      unexplained: 1,
      unexplainedBytes: Math.abs(bytes),
      unmeteredBytes: Math.max(0, bytes),
      worst: { publicKey: 'K=', bytes },
    })
    const none = { unexplained: 0, unexplainedBytes: 0, unmeteredBytes: 0, worst: null }
    expect(transferred({ compared: 3, ...none })).toMatchObject({ state: 'ok' })
    expect(transferred({ compared: 0, ...none })).toMatchObject({ state: 'skipped' })
    for (const [bytes, what] of [
      [500, '500 octets of K= passed and were not metered'],
      [-500, '500 octets of K= were metered and did not pass'],
    ] as const)
      expect(transferred(verdict(bytes))).toMatchObject({
        state: 'warning',
        message: expect.stringContaining(what),
        todo: expect.stringContaining('--seconds 60'),
      })
  })
})

test('figures of several interfaces: sums, exact when all are', () => {
  expect(
    sumFigures([
      { unexplainedPacketsMin: 1, exact: 1 },
      { unexplainedPacketsMin: 2, exact: 0 },
      {},
    ]),
  ).toEqual({
    unexplainedPacketsMin: 3,
    exact: 0,
  })
})

describe('who reads the interface', () => {
  const TABLE = `sk               RefCnt Type Proto  Iface R Rmem   User   Inode
ffff8880 3      3    0003   2     1 0      0      1001
ffff8881 3      3    0003   7     1 0      0      1002
ffff8882 3      3    0003   0     1 0      0      1003
`

  test('sockets on it, and on all of them', () => {
    expect([...packetSockets(TABLE, 2)]).toEqual(['1001', '1003'])
    expect([...packetSockets(TABLE.split('\n')[0]!, 2)]).toEqual([])
  })
})

test("the meter's own file is taken as it is, with all its interfaces", async () => {
  const config = join(directory, 'meter.yaml')
  const spool = join(temporaryDirectory(), 'spool')
  writeFileSync(
    config,
    `interface: [lo, "nope*"]\nudp-timeout: 30s\nspool-max: 1GiB\nuser: root\nspool: ${spool}\n`,
  )
  const { stdout, stderr } = await run(['doctor', '--config', config, '--seconds', '0', '--json'])
  expect(stderr).toBe('')
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  const interfaces = findings.filter((one) => one.check === 'interface')
  expect(interfaces.map(({ state }) => state)).toEqual(['ok', 'failed'])
  writeFileSync(config, 'interface: lo\nspool-maxx: 1GiB\n')
  expect((await run(['doctor', '--config', config])).stderr).toContain('did you mean "spool-max"')
})

test('no interface: what to give', async () => {
  const { code, stderr } = await run(['doctor'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('--interface IF is required')])
})
