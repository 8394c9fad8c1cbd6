/** Random lives of three meters against a model that knows when each of them metered. */
import { expect, test } from 'vitest'
import { union } from '../../../src/server/query/holes.js'
import type { Batch } from '../../../src/session/batch.js'
import { session } from '../../support/batches.js'
import {
  ask,
  at,
  eachWithItsStore,
  iso,
  MINUTE_US,
  SimulatedMeter,
  T0_US,
  t,
} from '../../support/completeness-lab.js'
import { randomOf } from '../../support/office.js'

eachWithItsStore()

/** Losses that a meter or the server names, each as it calls them. */
const LOSSES = [
  ...['interfaceGone', 'clockStepped', 'recordQueueFull', 'spoolFull', 'quarantineFull'],
  ...['spoolDamaged', 'diskFull', 'spoolWriteFailed', 'somethingElse'],
  ...['deletedByOperator', 'erased', 'unexplained'],
]

/** What the server tells of a batch when it comes: it says nothing of when what it did not store was metered. */
const NOT_STORED = ['sessionsRefused', 'retentionOff']

/** What the model knows of one minute of a life. */
interface Minute {
  /** It ran. */
  alive: boolean
  /** All of it is there. */
  metered: boolean
  /** A loss nearby may reach into it, as when a batch is missing until the next report. */
  unsure: boolean
  /** Its batch came. */
  came: boolean
  /** That batch told of a loss. */
  lossy: boolean
  /** Refused records of this minute, which came in whatever batch. */
  conflicts: number
  /** What was open then is in the batches of so many minutes more, at the latest; null: it died with the meter. */
  lag: number | null
}

/**
 * A meter that runs reports at each minute; it stops in order or is killed with what is open, and starts at random, loses
 * sessions and packets, and batches are lost, or come later.
 */
async function randomLife(
  meter: SimulatedMeter,
  place: string,
  random: () => number,
  minutes: number,
) {
  const life = Array.from({ length: minutes }, (): Minute => {
    return {
      alive: false,
      metered: false,
      unsure: false,
      came: false,
      lossy: false,
      conflicts: 0,
      lag: null,
    }
  })
  /** Packets are dropped once: of a second time nearby the store makes one hole with the first. */
  let dropAt = Math.floor(random() * 2 * minutes)
  /** For so long a session may be open before it is reported. */
  const lag = Math.floor(random() * 3)
  let packetsDropped = 0
  /** Once, too. */
  let refuseAt = Math.floor(random() * 2 * minutes)
  let told = true
  let running = false
  let begun = 0
  let before: Minute | undefined
  const late: { batch: Batch; its: Minute }[] = []
  /** Two times in turns, so far apart that they stay two losses. */
  const conflictAt = Math.floor(random() * minutes)
  let conflicts = 0
  const conflict = () => {
    const from = (conflictAt + 30 * (conflicts++ % 2)) % minutes
    return session(conflicts, { startTimeUs: at(from), endTimeUs: at(from + 1) })
  }
  const came = async ({ batch: its, its: minute }: (typeof late)[number]) => {
    await t.send('acme', meter.siteId, its)
    minute.came = true
    for (const { startTimeUs } of its.sessions) life[(startTimeUs - T0_US) / MINUTE_US]!.conflicts++
  }
  for (const [minute, its] of life.entries()) {
    t.nowUs = at(minute + 1)
    if (!running) {
      running = random() < 0.4
      if (running) {
        meter.start(at(minute))
        begun = minute
        packetsDropped = 0
      }
    }
    if (!running) continue
    its.alive = true
    const drops = minute >= dropAt
    if (drops) {
      dropAt = minutes
      packetsDropped = 7
      told = false
      for (const one of late) one.its.unsure = true
    }
    const loses = random() < 0.1
    const reason = LOSSES[Math.floor(random() * LOSSES.length)]!
    const span = { from: iso(at(minute)), to: iso(at(minute + 1)) }
    const gaps = loses ? [{ reason, sessions: 3, ...span }] : []
    const refuses = minute >= refuseAt
    if (refuses) {
      refuseAt = minutes
      const reason = NOT_STORED[Math.floor(random() * NOT_STORED.length)]!
      gaps.push({ reason, sessions: 3, from: span.to, to: span.to })
    }
    running = random() < 0.85
    const isLast = !running && random() < 0.5
    const wholeUntil = iso(at(isLast ? minute + 1 : Math.max(begun, minute + 1 - lag)))
    const change = { places: [place], packetsDropped, wholeUntil }
    const sessions = random() < 0.1 ? [conflict()] : []
    const made = { batch: meter.make(at(minute + 1), change, { gaps, sessions }), its }
    its.lossy ||= loses || drops
    // What was open when the batch before was made may be in this one.
    for (let past = Math.max(begun, minute - lag); refuses && past <= minute; past++)
      life[past]!.lossy = true
    // Where batches before it have not come yet, it may hold what was metered since the last that has.
    const last = life.slice(0, minute).findLastIndex((one) => one.came)
    for (let past = Math.max(0, last + 1 - lag); refuses && past <= minute; past++)
      life[past]!.unsure = true
    // A run that goes on may still report it.
    for (let past = Math.max(begun, minute - lag); past <= minute; past++)
      if (isLast || past === minute - lag) life[past]!.lag = minute - past
    const fate = random()
    if (fate >= 0.2) await came(made)
    else if (fate >= 0.1) late.push(made)
    // Until a report that came said so, the packets may have been dropped at any time since the one before.
    its.unsure ||= !told || before?.came === false
    if (fate >= 0.2) told = true
    if (random() < 0.3) for (const one of late.splice(0)) await came(one)
    before = its
  }
  for (const [minute, its] of life.entries()) {
    const until = its.lag === null ? null : minute + its.lag
    const isLossy = its.lossy || its.conflicts > 0
    its.metered =
      until !== null && !isLossy && life.slice(minute, until + 1).every((one) => one.came)
  }
  return life
}

const SEED = Number(process.env.TUNMETER_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Two of the three read one interface. */
test(`random lives of three meters: seed ${SEED}`, async () => {
  const random = randomOf(SEED)
  const minutes = 60
  const lives = new Map<string, Minute[]>()
  // The run is another meter's, so each record of it that a meter sends is refused.
  const replay = new SimulatedMeter('replay')
  await replay.report(at(0), { replay: 'finished' }, { sessions: [session(9999)] })
  for (const [meterId, place] of [
    ['m1', 'here'],
    ['m2', 'here'],
    ['m3', 'there'],
  ] as const)
    lives.set(meterId, await randomLife(new SimulatedMeter(meterId), place, random, minutes))
  t.nowUs = at(minutes + 11)
  for (const { meterId, holes } of (await ask(0, minutes, [1]))[0]!.meters) {
    const refused = holes.filter(({ reason }) => reason === 'sessionConflict')
    const known = lives.get(meterId ?? '')?.reduce((n, { conflicts }) => n + conflicts, 0)
    expect(refused.reduce((n, { sessions }) => n + sessions!, 0)).toBe(known ?? 0)
    expect(refused.length).toBeLessThanOrEqual(2)
  }
  const begun = new Map([...lives].map(([id, life]) => [id, life.findIndex(({ alive }) => alive)]))
  /** It had not begun, and another one had. */
  const isNotExpected = (meterId: string | null, minute: number): boolean => {
    const beganBy = (id: string) => begun.get(id) !== -1 && begun.get(id)! <= minute
    return !beganBy(meterId ?? '') && [...begun.keys()].some(beganBy)
  }
  for (let asked = 0; asked < 4; asked++) {
    const from = Math.floor(random() * 30)
    const to = from + 1 + Math.floor(random() * 30)
    const [site] = await ask(from, to, [1])
    for (const { meterId, untilUs, coveredUs, holes } of site!.meters) {
      const all = union(holes)
      const lost = all.reduce((n, h) => n + h.toUs - h.fromUs, 0)
      const beside = Array.from({ length: to - from }, (_, i) => from + i)
        .filter((minute) => isNotExpected(meterId, minute))
        .filter((m) => !holes.some((h) => h.fromUs <= at(m) && at(m + 1) <= h.toUs)).length
      expect(coveredUs + lost).toBe(at(to) - at(from) - beside * MINUTE_US)
      expect(untilUs).toBe(at(to))
      const life = lives.get(meterId ?? '')
      if (life === undefined) continue
      const twin = meterId === 'm3' ? undefined : lives.get(meterId === 'm1' ? 'm2' : 'm1')
      for (let minute = from; minute < to; minute++) {
        const { metered, unsure } = life[minute]!
        const other = twin?.[minute]
        const middle = at(minute + 0.5)
        const causes = holes
          .filter((h) => h.fromUs <= middle && middle < h.toUs)
          .map(({ cause }) => cause)
        const said = { meterId, minute, isHole: causes.length > 0 }
        // Completeness that is not there is never claimed.
        if (!metered && !isNotExpected(meterId, minute))
          expect(said).toEqual({ meterId, minute, isHole: true })
        if (metered && other?.metered === true) expect(causes).toContain('twoMeters')
        // Nor a hole where all came.
        if (metered && !unsure && other?.alive !== true)
          expect(said).toEqual({ meterId, minute, isHole: false })
      }
    }
  }
})
