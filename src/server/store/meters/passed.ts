/** The times that passed on a meter's clock between two of its reports, also if it was set back meanwhile. */
import { isoToUs } from '../../../base/instant.js'
import type { MeterReport } from '../../../session/batch.js'
import { TIME_US_MAX, TIME_US_MIN } from '../../../session/bounds.js'
import type { Span } from '../store.js'

/** What is known of a spool's newest report (Life). */
interface Heard {
  readonly runStartedUs: number
  readonly reportedUs: number
  readonly wholeUs: number
  readonly uptimeMs: number | null
  readonly receivedUs: number
}

/** A clock that is further behind the time since the boot than this was set back. NTP slews by less in a minute. */
const CLOCK_JITTER_US = 1e6

/** Times that passed on the meter's clock. */
export interface Passed extends Span {
  readonly setBack: boolean
}

/**
 * The times on the meter's clock that passed since the newest report of the life. After a clock that was set back by an
 * unknown time, the whole run may be meant, and the old clock went on at most until the report came.
 */
export function passedSince(life: Heard, report: MeterReport, nowUs: number): Passed {
  const { fromUs, toUs, setBack } = passedBy(life, report, nowUs)
  // A meter may report any times, also since its boot, and the store must be able to hold their sums.
  return { fromUs: Math.max(TIME_US_MIN, fromUs), toUs: Math.min(TIME_US_MAX, toUs), setBack }
}

function passedBy(life: Heard, report: MeterReport, nowUs: number): Passed {
  const { startedAt, at, uptimeMs } = report
  const start = { atUs: isoToUs(startedAt), uptimeMs: uptimeMs?.startedAt ?? null }
  const end = { atUs: isoToUs(at), uptimeMs: uptimeMs?.at ?? null }
  const heard = { atUs: life.reportedUs, uptimeMs: life.uptimeMs }
  const isFirst = life.receivedUs === 0
  const goesOn = !isFirst && start.atUs === life.runStartedUs
  const moments = [...(isFirst ? [] : [heard]), ...(goesOn ? [] : [start]), end]
  const longestUs = Math.max(0, nowUs - (isFirst ? start.atUs : life.receivedUs))
  const steps = moments.slice(1).map((to, i) => stepOf(moments[i]!, to, start.atUs, longestUs))
  return {
    fromUs: Math.min(isFirst ? life.runStartedUs : life.wholeUs, ...steps.map((s) => s.fromUs)),
    toUs: Math.max(...steps.map((s) => s.toUs)),
    setBack: steps.some((s) => s.setBack),
  }
}

/** A time by the meter's clock, and since the machine's boot, if that is known. */
interface Moment {
  readonly atUs: number
  readonly uptimeMs: number | null
}

/**
 * The times between two moments. A clock that was set back passed over them twice: on until it was set, and again.
 * @param longestUs at most so long, if the time since the boot does not tell
 */
function stepOf(from: Moment, to: Moment, startedUs: number, longestUs: number): Passed {
  const upUs = from.uptimeMs === null || to.uptimeMs === null ? -1 : to.uptimeMs - from.uptimeMs
  // A boot in between makes it negative.
  const elapsedUs = upUs < 0 ? to.atUs - from.atUs : upUs * 1e3
  if (elapsedUs < 0)
    return { fromUs: Math.min(startedUs, to.atUs), toUs: from.atUs + longestUs, setBack: true }
  const isBack = from.atUs + elapsedUs - to.atUs >= CLOCK_JITTER_US
  if (!isBack) return { fromUs: from.atUs, toUs: to.atUs, setBack: false }
  return { fromUs: to.atUs - elapsedUs, toUs: from.atUs + elapsedUs, setBack: true }
}

/**
 * The times of both clocks, if it was set back before the report's run began. Null: it was not, or only the clock tells.
 * @param life of the run before
 */
export function setBackBefore(life: Heard, report: MeterReport): Span | null {
  const { reportedUs, uptimeMs, wholeUs } = life
  const start = {
    atUs: isoToUs(report.startedAt),
    uptimeMs: report.uptimeMs?.startedAt ?? null,
  }
  const { fromUs, toUs, setBack } = stepOf({ atUs: reportedUs, uptimeMs }, start, start.atUs, 0)
  return setBack && toUs > reportedUs ? { fromUs: Math.min(wholeUs, fromUs), toUs } : null
}
