/** Makes a failing history shorter while it still fails. */
import type { History } from './history.js'

/** Each takes as long as a history. */
const TRIES_MAX = 100

/** @param fails runs a history */
export async function shrunk(
  history: History,
  fails: (history: History) => Promise<boolean>,
): Promise<History> {
  let least = history
  let tries = 0
  for (let again = true; again; ) {
    again = false
    for (const shorter of shorterThan(least)) {
      if (++tries > TRIES_MAX) return least
      if (!(await fails(shorter))) continue
      least = shorter
      again = true
      break
    }
  }
  return least
}

function* shorterThan(history: History): Generator<History> {
  const { happenings, meters, asked, reopened } = history
  for (const i of happenings.keys()) yield { ...history, happenings: happenings.toSpliced(i, 1) }
  const last = meters.length - 1
  if (last > 0 && happenings.every(({ meter }) => meter !== last))
    yield { ...history, meters: meters.slice(0, -1) }
  for (const i of asked.keys()) yield { ...history, asked: asked.toSpliced(i, 1) }
  for (const i of reopened.keys()) yield { ...history, reopened: reopened.toSpliced(i, 1) }
  for (const [i, one] of happenings.entries())
    for (const n of [1, Math.floor(one.n / 2), one.n - 1])
      if (n > 0 && n < one.n) yield { ...history, happenings: happenings.with(i, { ...one, n }) }
  for (const minutes of [Math.floor(history.minutes / 2), history.minutes - 1])
    if (happenings.every(({ minute }) => minute < minutes) && minutes > 5)
      yield { ...history, minutes }
}

/** For a person. */
export function told({ seed, minutes, meters, happenings, asked, reopened }: History): string {
  return [
    `seed ${seed}, ${minutes} minutes`,
    ...meters.map(
      ({ site, from, activeTimeout }, i) =>
        `m${i + 1} is at site ${site} from ${from} on, --active-timeout ${activeTimeout}m`,
    ),
    ...happenings.map(({ minute, meter, what, n }) => `${minute}: m${meter + 1} ${what} ${n}`),
    ...asked.map((minute) => `${minute + 1}: the question`),
    ...reopened.map((minute) => `${minute + 1}: the server starts anew`),
  ].join('\n')
}
