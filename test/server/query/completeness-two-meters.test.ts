/** Two meters on one interface count twice, and the answer says when. */
import { describe, expect, test } from 'vitest'
import { completenessAnswer } from '../../../src/server/query/completeness-answer.js'
import {
  ask,
  at,
  eachWithItsStore,
  SimulatedMeter,
  shown,
  t,
} from '../../support/completeness-lab.js'

eachWithItsStore()

describe('two meters on one interface', () => {
  const places = ['here']
  const twice = async (from: number, to: number) =>
    (await ask(from, to))[0]!.meters.map(({ meterId, holes }) => [
      meterId,
      holes
        .filter(({ cause }) => cause === 'twoMeters')
        .map((hole) => [hole.otherMeter, ...(shown([hole])[0] as unknown[]).slice(1)]),
    ])

  test('count twice while both run; the range beside it is complete', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    left.start(at(0))
    right.start(at(10))
    for (let minute = 1; minute <= 40; minute++) {
      await left.report(at(minute), { places })
      if (minute > 10 && minute <= 20) await right.report(at(minute), { places })
    }
    expect(await twice(0, 40)).toEqual([
      ['left', [['right', 10, 20]]],
      ['right', [['left', 10, 20]]],
    ])
    // It is so after both have begun anew, too.
    left.start(at(41))
    right.start(at(50))
    await left.report(at(42), { places })
    await right.report(at(60), { places: ['elsewhere'] })
    await t.reopen()
    expect(await twice(0, 60)).toEqual([
      ['left', [['right', 10, 20]]],
      ['right', [['left', 10, 20]]],
    ])
    expect((await ask(0, 10))[0]!.meters[0]!.holes).toEqual([])
    expect((await ask(20, 40))[0]!.meters[0]!.holes).toEqual([])
    const named = { names: new Map(), nowUs: t.nowUs, silenceUs: 600e6, more: false }
    const range = { fromUs: at(0), toUs: at(40) }
    expect(completenessAnswer(await ask(0, 40), { ...named, range }).sentence).toContain(
      'counted twice 27 Nov 2026 02:10 to 02:20 (also by right)',
    )
  })

  test('what waited in a spool until both had gone says it, too', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    left.start(at(0))
    await left.report(at(10), { places })
    left.start(at(20))
    await left.report(at(30), { places })
    right.start(at(5))
    for (const minute of [6, 8]) await right.report(at(minute), { places })
    expect(await twice(0, 30)).toEqual([
      ['left', [['right', 5, 8]]],
      ['right', [['left', 5, 8]]],
    ])
  })

  /** Reports of a machine whose clock is so many minutes ahead of the time since its boot. */
  const booted = (start: number, end: number) => ({
    places,
    uptimeMs: { startedAt: (start + 100) * 60e3, at: (end + 100) * 60e3 },
  })

  test('a clock that is set back hides no time in which both ran', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    // An hour ahead until minute 2.
    left.start(at(60))
    await left.report(at(61), booted(0, 1))
    await left.report(at(10), booted(0, 10))
    right.start(at(4))
    await right.report(at(9), booted(4, 9))
    expect(await twice(0, 10)).toEqual([
      ['left', [['right', 4, 9]]],
      ['right', [['left', 4, 9]]],
    ])
  })

  test('nor does it make one up', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    left.start(at(0))
    await left.report(at(10), booted(0, 10))
    // After the first had ended the clock was set back by nine minutes.
    right.start(at(5))
    await right.report(at(15), booted(14, 24))
    expect(await twice(0, 15)).toEqual([
      ['left', []],
      ['right', []],
    ])
  })

  test('one id in two spools is the same; a clock that is set back between two runs is not', async () => {
    const meter = new SimulatedMeter('m')
    meter.start(at(0))
    await meter.report(at(10), { places })
    meter.start(at(5))
    await meter.report(at(12), { places })
    expect(await twice(0, 12)).toEqual([['m', []]])
    const copy = new SimulatedMeter('m')
    copy.start(at(11))
    await copy.report(at(13), { places }, { spoolId: 's2' })
    expect(await twice(0, 13)).toEqual([['m', [['m', 11, 12]]]])
  })

  test('an interface that a run reads later is shared from then on; other interfaces and sites are not', async () => {
    const [left, right] = [new SimulatedMeter('left'), new SimulatedMeter('right')]
    const far = new SimulatedMeter('far', 2)
    for (const meter of [left, right, far]) meter.start(at(0))
    for (const minute of [10, 20, 30]) {
      await left.report(at(minute), { places })
      await right.report(at(minute), { places: minute < 30 ? ['there'] : ['there', 'here'] })
      await far.report(at(minute), { places })
    }
    expect(await twice(0, 30)).toEqual([
      ['left', [['right', 20, 30]]],
      ['right', [['left', 20, 30]]],
    ])
    expect((await ask(0, 30, [2]))[0]!.complete).toBe(true)
  })
})
