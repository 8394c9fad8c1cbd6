/** What the answer says of sites: removed meters, sites that never reported, and the sentence. */
import { beforeEach, describe, expect, test } from 'vitest'
import { completenessOf } from '../../../src/server/query/completeness.js'
import { completenessAnswer } from '../../../src/server/query/completeness-answer.js'
import {
  ask,
  at,
  eachWithItsStore,
  holesOf,
  iso,
  MINUTE_US,
  run,
  SimulatedMeter,
  shown,
  t,
} from '../../support/completeness-lab.js'

eachWithItsStore()

describe('a meter that was removed', () => {
  const shownOf = async (from: number, to: number, siteIds: readonly number[]) => {
    const sites = await ask(from, to, siteIds, at(12))
    return sites.flatMap((s) => s.meters.map((m) => [m.meterId, ...shown(m.holes)]))
  }
  beforeEach(async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), { wholeUntil: iso(at(9)) })
    t.nowUs = at(30)
  })

  test('leaves open what it had not reported, although it was not silent for long', async () => {
    expect(await shownOf(0, 11, [1])).toEqual([['m', ['silent', 9, 11]]])
    expect(await shownOf(0, 9, [1])).toEqual([['m']])
  })

  test('leaves nothing open until its end when its last report had all', async () => {
    await run(new SimulatedMeter('whole', 2), 5, 10)
    t.nowUs = at(30)
    const [site] = await ask(5, 10, [2], at(12))
    expect([site!.siteId, site!.complete]).toEqual([2, true])
  })

  test('leaves an expected site unwatched from then on, also where the range began before', async () => {
    const gone = [
      ['m', ['silent', 9, 12]],
      [null, ['notWatched', 12, 30]],
    ]
    expect(await shownOf(0, 60, [1])).toEqual(gone)
    expect(await shownOf(20, 25, [1])).toEqual([[null, ['notWatched', 20, 25]]])
    const [site] = await ask(0, 60, [1], at(12))
    expect(site!.complete).toBe(false)
  })
})

test('a site that is expected and never reported is a hole; a replay of files watches nothing', async () => {
  const replay = new SimulatedMeter('replay-1', 7)
  replay.start(at(0))
  await replay.report(at(1), { replay: 'finished' })
  const sites = await ask(0, 1, [7])
  expect(sites.map((s) => shown(s.meters[0]!.holes))).toEqual([[['neverReported', 0, 1]]])
})

test('one site’s losses are never told of another', async () => {
  await run(new SimulatedMeter('a', 1), 0, 10)
  const broken = new SimulatedMeter('b', 2)
  await run(broken, 0, 2)
  broken.lose()
  await broken.report(at(10))
  expect((await ask(0, 10)).map((s) => s.complete)).toEqual([true, false])
  expect((await ask(0, 10, [1])).map((s) => s.siteId)).toEqual([1])
})

test('nothing is called complete without a meter, nor when not all losses were looked at', async () => {
  const range = { fromUs: 0, toUs: 3600e6 }
  const named = {
    names: new Map<number, string>(),
    range,
    nowUs: 3600e6,
    silenceUs: 600e6,
    more: false,
  }
  const none = completenessAnswer([], named)
  expect([none.complete, none.coveredShare]).toEqual([false, 0])
  expect(none.sentence).toContain('nothing is metered')
  const site = { siteId: 1, complete: true, meters: [] }
  expect(completenessAnswer([site], named).complete).toBe(true)
  const unseen = completenessAnswer([site], { ...named, more: true })
  expect(unseen.complete).toBe(false)
  expect(unseen.sentence).toContain('more losses than are counted here')
})

test('the sentence names the worst site, what was lost, when, and how much', async () => {
  await run(new SimulatedMeter('a', 1), 0, 62)
  const lyon = new SimulatedMeter('b', 2)
  await run(lyon, 0, 1)
  lyon.start(at(36))
  const gap = { reason: 'unmetered', sessions: 0, from: iso(at(1)), to: iso(at(36)) }
  await lyon.report(at(62), {}, { gaps: [{ ...gap, interface: 'wg0', bytes: 5_100_000 }] })
  const range = { fromUs: at(0), toUs: at(60) }
  const names = new Map([[2, 'Lyon']])
  const named = { names, range, nowUs: t.nowUs, silenceUs: 600e6, more: false }
  expect(completenessAnswer(await ask(0, 60), named).sentence).toBe(
    '1 of 2 sites are complete, 27 Nov 2026 02:00 to 03:00 UTC. Lyon: not metered 27 Nov 2026 02:01 to 02:36 (5.1 MB moved).',
  )
  expect(completenessAnswer(await ask(0, 60, [1]), named).sentence).toBe(
    'Site 1 is complete, 27 Nov 2026 02:00 to 03:00 UTC.',
  )
  const days = { ...named, range: { fromUs: at(-3 * 60), toUs: at(0.5) } }
  const answer = completenessAnswer(await ask(-3 * 60, 0.5, [1]), days)
  expect(answer.sentence).toContain('26 Nov 2026 23:00 to 27 Nov 2026 02:00 UTC')
  const seconds = { ...named, range: { fromUs: at(0), toUs: at(0.5) } }
  expect(completenessAnswer(await ask(0, 0.5, [1]), seconds).sentence).toBe(
    'Site 1 is complete, 27 Nov 2026 02:00:00 to 02:00:30 UTC.',
  )
})

test('before its first start a meter is not expected where another one of the site was', async () => {
  const [old, replaced, young] = ['old', 'replaced', 'young'].map((id) => new SimulatedMeter(id))
  await run(replaced!, 5, 10)
  await run(old!, 10, 60)
  young!.start(at(40))
  await young!.report(at(60))
  expect(await holesOf(6, 60)).toEqual([['silent', 10, 60]])
  expect(await holesOf(0, 10)).toEqual(Array(3).fill(['notWatched', 0, 5]))
  // Only one that had begun is named, and counts.
  expect((await ask(6, 10))[0]!.meters).toMatchObject([
    { meterId: 'replaced', coveredUs: 4 * MINUTE_US, judgedUs: 4 * MINUTE_US, holes: [] },
  ])
})

test('between the removal of a meter and the first start of the next one nothing was watched', async () => {
  const [old, next] = [new SimulatedMeter('old'), new SimulatedMeter('next')]
  await run(old, 0, 20)
  next.start(at(30))
  await next.report(at(40))
  const coverage = await t.store.coverage('acme', { fromUs: at(0), toUs: at(40) })
  const meters = coverage.meters.map((m) => (m.meterId === 'old' ? { ...m, removedUs: at(22) } : m))
  const request = { range: { fromUs: at(0), toUs: at(40) }, nowUs: t.nowUs, silenceUs: 600e6 }
  const [site] = completenessOf({ ...coverage, meters }, { ...request, siteIds: [] })
  expect(shown(site!.meters.flatMap(({ holes }) => holes))).toEqual([['notWatched', 20, 30]])
})
