/**
 * "Is anything missing?", asked of a real server about what was done to real meters: each hole is named with its cause and
 * size, and the time beside it is complete. The truth is what the test did, and the kernel's counters.
 *
 * Each test has a site, a meter and a pair of interfaces of its own; they mostly wait for reports, so they run at once.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab, type LabProcess, type Namespace, until } from '../support/lab.js'
import { EMPTY_LISTS, LabSite, type SiteOptions } from '../support/lab-site.js'
import { whyNoLab } from '../support/root-only.js'
import {
  type KnownHole,
  LabMeter,
  LabServer,
  type LogRow,
  untilRows,
} from '../support/site-programs.js'

const reason = whyNoLab()
const TRAFFIC = new URL('../support/traffic.mjs', import.meta.url).pathname

let lab: Lab
let space: Namespace
let far: Namespace
let server: LabServer
let web: LabProcess

describe.skipIf(reason !== null)(
  `is anything missing${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    beforeAll(async () => {
      lab = await Lab.create('tmec')
      space = await lab.namespace('site')
      far = await lab.namespace('far')
      // What it says of itself when a link comes up is traffic that no meter is ready for.
      for (const one of [space, far])
        await one.run('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1'])
      const listen = async (role: string, port: number): Promise<LabProcess> => {
        const its = space.spawn('node', [TRAFFIC, role, JSON.stringify({ host: '0.0.0.0', port })])
        await its.says('ready')
        return its
      }
      web = await listen('http', 80)
      await listen('talk', 22)
      server = await LabServer.start(space)
    })
    afterAll(async () => {
      await server?.remove()
      await lab?.close()
    })

    test.concurrent('`counts`: sums of an hour, once a minute, with what the kernel counted; a kill admits the rest', async () => {
      const catalog = {
        ...EMPTY_LISTS,
        resources: [
          {
            siteResourceId: 1,
            name: 'Web',
            destination: '10.77.9.1',
            ports: [80],
            log: 'counts' as const,
          },
        ],
      }
      const site = await siteOf(9, { catalog, more: SECOND })
      const from = await site.judged()
      const early = await site.judged()
      for (let i = 0; i < 3; i++) await site.moves()
      const has = (all: readonly LogRow[]) => all.some((row) => row.siteResourceId === 1)
      const all = await untilRows(server, 'the sum', has, '&siteId=9')
      const [sum, ...more] = all.filter((row) => row.siteResourceId === 1)
      const shown = { sourceAddr: '0.0.0.0', destAddr: '0.0.0.0', connectionCount: 3 }
      expect([sum, more]).toMatchObject([shown, []])
      // As the sockets themselves counted.
      const ends = web.json<{ server: string; bytesRead: number; bytesWritten: number }>()
      const its = ends.filter((one) => one.server === site.here)
      expect(its).toHaveLength(3)
      expect(sum!.payloadTx).toBe(its.reduce((n, one) => n + one.bytesRead, 0))
      expect(sum!.payloadRx).toBe(its.reduce((n, one) => n + one.bytesWritten, 0))
      const beside = await site.judged()
      expect(await site.isWhole(from, beside)).toBe(true)
      const unsaidMs = Date.now()
      await site.moves()
      await site.reported()
      await site.meter.process.stop('SIGKILL')
      const killedMs = Date.now()
      await site.meter.spawn()
      await site.judged()
      expect(await site.causes(unsaidMs, killedMs)).toEqual(['unmetered'])
      expect(await site.isWhole(from, early)).toBe(true)
      await site.remove()
    })

    test.concurrent('killed: from the start of what was open, with the bytes that moved meanwhile', async () => {
      // So long that a slow machine has killed it before it reports what is open.
      const site = await siteOf(1, { more: ['--active-timeout', '15s'] })
      const from = await site.judged()
      const beside = await site.judged()
      const openedMs = Date.now()
      const talk = await site.opened()
      await site.reported()
      await site.meter.process.stop('SIGKILL')
      const killedMs = Date.now()
      const moved = await site.moves()
      await talk.stop('SIGKILL')
      await site.meter.spawn()
      const backMs = Date.now()
      const to = await site.judged()
      const [hole, ...more] = await site.holes(from, to)
      expect([hole?.cause, more]).toEqual(['unmetered', []])
      // What was in the flow table died with the meter.
      const rows = await server.rows('&siteId=1')
      expect(rows.filter((row) => row.destAddr.endsWith(':22'))).toEqual([])
      spans(hole, openedMs, killedMs)
      expect(hole!.bytes).toBeGreaterThanOrEqual(moved)
      expect(await site.isWhole(openedMs, killedMs)).toBe(false)
      expect(await site.isWhole(from, beside)).toBe(true)
      expect(await site.isWhole(backMs, to)).toBe(true)
      await site.remove()
    })

    test.concurrent('stopped and started later: nothing from before the end is missing', async () => {
      const site = await siteOf(2)
      const from = await site.judged()
      const talk = await site.opened()
      const stoppedMs = Date.now()
      await site.meter.stop()
      await talk.stop('SIGKILL')
      const moved = await site.moves()
      const againMs = Date.now()
      await site.meter.spawn()
      const backMs = Date.now()
      const to = await site.judged()
      const [hole, ...more] = await site.holes(from, to)
      expect([hole?.cause, more]).toEqual(['unmetered', []])
      expect(hole!.bytes).toBeGreaterThanOrEqual(moved)
      expect(await site.isWhole(from, stoppedMs)).toBe(true)
      expect(await site.isWhole(stoppedMs, againMs)).toBe(false)
      expect(await site.isWhole(backMs, to)).toBe(true)
      await site.remove()
    })

    test.concurrent('suspended: complete when the ring had room, else with the packets that it had not', async () => {
      const site = await siteOf(3, { more: ['--ring', '1MiB', ...SECOND] })
      const from = await site.judged()
      site.meter.process.child.kill('SIGSTOP')
      await site.moves()
      site.meter.process.child.kill('SIGCONT')
      const beside = await site.judged()
      expect(await site.isWhole(from, beside)).toBe(true)
      site.meter.process.child.kill('SIGSTOP')
      const suspendedMs = Date.now()
      await site.blast(20_000)
      const resumedMs = Date.now()
      site.meter.process.child.kill('SIGCONT')
      await site.judged()
      // The hole lasts until the report that tells of it, which is later than the time that it judges.
      const toldMs = Date.now()
      const later = await site.judged()
      const [hole, ...more] = await site.holes(from, later)
      expect([hole?.cause, more]).toEqual(['packetsDropped', []])
      spans(hole, suspendedMs, resumedMs)
      const { packetsDropped } = await server.report(3)
      expect(packetsDropped).toBeGreaterThan(0)
      expect(hole!.packets).toBe(packetsDropped)
      expect(await site.isWhole(from, beside)).toBe(true)
      expect(await site.isWhole(toldMs, later)).toBe(true)
      await site.remove()
    })

    test.concurrent('an interface that is not there yet, down, or deleted; and killed while it is away', async () => {
      const site = await siteOf(4, { more: ['--wait-for-interface', ...SECOND], pair: false })
      const awaited = await site.judged()
      expect(await site.causes(awaited - 100, awaited)).toEqual(['interfaceGone'])
      await site.addPair()
      await site.said('interface found', 1)
      const from = await site.judged()
      const beside = await site.judged()
      for (const [nth, gone] of ['down', 'deleted'].entries()) {
        if (gone === 'down') await space.ip(`link set ${site.device} down`)
        else await space.ip(`link delete ${site.device}`)
        await site.said('the interface is gone', nth + 1)
        const goneMs = Date.now()
        // While it is away, too.
        const still = await site.judged()
        expect(await site.causes(goneMs, still)).toEqual(['interfaceGone'])
        if (gone === 'down') await space.ip(`link set ${site.device} up`)
        else await site.addPair()
        await site.said('the interface is back', nth + 1)
        const to = await site.judged()
        const later = await site.judged()
        const [hole, ...more] = await site.holes(goneMs, later)
        expect([hole?.cause, more]).toEqual(['interfaceGone', []])
        spans(hole, goneMs, still)
        expect(await site.isWhole(to, later)).toBe(true)
      }
      expect(await site.isWhole(from, beside)).toBe(true)
      await space.ip(`link delete ${site.device}`)
      await site.said('the interface is gone', 3)
      const goneMs = Date.now()
      const killed = await site.judged()
      await site.meter.process.stop('SIGKILL')
      expect(await site.causes(goneMs, killed)).toEqual(['interfaceGone'])
      await site.remove()
    })

    test.concurrent('two meters on one interface of a site', async () => {
      const site = await siteOf(5, { more: ['--meter-id', 'first', ...SECOND] })
      const from = await site.judged()
      const beside = await site.judged()
      const second = await LabMeter.start(
        site.options({ more: ['--meter-id', 'second', ...SECOND] }),
      )
      const bothMs = Date.now()
      const both = await site.judged()
      await second.stop()
      const endedMs = Date.now()
      const ofFirst = async (a: number, b: number) =>
        (await server.completeness(5, a, b)).sites[0]!.meters.find((m) => m.meterId === 'first')!
      const to = await until('the first goes on', async () => {
        const untilMs = Date.parse((await ofFirst(endedMs, endedMs + 3_600_000)).until)
        return untilMs > endedMs + 200 ? untilMs : null
      })
      const twice = (await site.holes(from, to)).filter(({ cause }) => cause === 'twoMeters')
      expect(twice.map(({ otherMeter }) => otherMeter).sort()).toEqual(['first', 'second'])
      for (const hole of twice) spans(hole, bothMs, both)
      expect((await ofFirst(from, beside)).holes).toEqual([])
      expect((await ofFirst(endedMs + 1, to)).holes).toEqual([])
      await second.remove()
      await site.remove()
    })

    test.concurrent('a spool that is gone, with what waited in it', async () => {
      const its = await LabServer.start(space, '127.0.0.1:8481')
      const spool = temporary()
      const more = ['--meter-id', 'fixed', ...SECOND]
      const site = await siteOf(6, { server: its, spool: join(spool, 'spool'), more })
      const from = await site.judged()
      const beside = await site.judged()
      await its.stop()
      await site.said('batches wait in the spool', 1)
      const awayMs = Date.now()
      await site.moves()
      await site.meter.process.stop('SIGKILL')
      const killedMs = Date.now()
      rmSync(join(spool, 'spool'), { recursive: true })
      await its.spawn()
      await site.meter.spawn()
      const backMs = Date.now()
      const to = await site.judged()
      const [hole, ...others] = await site.holes(from, to)
      expect([hole?.cause, others]).toEqual(['unmetered', []])
      spans(hole, awayMs, killedMs)
      expect(await site.isWhole(from, beside)).toBe(true)
      expect(await site.isWhole(backMs, to)).toBe(true)
      await site.remove()
      await its.remove()
      rmSync(spool, { recursive: true })
    })

    test.concurrent('a full disk: what was given up, to the session', async () => {
      const its = await LabServer.start(space, '127.0.0.1:8482')
      const disk = temporary()
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk])
      expect(mounted.status, String(mounted.stderr)).toBe(0)
      const other = join(disk, 'other')
      const more = ['--drain-timeout', '1s', '--udp-timeout', '1s', '--active-timeout', '0s']
      const site = await siteOf(7, { server: its, spool: join(disk, 'spool'), more })
      const from = await site.judged()
      const beside = await site.judged()
      await its.stop()
      await site.said('batches wait in the spool', 1)
      const fullMs = Date.now()
      try {
        writeFileSync(other, Buffer.alloc(2 ** 23, 1))
      } catch {}
      await site.blast(SESSIONS, 'each to another port')
      await site.said('the spool cannot be written', 1)
      await site.meter.process.stop('SIGTERM')
      rmSync(other)
      await its.spawn()
      await site.meter.spawn()
      const backMs = Date.now()
      const to = await site.judged()
      const holes = await site.holes(from, to)
      expect(new Set(holes.map(({ cause }) => cause))).toEqual(
        new Set(['diskRefused', 'unmetered']),
      )
      const lost = holes.reduce((sum, { sessions }) => sum + (sessions ?? 0), 0)
      const stored = (await its.export()).split('\n').filter((line) => line.includes('udp')).length
      console.log(`full disk: ${stored} stored + ${lost} lost`)
      expect(lost).toBeGreaterThan(0)
      expect(stored + lost).toBe(SESSIONS)
      expect(await site.isWhole(fullMs, to)).toBe(false)
      expect(await site.isWhole(from, beside)).toBe(true)
      expect(await site.isWhole(backMs, to)).toBe(true)
      await site.remove()
      await its.remove()
      spawnSync('umount', ['-l', disk])
      rmSync(disk, { recursive: true, force: true })
    })

    test.concurrent('a clock that was an hour behind when the meter started: that hour was not metered', async () => {
      const directory = temporary()
      const library = join(directory, 'clock.so')
      const source = new URL('../faults/clock.cc', import.meta.url).pathname
      execFileSync('g++', ['-std=c++20', '-O1', '-shared', '-fPIC', '-o', library, source])
      const offset = openSync(join(directory, 'offset'), 'w+')
      const setClock = (seconds: bigint): void => {
        const eight = Buffer.alloc(8)
        eight.writeBigInt64LE(seconds)
        writeSync(offset, eight, 0, eight.length, 0)
      }
      setClock(-3600n)
      const env = { LD_PRELOAD: library, CLOCK_OFFSET: join(directory, 'offset') }
      const site = await siteOf(8, { env, more: SECOND })
      const startedMs = Date.now()
      setClock(0n)
      await site.said('the clock was set forward', 1)
      const rightMs = Date.now()
      const to = await site.judged()
      expect(await site.causes(startedMs - 3_000_000, startedMs)).toEqual(['clockStepped'])
      expect(await site.isWhole(rightMs, to)).toBe(true)
      await site.remove()
      rmSync(directory, { recursive: true })
    })
  },
)

const siteOf = (siteId: number, its: SiteOptions = {}) =>
  LabSite.make({ space, far, server }, siteId, its)

/** What a packet may wait in the flow table. */
const SECOND = ['--active-timeout', '1s']
const SESSIONS = 6_000

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'tunmeter-e2e-'))
  chmodSync(path, 0o755)
  return path
}

function spans(hole: KnownHole | undefined, fromMs: number, toMs: number): void {
  expect(Date.parse(hole!.from)).toBeLessThanOrEqual(fromMs)
  expect(Date.parse(hole!.to)).toBeGreaterThanOrEqual(toMs)
}
