/**
 * A server that has no room for more batches refuses them, and its meter goes on and keeps them. Until they come the
 * time is no part of the log, and the server says so; then the hole closes by itself, and nothing is lost.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Batch } from '../../../src/session/batch.js'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'
import { temporaryDirectory } from '../../support/temporary.js'

const noRoot = process.geteuid?.() !== 0
const ORG = '/api/v1/org/acme'
const SESSIONS = 2000
/** Longer ago than the server waits for a report, and the meter says that it is behind. */
const startedMs = Date.now() - 3600e3
const madeMs = (number: number) => startedMs + number * 1000
const iso = (ms: number) => new Date(ms).toISOString()

function smallDisk(): string {
  const disk = temporaryDirectory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m,mode=700', 'tmpfs', disk])
  onTestFinished(() => void execFileSync('umount', ['-l', disk]))
  return disk
}

function fill(disk: string): void {
  const { bavail, bsize } = statfsSync(disk)
  try {
    writeFileSync(join(disk, 'filler'), Buffer.alloc(bavail * bsize, 1), { flag: 'a' })
  } catch (error) {
    // The server may have written meanwhile: it is full all the same.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

/** One of each second. The addresses do not pack well. */
function made(number: number): Batch {
  const random = () => Math.floor(Math.random() * 256)
  const atMs = madeMs(number)
  const sessions = Array.from({ length: SESSIONS }, (_, i) =>
    session(number * SESSIONS + i, {
      ...{ startTimeUs: (atMs - 1) * 1e3, endTimeUs: atMs * 1e3 },
      clientEndpoint: `${random()}.${random()}.${random()}.1:${random()}`,
    }),
  )
  const spool = { batches: 9, bytes: 1, quarantined: 0 }
  const its = report({ startedAt: iso(startedMs), at: iso(atMs), spool })
  return batch(number, sessions, { meterId: 'm', spoolId: 's', report: its })
}

test.skipIf(noRoot)(
  'a server without room is silent of what it refuses, until it has come',
  { timeout: 240_000 },
  async () => {
    const disk = smallDisk()
    mkdirSync(join(disk, 'data'), { mode: 0o700 })
    const server = await TestServer.on(join(disk, 'data'))
    onTestFinished(() => server.stop())
    const admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
    const kept: Batch[] = []
    const send = async (one: Batch) =>
      (await server.request('POST', `${ORG}/site/1/sessions`, admin, one)).status
    const judged = async (fromMs: number, toMs: number) => {
      const range = `timeStart=${iso(fromMs)}&timeEnd=${iso(toMs)}`
      const { complete, until, sites } = (await server.get(`${ORG}/completeness?${range}`, admin))
        .body.data
      const causes = sites.flatMap((site: { meters: { holes: { cause: string }[] }[] }) =>
        site.meters.flatMap((meter) => meter.holes.map(({ cause }) => cause)),
      )
      return { complete, causes, isToTheEnd: Date.parse(until) >= toMs }
    }
    const total = async () => {
      const range = `timeStart=${iso(startedMs)}`
      const { body } = await server.get(`${ORG}/logs/connection?limit=1&${range}`, admin)
      return body.data.pagination.total as number
    }

    expect(await send(made(1))).toBe(200)
    fill(disk)
    let number = 1
    while (kept.length === 0) {
      const one = made(++number)
      const status = await send(one)
      if (status !== 200) kept.push(one)
      expect([200, 503], `batch ${number}`).toContain(status)
    }
    fill(disk)
    // The meter goes on, and its new batch has no room either.
    kept.push(made(++number))
    expect(await send(kept[1]!)).toBe(503)
    const { body: metrics } = await server.get('/metrics')
    const { bavail, bsize } = statfsSync(disk)
    expect(metrics).toMatch(new RegExp(`^tunmeter_server_disk_free_bytes ${bavail * bsize}$`, 'm'))
    const toMs = madeMs(number)
    const refused = [madeMs(number - 2), toMs] as const
    expect(await judged(...refused)).toMatchObject({ complete: false, causes: ['silent'] })
    expect(await judged(startedMs, toMs)).toMatchObject({ complete: false, causes: ['silent'] })
    await server.kill('SIGKILL')
    await server.spawn()
    expect(await judged(...refused)).toMatchObject({ complete: false, causes: ['silent'] })

    rmSync(join(disk, 'filler'))
    const soon = { timeout: 60_000, interval: 200 }
    await vi.waitUntil(async () => (await send(kept[0]!)) === 200, soon)
    expect(await send(kept[1]!)).toBe(200)
    await vi.waitUntil(async () => (await total()) === number * SESSIONS, soon)
    expect(await judged(startedMs, toMs)).toEqual({ complete: true, causes: [], isToTheEnd: true })
  },
)
