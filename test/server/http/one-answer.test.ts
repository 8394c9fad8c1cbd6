/**
 * "Is anything missing?" has one answer: each cause of a hole, at each place that tells of it. Of every cause there is one
 * site that has it and nothing else; what GET …/completeness says of that site is compared with what the others say.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkServer } from '../../../src/cli/doctor-server.js'
import {
  badgeText,
  sentenceOf,
  siteText,
  toneOf,
} from '../../../src/dashboard/parts/completeness-text.js'
import type { ServerFlags } from '../../../src/meter/ship/server-flags.js'
import type { Hole, HoleCause } from '../../../src/server/query/holes.js'
import { HOLE_CAUSES } from '../../../src/server/query/holes.js'
import type { Batch, MeterReport } from '../../../src/session/batch.js'
import { batch, report, session } from '../../support/batches.js'
import { runHere } from '../../support/run-here.js'
import { TestServer } from '../../support/server.js'

const DAY_HOURS = 24
const now = Date.now()
const iso = (hoursAgo: number) => new Date(now - hoursAgo * 3600e3).toISOString()

interface Site {
  readonly org: string
  readonly siteId: number
  /** As `tunmeter doctor` has it. */
  readonly key: string
}

let server: TestServer
const admins = new Map<string, string>()
const directory = mkdtempSync(join(tmpdir(), 'tunmeter-one-answer-'))
const sites = new Map<string, Site>()

async function send(site: Site, number: number, change: Partial<MeterReport>, more: object = {}) {
  const sequence = site.siteId * 100 + number
  const its: Batch = batch(number, [session(sequence, { userId: null, clientId: null })], {
    meterId: `m${site.siteId}`,
    spoolId: `s${site.siteId}`,
    report: report({ startedAt: iso(40), at: iso(0), ...change }),
    ...more,
  })
  const path = `/api/v1/org/${site.org}/site/${site.siteId}/sessions`
  const answer = await server.request('POST', path, admins.get(site.org), its)
  expect([answer.status, answer.body.message]).toEqual([200, answer.body.message])
}

const call = async (method: string, site: Site, path: string, body: object) => {
  const at = `/api/v1/org/${site.org}${path}`
  const answer = await server.request(method, at, admins.get(site.org), body)
  expect([at, answer.status]).toEqual([at, 200])
}

/** What the meter calls it, with its size. */
const lost = (reason: string) => async (site: Site) => {
  const gap = { reason, sessions: 2, from: iso(5), to: iso(4) }
  await send(site, 1, {}, { gaps: [gap] })
}

/** Does to the site what leaves this hole. */
const LIVES: Readonly<Record<Exclude<HoleCause, 'deletedByRetention'>, Live>> = {
  neverReported: async () => undefined,
  notWatched: (site) => send(site, 1, { startedAt: iso(6) }),
  unmetered: async (site) => {
    await send(site, 1, { at: iso(7) })
    await send(site, 2, { startedAt: iso(6) })
  },
  silent: (site) => send(site, 1, { at: iso(2), spool: { batches: 9, bytes: 1, quarantined: 0 } }),
  interfaceGone: lost('interfaceGone'),
  clockStepped: lost('clockStepped'),
  packetsDropped: (site) => send(site, 1, { packetsDropped: 7 }),
  batchesLost: async (site) => {
    await send(site, 1, { at: iso(5) })
    await send(site, 4, {})
  },
  spoolBound: lost('spoolFull'),
  spoolDamaged: lost('spoolDamaged'),
  diskRefused: lost('diskFull'),
  retentionOff: async (site) => {
    await send(site, 1, { at: iso(1) })
    const off = { retentionDays: 0, confirm: 1, now: true }
    await call('PUT', site, '/settings', off)
    await send(site, 2, {})
  },
  deletedByOperator: async (site) => {
    await send(site, 1, {})
    const path = `/api/v1/org/acme/site/${site.siteId}?sessions=delete&confirm=1`
    expect((await server.request('DELETE', path, admins.get('acme'))).status).toBe(200)
    // It is in use again, with a key of its own: what was deleted stays a hole.
    sites.set('deletedByOperator', await made('acme', site.siteId))
    await send(site, 2, {})
  },
  erased: async (site) => {
    await send(site, 1, {}, { sessions: [session(9000, { userId: 'ulla' })] })
    await call('POST', site, '/subject/erase', { userId: 'ulla', confirm: 1 })
  },
  twoMeters: async (site) => {
    await send(site, 1, { places: ['here'] })
    await send(site, 1, { places: ['here'], startedAt: iso(30) }, { meterId: 'twin' })
  },
  twoRuns: async (site) => {
    await send(site, 1, { startedAt: iso(30) })
    await send(site, 2, { startedAt: iso(20) }, { spoolId: 's2', firstBatch: 2 })
  },
  unexplained: (site) =>
    send(site, 1, {
      reconciliation: { unexplainedPacketsMin: 7, unexplainedPacketsMax: 9, exact: 1 },
    }),
  other: lost('somethingElse'),
}
type Live = (site: Site) => Promise<void>
/** What retention deleted is gone at every site of the organisation. */
const OF_AN_ORGANISATION: readonly string[] = ['retentionOff', 'deletedByRetention']

async function made(org: string, siteId: number): Promise<Site> {
  const wanted = { scope: 'ingest', siteId, name: 'meter' }
  const { body } = await server.request('POST', `/api/v1/org/${org}/keys`, admins.get(org), wanted)
  return { org, siteId, key: body.data.key }
}

beforeAll(async () => {
  server = await TestServer.start()
  for (const org of ['acme', 'off'])
    admins.set(org, await server.key({ scope: 'admin', org, retentionDays: -1 }))
  let siteId = 0
  for (const [cause, live] of Object.entries(LIVES)) {
    const site = await made(OF_AN_ORGANISATION.includes(cause) ? 'off' : 'acme', ++siteId)
    sites.set(cause, site)
    await live(site)
  }
  sites.set('deletedByRetention', sites.get('retentionOff')!)
  const whole = await made('acme', ++siteId)
  sites.set('none', whole)
  await send(whole, 1, {})
})
afterAll(async () => {
  await server.stop()
  rmSync(directory, { recursive: true })
})

interface Said {
  readonly cause?: string
  readonly complete: boolean
  readonly causes?: readonly string[]
  readonly sentence?: string | undefined
}

/** The minute goes on while the places are asked one after another. */
/** A day is named once, and seconds only where they tell ends apart. */
const timeless = (sentence: string) =>
  sentence.replace(/(\d+ \w+ \d{4} )?\d\d:\d\d(:\d\d)?/g, 'then').trim()
const causesOf = (holes: readonly { cause: string }[]) => holes.map((h) => h.cause).sort()
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
const get = async ({ org }: Site, path: string): Promise<any> =>
  (await server.get(`/api/v1/org/${org}/${path}`, admins.get(org))).body.data
const day = () => `timeStart=${iso(DAY_HOURS)}&timeEnd=${new Date().toISOString()}`

/** Once of each site: it does not change while the places are asked. */
const truths = new Map<Site, ReturnType<typeof judged>>()
function truth(site: Site): ReturnType<typeof judged> {
  const known = truths.get(site) ?? judged(site)
  truths.set(site, known)
  return known
}

async function judged(site: Site) {
  const {
    complete,
    sentence,
    sessionsLost,
    sites: all,
  } = await get(site, `completeness?${day()}&siteId=${site.siteId}`)
  const holes = all[0].meters.flatMap((m: { holes: Hole[] }) => m.holes)
  const said = { complete, sentence: timeless(sentence), causes: causesOf(holes) }
  return { ...said, holes: holes.length, lost: sessionsLost }
}

async function cli(site: Site, ...args: string[]) {
  const env = { TUNMETER_KEY: admins.get(site.org)! }
  return runHere([...args, '--server', server.url], { env }).finished
}

const metric = async ({ org, siteId }: Site, name: string) => {
  const text: string = await (await fetch(`${server.url}/metrics`)).text()
  const line = new RegExp(`^tunmeter_site_${name}\\{org="${org}",site="${siteId}"\\} (.+)$`, 'm')
  const value = line.exec(text)?.[1]
  return value === undefined ? null : Number(value)
}

/** Each place, as it tells of one site. */
const PLACES: Readonly<Record<string, (site: Site) => Promise<Said>>> = {
  'a page of the log': async (site) => {
    const { completeness, gaps } = await get(
      site,
      `logs/connection?${day()}&siteId=${site.siteId}&limit=1`,
    )
    const { complete, sentence } = completeness
    return { complete, sentence, causes: causesOf(gaps) }
  },
  'the notice of a page': async (site) => {
    const { log, notice } = await get(site, `logs/connection?${day()}&siteId=${site.siteId}`)
    const sentence = notice === null ? undefined : notice.message
    expect(notice?.code === 'incomplete').toBe(notice !== null && log.length > 0)
    return { complete: notice === null, ...(log.length > 0 && { sentence }) }
  },
  'the notice of a page without rows': async (site) => {
    const query = `logs/connection?${day()}&siteId=${site.siteId}&destAddr=192.0.2.1`
    const { sentence } = await get(site, `completeness?${day()}&siteId=${site.siteId}`)
    const { message } = (await get(site, query)).notice
    const isSaid = timeless(message).includes(timeless(sentence))
    return { complete: !isSaid, ...(isSaid && { sentence }) }
  },
  '/sites': async (site) => {
    const list = (await get(site, 'sites')).sites as {
      siteId: number
      completeness: { complete: boolean; sentence: string }
    }[]
    const { complete, sentence } = list.find((s) => s.siteId === site.siteId)!.completeness
    return { complete, sentence }
  },
  doctor: async (site) => {
    const flags = { to: server.url, key: site.key } as ServerFlags
    const found = (await checkServer(flags)).find((f) => f.check === 'completeness')!
    return { complete: found.state === 'ok', sentence: found.message }
  },
  'tunmeter completeness': async (site) => {
    const range = ['--from', iso(DAY_HOURS), '--site', String(site.siteId)]
    const { code, stdout } = await cli(site, 'completeness', ...range)
    const [sentence, , ...lines] = stdout.trimEnd().split('\n')
    const isCause = (word: string) => HOLE_CAUSES.some((cause) => cause === word)
    const causes = lines.map((line) => line.split(/\s+/).find(isCause)!).sort()
    return { complete: code === 0, sentence, causes }
  },
  'tunmeter log': async (site) => {
    const range = ['--from', iso(DAY_HOURS), '--site', String(site.siteId)]
    const { stderr } = await cli(site, 'log', ...range)
    const isSaid = /(sites? is|sites are) complete/.test(stderr)
    return {
      complete: !isSaid,
      sentence: isSaid ? /\d+ of \d+ site.*/.exec(stderr)![0] : undefined,
    }
  },
  'the manifest of an export': async (site) => {
    const file = join(directory, `${site.org}-${site.siteId}.csv`)
    const filter = ['--filter', `siteId=${site.siteId}`]
    await cli(site, 'export', '--from', iso(DAY_HOURS), ...filter, '--output', file)
    const { completeness } = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'))
    const holes = completeness.sites[0].meters.flatMap((m: { holes: Hole[] }) => m.holes)
    const { complete, sentence } = completeness
    return { complete, sentence, causes: causesOf(holes) }
  },
  'export --require-complete': async (site) => {
    const filter = ['--filter', `siteId=${site.siteId}`]
    const range = ['--from', iso(DAY_HOURS), ...filter]
    const { code, stderr } = await cli(site, 'export', ...range, '--require-complete')
    return {
      complete: code === 0,
      ...(code !== 0 && { sentence: /\d+ of \d+ site.*/.exec(stderr)![0] }),
    }
  },
  metrics: async (site) => {
    const { holes, lost: sessions } = await truth(site)
    expect(await metric(site, 'holes')).toBe(holes)
    expect(await metric(site, 'sessions_lost')).toBe(sessions)
    return { complete: (await metric(site, 'complete')) === 1 }
  },
}

/** What else the site has. */
const BESIDES: Readonly<Record<string, readonly HoleCause[]>> = {
  retentionOff: ['deletedByRetention'],
  deletedByRetention: ['retentionOff'],
  twoMeters: ['twoMeters'],
}

test('each cause has a site that has it', async () => {
  const found = new Map<string, unknown>()
  for (const [cause, site] of sites) {
    const { complete, causes } = await truth(site)
    found.set(cause, { complete, causes })
  }
  const causesAt = (cause: HoleCause) => [cause, ...(BESIDES[cause] ?? [])].sort()
  const expected = HOLE_CAUSES.map(
    (cause) => [cause, { complete: false, causes: causesAt(cause) }] as const,
  )
  expect(Object.fromEntries(found)).toEqual({
    ...Object.fromEntries(expected),
    none: { complete: true, causes: [] },
  })
})

test.each(Object.entries(PLACES))('%s', async (_place, ask) => {
  const [right, told]: [Said[], Said[]] = [[], []]
  for (const [cause, site] of sites) {
    const { complete, sentence, causes } = await truth(site)
    const said = await ask(site)
    const sentenceSaid = said.sentence === undefined ? {} : { sentence: timeless(said.sentence) }
    told.push({ cause, ...said, ...sentenceSaid })
    right.push({
      cause,
      ...said,
      complete,
      ...(said.sentence !== undefined && { sentence }),
      ...(said.causes !== undefined && { causes }),
    })
  }
  expect(told).toEqual(right)
})

test('of a time that is later than all reports no place says that it is complete', async () => {
  const site = sites.get('none')!
  const [from, to] = [iso(-1), iso(-2)]
  const its = `timeStart=${from}&timeEnd=${to}&siteId=${site.siteId}`
  const range = ['--from', from, '--to', to]
  const known = /Nothing is known yet/
  const answer = await get(site, `completeness?${its}`)
  expect([answer.complete, answer.sites[0].complete]).toEqual([false, false])
  expect(answer.sentence).toMatch(known)
  const { completeness, notice } = await get(site, `logs/connection?${its}`)
  expect(completeness).toMatchObject({ complete: false, sentence: answer.sentence })
  expect(notice.message).toMatch(known)
  const asked = await cli(site, 'completeness', ...range, '--site', String(site.siteId))
  expect([asked.code, asked.stdout.split('\n')[0]]).toEqual([3, answer.sentence])
  const filter = ['--filter', `siteId=${site.siteId}`, '--require-complete']
  const exported = await cli(site, 'export', ...range, ...filter)
  expect([exported.code, exported.stderr]).toEqual([3, expect.stringMatching(known)])
  const logged = await cli(site, 'log', ...range, '--site', String(site.siteId))
  expect(logged.stderr).toMatch(known)
  // The dashboard's badge, its tone, its sentence, its banner.
  expect([badgeText(answer), toneOf(answer)]).toEqual(['Nothing known yet', 'warn'])
  expect(sentenceOf(answer)).toMatch(known)
  expect(siteText(answer.sites[0])).toContain('nothing is known yet')
})
