/**
 * What was in a log when, as far as who changes it can know: the slow twin of whatever reads it meanwhile.
 *
 * Time is counted in events. A change is under way from its beginning to its end, and was made at some moment between
 * the two; so a version of a session *may* be read from the beginning of the change that made it to the end of that
 * which replaced it, and *must* be there from the end of the former to the beginning of the latter.
 */
import type { LogFilter, SortKey } from '../../src/server/store/store.js'

export type State = 'open' | 'ended' | 'interrupted'

/** One session at one time: what a test of exports looks at. */
export interface Version {
  readonly id: string
  readonly siteId: number
  readonly startUs: number
  readonly endUs: number
  readonly clientId: number | null
  readonly bytes: number
  readonly packets: number
  readonly state: State
}

interface Lived extends Version {
  readonly text: string
  readonly mayFrom: number
  mustFrom: number
  mustTo: number
  mayTo: number
}

interface Life {
  readonly versions: Lived[]
  /** When it was first being deleted; it is never changed again. */
  leaving: number
}

export interface Read {
  readonly rows: readonly Version[]
  /** Events. */
  readonly from: number
  readonly to: number
  readonly matches: (version: Version) => boolean
  /** All rows are of one moment of it. */
  readonly oneMoment: boolean
  /** Only sessions for which this never changes must be in it. */
  readonly place: (version: Version) => number
}

/** So that two versions of a session differ. */
export function textOf(v: Version): string {
  return JSON.stringify([v.siteId, v.startUs, v.endUs, v.clientId, v.bytes, v.packets, v.state])
}

export class LogHistory {
  readonly #lives = new Map<string, Life>()
  #now = 0
  #expiringUs = 0

  get now(): number {
    return this.#now
  }

  /** Sessions that nothing deletes, as they are last. */
  get living(): Version[] {
    return this.#last((life) => life.leaving === Infinity)
  }

  /** Those that may be there. */
  get possible(): Version[] {
    return this.#last(({ versions }) => versions.at(-1)!.mayTo === Infinity)
  }

  #last(of: (life: Life) => boolean): Version[] {
    return [...this.#lives.values()].filter(of).map((life) => life.versions.at(-1)!)
  }

  /** Sessions get these versions. @returns to be called when it is done */
  change(versions: readonly Version[]): () => void {
    const now = ++this.#now
    const lived = versions.map((version): Lived => {
      const of = { ...version, text: textOf(version), mayFrom: now, mustFrom: Infinity }
      return { ...of, mustTo: Infinity, mayTo: Infinity }
    })
    const replaced: Lived[] = []
    for (const version of lived) {
      const life = this.#lives.get(version.id) ?? { versions: [], leaving: Infinity }
      this.#lives.set(version.id, life)
      const before = life.versions.at(-1)
      if (before !== undefined) replaced.push(before)
      if (before !== undefined) before.mustTo = now
      life.versions.push(version)
      if (this.#isExpiring(life)) life.leaving = Math.min(life.leaving, now)
    }
    return () => {
      const end = ++this.#now
      for (const version of lived) version.mustFrom = end
      for (const version of replaced) version.mayTo = end
    }
  }

  /** Deletes what ended before. @returns to be called when it is done */
  expire(beforeUs: number): () => void {
    const now = ++this.#now
    this.#expiringUs = beforeUs
    const sure: Lived[] = []
    for (const life of this.#lives.values()) {
      if (life.leaving !== Infinity || !this.#isExpiring(life)) continue
      life.leaving = now
      const last = life.versions.at(-1)!
      if (last.mustFrom !== Infinity) sure.push(last)
    }
    return () => {
      const end = ++this.#now
      this.#expiringUs = 0
      for (const version of sure) version.mayTo = end
    }
  }

  /** Perhaps: what may still be changing counts as it was and as it will be. */
  #isExpiring({ versions }: Life): boolean {
    const last = versions.at(-1)!
    const before = last.mustFrom === Infinity ? versions.at(-2) : undefined
    return [last, before].some(
      (v) => v !== undefined && v.startUs < this.#expiringUs && v.endUs < this.#expiringUs,
    )
  }

  /** @returns what is wrong with it */
  faultsOf(read: Read): string[] {
    const faults: string[] = []
    const found = new Map<string, Lived>()
    for (const row of read.rows) {
      const { id } = row
      const text = textOf(row)
      const lived = this.#lives.get(id)?.versions ?? []
      const then = lived.filter((v) => v.mayFrom <= read.to && v.mayTo >= read.from)
      const version = then.find((v) => v.text === text)
      if (found.has(id)) faults.push(`${id} twice`)
      else if (version === undefined)
        faults.push(`${id} was never ${text} from ${read.from} to ${read.to}: ${shown(lived)}`)
      else if (!read.matches(version)) faults.push(`${id} matches nothing: ${text}`)
      if (version !== undefined) found.set(id, version)
    }
    for (const [id, life] of this.#lives) {
      if (!found.has(id) && isThroughout(life, read))
        faults.push(`${id} is missing from ${read.from} to ${read.to}: ${shown(life.versions)}`)
    }
    if (read.oneMoment && faults.length === 0 && !this.#isOneMoment(read, found))
      faults.push('it was never so at one moment')
    return faults
  }

  #isOneMoment(read: Read, found: ReadonlyMap<string, Lived>): boolean {
    const versions = [...found.values()]
    const first = versions.reduce((at, v) => Math.max(at, v.mayFrom), read.from)
    const last = versions.reduce((at, v) => Math.min(at, v.mayTo), read.to)
    const missing = [...this.#lives]
      .filter(([id]) => !found.has(id))
      .flatMap(([, life]) =>
        life.versions
          .filter(read.matches)
          .map((v) => [v.mustFrom, Math.min(v.mustTo, life.leaving)]),
      )
    for (let at = first; at <= last; at++)
      if (!missing.some(([from, to]) => from! <= at && at < to!)) return true
    return false
  }
}

/** It was there, under the filter and in its place, from before the beginning to after the end. */
function isThroughout({ versions, leaving }: Life, { from, to, matches, place }: Read): boolean {
  const then = versions.filter((v) => v.mayFrom <= to && v.mayTo >= from)
  if (leaving <= to || then.length === 0 || versions[0]!.mustFrom > from) return false
  return then.every(matches) && new Set(then.map(place)).size === 1
}

function shown(versions: readonly Lived[]): string {
  return versions
    .map((v) => `${v.text} may ${v.mayFrom}..${v.mayTo} must ${v.mustFrom}..${v.mustTo}`)
    .join('; ')
}

export function matcher(filter: LogFilter): (version: Version) => boolean {
  return (v) =>
    v.startUs >= filter.fromUs &&
    v.startUs < filter.toUs &&
    (filter.clientIds?.includes(v.clientId) ?? true) &&
    (filter.siteIds?.includes(v.siteId) ?? true) &&
    (filter.minBytes === undefined || v.bytes >= filter.minBytes) &&
    (filter.state === undefined ||
      filter.state === v.state ||
      // What nothing reports any more has ended, as far as anybody can know.
      (filter.state === 'ended' && v.state === 'interrupted'))
}

export function placeBy(key: SortKey): (version: Version) => number {
  if (key === 'startTime') return (v) => v.startUs
  return key === 'duration' ? (v) => v.endUs - v.startUs : (v) => v.bytes
}
