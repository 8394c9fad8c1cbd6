/** Records a batch in the ledger: its number, its report, and what it says of losses. */
import { isoToUs } from '../../../base/instant.js'
import type { WriteRequest } from '../store.js'
import {
  type Arrived,
  type Booking,
  beginsAnew,
  expectHalves,
  explainMissing,
  fateOf,
  inTurns,
  isNewest,
  type Life,
  markSeen,
  numbersOf,
  reaches,
  returned,
  timesBelow,
} from './lives.js'
import { notStoredIn, timesOf } from './losses.js'
import type { Meter } from './meter.js'
import type { Meters, SavedMeter } from './meters.js'

type Batched = WriteRequest['batch']

export interface NumberedBatch extends Pick<WriteRequest, 'orgId' | 'siteId' | 'batch'> {
  readonly receivedUs: number
}

/** @param changed gets the meter and its life if the batch is fresh */
export function book(
  meters: Meters,
  { orgId, siteId, batch, receivedUs }: NumberedBatch,
  changed: SavedMeter,
): Booking {
  const meter =
    meters.get(orgId, siteId, batch.meterId) ??
    meters.create({ orgId, siteId, meterId: batch.meterId }, batch.report, receivedUs)
  const startedUs = isoToUs(batch.report.startedAt)
  const firstBatch = batch.firstBatch ?? 1
  const spoolId = batch.spoolId ?? ''
  const before = meter.lives.has(spoolId) ? undefined : lifeBefore(meter, batch)
  const life = meters.lifeOf(meter, spoolId, firstBatch, startedUs)
  const fate = fateOf(life, batch)
  if (fate !== 'fresh') return fate
  const anew = beginsAnew(life, batch)
  const newest = anew || isNewest(life, batch)
  const times = timesOf(life, batch, receivedUs)
  const ranges = changed.get(meter) ?? new Map<typeof life, boolean>()
  changed.set(meter, ranges)
  if (anew) {
    meters.restart(meter, life, firstBatch, startedUs)
    ranges.set(life, true)
  }
  if (before !== undefined) {
    const changes = reaches(before, firstBatch - 1, timesBelow(before, batch, receivedUs))
    if (changes || !ranges.has(before)) ranges.set(before, changes)
  }
  ranges.set(life, markSeen(life, batch, receivedUs, batch.crc) || ranges.get(life) === true)
  for (const gap of batch.gaps) {
    const its =
      gap.spoolId === undefined
        ? life
        : meters.lifeOf(meter, gap.spoolId, gap.fromBatch ?? 1, startedUs)
    if (explainMissing(its, gap)) ranges.set(its, true)
    else if (numbersOf(gap) === null) meters.addLoss(meter, notStoredIn(gap, times))
  }
  if (expectHalves(life, batch)) ranges.set(life, true)
  meters.notePlaces(meter, life, batch.report)
  if (!newest) meters.noteLate(meter, life, batch.report, receivedUs)
  else {
    meters.note(meter, life, batch.report, receivedUs)
    meters.hear(meter, life, batch.report, receivedUs)
  }
  return fate
}

/**
 * The life whose numbers a new one continues: a meter gives a batch the next number under a new spoolId if the server has
 * another batch under the old one, and what waits keeps the old spoolId.
 */
function lifeBefore(
  { lives, spoolId }: Meter,
  { firstBatch = 1, report }: Batched,
): Life | undefined {
  if (firstBatch === 1 || report.replay !== undefined) return undefined
  const startedUs = isoToUs(report.startedAt)
  const ofRun = [...lives.values()]
    .filter(({ runStartedUs, receivedUs }) => runStartedUs === startedUs && receivedUs > 0)
    .sort((a, b) => b.receivedUs - a.receivedUs)
  const newest = lives.get(spoolId)
  return ofRun.find((life) => life === newest) ?? ofRun[0] ?? newest
}

/**
 * The spool of a batch that arrives now.
 * @param lives the spools of its meter
 * @returns the spool, and whether another one is in use at the same time
 */
export function arrivalOf(
  { spoolId = '' }: WriteRequest['batch'],
  lives: readonly Arrived[],
  receivedUs: number,
): { readonly life: Arrived; readonly twoLives: boolean } {
  const before = lives.find((life) => life.spoolId === spoolId)
  const known = before ?? { spoolId, receivedUs: 0, returnedUs: 0 }
  const life = { spoolId, receivedUs, returnedUs: returned(known, lives, receivedUs) }
  const others = lives.filter((other) => other !== before)
  return { life, twoLives: inTurns([...others, life], receivedUs).includes(life) }
}
