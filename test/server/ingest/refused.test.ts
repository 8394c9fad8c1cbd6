/** A session that the server refuses is not in its log, and its meter does not send it again by itself: the log says so. */
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLogged } from '../../../src/server/ingest/logged.js'
import type { Batch } from '../../../src/session/batch.js'
import type { Session } from '../../../src/session/session.js'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

const MINUTE_MS = 60_000
const DAY_US = 86400e6
const nowMs = Date.now()
const iso = (minutes: number) => new Date(nowMs + minutes * MINUTE_MS).toISOString()
const nowUs = nowMs * 1e3

let server: TestServer
let key: string
beforeAll(async () => {
  server = await TestServer.start()
  key = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
})
afterAll(() => server.stop())

const good = (sequence: number, change: Partial<Session> = {}) =>
  session(sequence, { startTimeUs: nowUs - 2e6, endTimeUs: nowUs - 1e6, ...change })
const wrong = (sequence: number) => good(sequence, { destPort: 70_000 })
const ahead = (sequence: number) => good(sequence, { endTimeUs: nowUs + 2 * DAY_US })
const old = (sequence: number) =>
  good(sequence, { startTimeUs: nowUs - 40 * DAY_US, endTimeUs: nowUs - 39 * DAY_US })

/** Made in that minute; all of what was metered until the minute before is in it. */
function made(number: number, minute: number, sessions: readonly Session[]): Batch {
  const its = report({ startedAt: iso(-30), at: iso(minute), wholeUntil: iso(minute - 1) })
  return batch(number, sessions, { meterId: 'm', spoolId: 's', report: its })
}

async function send(siteId: number, its: Batch) {
  const path = `/api/v1/org/acme/site/${siteId}/sessions`
  const { body } = await server.request('POST', path, key, its)
  return body.data.refused.map((one: { index: number }) => one.index)
}

async function answer(siteId: number, from: number, to: number) {
  const range = `timeStart=${iso(from)}&timeEnd=${iso(to)}&siteId=${siteId}`
  return (await server.get(`/api/v1/org/acme/completeness?${range}`, key)).body.data
}

async function holes(siteId: number, from: number, to: number) {
  const [meter] = (await answer(siteId, from, to)).sites[0].meters
  return meter.holes
}

test('what was refused is a hole since all of the batch before had come, with its number', async () => {
  await send(1, made(1, -20, [good(1)]))
  expect(await send(1, made(2, -10, [wrong(2), good(3), ahead(4), old(5)]))).toEqual([0, 2, 3])
  await send(1, made(3, 0, [good(6)]))
  const hole = { cause: 'other', reason: 'sessionsRefused', sessions: 2 }
  expect(await holes(1, -30, -2)).toMatchObject([{ ...hole, from: iso(-21), to: iso(-10) }])
  expect(await holes(1, -30, -21)).toEqual([])
  expect(await holes(1, -10, -2)).toEqual([])
})

test('what is older than the retention is a hole of its own time, not of when it came', async () => {
  await send(2, made(1, -20, [good(1)]))
  expect(await send(2, made(2, -1, [old(2), good(3), old(4)]))).toEqual([0, 2])
  expect(await holes(2, -30, -3)).toEqual([])
  const [from, to] = [iso(-40 * 1440), iso(-39 * 1440)]
  const gone = (await holes(2, -41 * 1440, -38 * 1440)).filter(isDeleted)
  expect(gone).toMatchObject([{ from, to, sessions: 2 }])
})
const isDeleted = ({ cause }: { cause: string }) => cause === 'deletedByRetention'

/** An access log of these sessions, as Newt sends it. */
async function sendLog(siteId: number, ...sessions: readonly object[]) {
  const compressed = deflateSync(JSON.stringify(sessions)).toString('base64')
  const path = `/api/v1/org/acme/site/${siteId}/access-log`
  const { body } = await server.request('POST', path, key, { compressed })
  return body.data
}
const logged = (sessionId: string, minute: number) => ({
  ...{ sessionId, resourceId: 7, protocol: 'tcp' },
  ...{ sourceAddr: '10.8.0.2:40000', destAddr: '10.0.0.5:53' },
  ...{ startedAt: iso(minute), endedAt: iso(minute + 1) },
})

test('what is refused of an access log is a hole of its site, beside the meter and without one', async () => {
  await send(3, made(1, 0, [good(1)]))
  expect(await sendLog(3, logged('a', -20))).toMatchObject({ stored: 1, refused: [] })
  expect((await answer(3, -30, -2)).complete).toBe(true)
  const wrongOne = { ...logged('b', -8), destAddr: 'nowhere' }
  const oldOne = logged('c', -40 * 1440)
  expect((await sendLog(3, logged('d', -9), wrongOne, oldOne)).refused).toHaveLength(2)
  for (let again = 0; again < 2; again++) {
    const { complete, sites } = await answer(3, -15, -2)
    expect([complete, sites[0].meters.map((m: { meterId: string }) => m.meterId)]).toEqual([
      false,
      ['m', 'newt'],
    ])
    const [lost] = sites[0].meters[1].holes
    expect(lost).toMatchObject({ cause: 'other', reason: 'sessionsRefused', sessions: 1 })
    expect((await answer(3, -25, -10)).sites[0].meters[1]?.holes ?? []).toEqual([])
    await server.kill('SIGKILL')
    await server.spawn()
  }
  await sendLog(4, oldOne)
  const [site] = (await answer(4, -41 * 1440, -38 * 1440)).sites
  expect(site.meters.map((m: { holes: { cause: string }[] }) => m.holes[0]!.cause)).toEqual([
    'neverReported',
    'deletedByRetention',
  ])
})

test('read back from the log it is the same loss', async () => {
  const its = made(2, -10, [wrong(2), good(3), ahead(4), old(5)])
  const entry = { orgId: 'acme', siteId: 1, crc: undefined, gzip: false, receivedUs: nowUs }
  const read = async (refused: readonly number[]) =>
    readLogged({ ...entry, refused, body: Buffer.from(JSON.stringify(its)) })
  const { batch: again, sessions } = await read([0, 2, 3])
  expect(sessions).toHaveLength(1)
  const tooOld = {
    ...{ reason: 'olderThanRetention', sessions: 1 },
    ...{ from: iso(-40 * 1440), to: iso(-39 * 1440) },
  }
  expect(again.gaps).toEqual([
    { reason: 'sessionsRefused', sessions: 2, from: iso(-10), to: iso(-10) },
    tooOld,
  ])
  expect((await read([3])).batch.gaps).toEqual([tooOld])
})
