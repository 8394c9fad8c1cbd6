/**
 * A server whose disk is full: what would need room is refused with words, everything else goes on, a start too; with room
 * again all of it goes on by itself. A small file system in memory, so it needs root.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { batch, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'
import { temporaryDirectory } from '../../support/temporary.js'

const noRoot = process.geteuid?.() !== 0
const DISK = '48m'
const SESSIONS = 2000
const ORG = '/api/v1/org/acme'
const ALL = 'timeStart=2000-01-01T00:00:00Z'

function smallDisk(): string {
  const disk = temporaryDirectory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=700`, 'tmpfs', disk])
  onTestFinished(() => void execFileSync('umount', ['-l', disk]))
  return disk
}

/** Texts that do not pack well. */
function sessions(number: number, daysAgo = 0) {
  const at = (Date.now() - daysAgo * 86_400e3) * 1e3
  const random = (below: number) => Math.floor(Math.random() * below)
  return Array.from({ length: SESSIONS }, (_, i) =>
    session(number * SESSIONS + i, {
      ...(daysAgo > 0 && { startTimeUs: at, endTimeUs: at + 1e6 }),
      sourceIp: `10.${random(256)}.${random(256)}.${random(256)}`,
      clientEndpoint: `${random(256)}.${random(256)}.${random(256)}.1:${random(65_536)}`,
      bytesTx: random(1e9),
      bytesRx: random(1e9),
    }),
  )
}

/** Takes what is left, but for so much. */
function fill(disk: string, leaveBytes = 0): void {
  const { bavail, bsize } = statfsSync(disk)
  const bytes = Math.max(0, bavail * bsize - leaveBytes)
  writeFileSync(join(disk, 'filler'), Buffer.alloc(bytes, 1), { flag: 'a' })
}

test.skipIf(noRoot)(
  'a full disk refuses what needs room, and nothing else; it goes on by itself',
  { timeout: 240_000 },
  async () => {
    const disk = smallDisk()
    const data = join(disk, 'data')
    mkdirSync(data, { mode: 0o700 })
    const server = await TestServer.on(data)
    onTestFinished(() => server.stop())
    const admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
    const root = await server.key({ scope: 'root' })
    let acknowledged = 0
    const made = new Map<number, ReturnType<typeof batch>>()
    const send = async (number: number) => {
      const one = made.get(number) ?? batch(number, sessions(number))
      made.set(number, one)
      const { status } = await server.request('POST', `${ORG}/site/1/sessions`, admin, one)
      if (status === 200) acknowledged = number
      return status
    }
    for (let number = 1; number <= 3; number++) expect(await send(number)).toBe(200)
    const log = () => server.get(`${ORG}/logs/connection?limit=1&${ALL}`, admin)
    expect((await log()).body.data.pagination.total).toBe(acknowledged * SESSIONS)

    fill(disk)
    const statuses = new Map<string, number>()
    const ask = async (what: string, method: string, path: string, body?: unknown) =>
      void statuses.set(what, (await server.request(method, path, root, body)).status)
    // Until nothing is left that the log may let go of.
    for (let number = 4; (await send(number)) !== 503; number++) expect(number).toBeLessThan(100)
    fill(disk)
    const [key, client] = [
      { scope: 'read', name: 'x' },
      { clientId: 1, name: 'x', addresses: [] },
    ]
    await ask('ingest', 'POST', `${ORG}/site/1/sessions`, batch(200, sessions(200)))
    await ask('backup', 'POST', '/api/v1/backup')
    await ask('parquet', 'GET', `${ORG}/logs/connection/export?format=parquet&${ALL}`)
    await ask('key', 'POST', `${ORG}/keys`, key)
    await ask('settings', 'PUT', `${ORG}/settings`, { retentionDays: 31 })
    await ask('catalog', 'PUT', `${ORG}/catalog`, {
      clients: [client],
      users: [],
      sites: [],
      resources: [],
    })
    await ask('erase', 'POST', `${ORG}/subject/erase`, { userId: 'nobody', confirm: 0 })
    const lower = { retentionDays: 1, now: true }
    const { body } = await server.request('PUT', `${ORG}/settings`, root, lower)
    const { sessions: confirm = 0 } = (body.data ?? {}) as { sessions?: number }
    await ask('retention', 'PUT', `${ORG}/settings`, { ...lower, confirm })
    for (const [what, status] of statuses)
      expect([200, 201, 503], `${what}: ${status}`).toContain(status)
    expect(statuses.get('ingest')).toBe(503)
    expect(statuses.get('backup')).toBe(503)
    const reads = async () => {
      for (const path of [
        'logs/connection/export?format=csv',
        'logs/connection/summary?groupBy=client',
        'usage?',
        'sites?',
        'audit?',
      ])
        expect(
          (await server.get(`${ORG}/${path}${path.includes('logs') ? `&${ALL}` : ''}`, root))
            .status,
          path,
        ).toBe(200)
      const { body, headers } = await log()
      // What the database could not take is in the log, and said.
      const [, behind = '0'] = /batches=(\d+)/.exec(headers.get('tunmeter-behind') ?? '') ?? []
      const total = body.data.pagination.total as number
      expect(total).toBe((acknowledged - Number(behind)) * SESSIONS)
      expect((await server.get('/readyz')).status).toBe(200)
    }
    await reads()

    await server.kill('SIGKILL')
    await server.spawn()
    await reads()
    expect(existsSync(join(data, 'server.json'))).toBe(false)

    rmSync(join(disk, 'filler'))
    const next = acknowledged + 1
    await vi.waitUntil(async () => (await send(next)) === 200, { timeout: 60_000, interval: 200 })
    await vi.waitUntil(() => existsSync(join(data, 'server.json')), {
      timeout: 60_000,
      interval: 200,
    })
    expect((await log()).body.data.pagination.total).toBe(acknowledged * SESSIONS)
  },
)

test.skipIf(noRoot)(
  'a disk that sessions filled has room for the deletions of a lower retention, and goes on',
  { timeout: 300_000 },
  async () => {
    const disk = smallDisk()
    const data = join(disk, 'data')
    mkdirSync(data, { mode: 0o700 })
    const server = await TestServer.on(data)
    onTestFinished(() => server.stop())
    const admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
    fill(disk, 36 * 2 ** 20)
    const send = async (number: number, daysAgo: number) => {
      const one = batch(number, sessions(number, daysAgo))
      return (await server.request('POST', `${ORG}/site/1/sessions`, admin, one)).status
    }
    const total = async () => {
      const { status, body } = await server.get(`${ORG}/logs/connection?limit=1&${ALL}`, admin)
      expect(status).toBe(200)
      return body.data.pagination.total as number
    }
    let number = 1
    while ((await send(number, 3)) === 200) {
      number++
      expect(number).toBeLessThan(500)
    }
    expect(await total()).toBeGreaterThan(0)
    const refused = await server.request('PUT', `${ORG}/settings`, admin, { retentionDays: 1 })
    const { sessions: confirm } = refused.body.data as { sessions: number }
    const lower = { retentionDays: 1, confirm, now: true }
    expect((await server.request('PUT', `${ORG}/settings`, admin, lower)).status).toBe(200)
    await vi.waitUntil(async () => (await total()) === 0, { timeout: 120_000, interval: 500 })
    for (let more = 1; more <= 5; more++)
      await vi.waitUntil(async () => (await send(number + more, 0)) === 200, {
        timeout: 60_000,
        interval: 500,
      })
    expect(await total()).toBe(5 * SESSIONS)
  },
)
