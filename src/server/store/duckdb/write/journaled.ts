/**
 * Batches that were acknowledged and are not in the database: in the journal (journal.ts) and in memory, until they are.
 *
 * What the database refuses stays and is tried again with the next group and read, and when the store is opened; then
 * what is refused by a database that takes others is set aside (journal.refused). Until all are taken nothing more is
 * journaled: the file is cut back when all of it is in the database, and until it can be, it does not grow.
 *
 * Limit: JOURNAL_SESSIONS_MAX.
 */
import { join } from 'node:path'
import { countUpTo } from './batch-queue.js'
import type { SiteBatch } from './group-commit.js'
import { Journal, type Leftovers } from './journal.js'
import { type Booking, compared } from './lives.js'

/**
 * A long fold (1.2 s was met) of 40,000 a second. They are in memory until they are in the database, and written twice,
 * which costs a third more: who sends more may wait.
 */
export const JOURNAL_SESSIONS_MAX = 48_000
/** Journaled ones in one transaction; batches that wait come between two. */
export const APPLY_SESSIONS_MAX = 6000

/** What a journaled batch needs of GroupCommit. */
export interface Committer {
  fateOf(given: SiteBatch): Booking
  commitAnyOf(group: readonly SiteBatch[]): Promise<SiteBatch[]>
}

export class JournaledBatches {
  readonly #journal: Journal
  readonly #groups: Committer
  #batches: SiteBatch[] = []
  /** Their sessions, and one more for each. */
  #size = 0
  /** The checksum of each number. */
  readonly #numbers = new Map<string, number | undefined>()
  /** All of them, when that was tried last. */
  #taken = true
  #whenApplied: (() => void)[] = []
  #count = 0

  private constructor(journal: Journal, groups: Committer) {
    this.#journal = journal
    this.#groups = groups
  }

  /** What the journal holds is in the database afterwards, or set aside. */
  static async open(
    directory: string,
    groups: Committer,
  ): Promise<{ journaled: JournaledBatches; leftovers: Leftovers; refusedBatches: number }> {
    const { journal, leftovers } = await Journal.open(join(directory, 'journal'))
    const refused = await groups.commitAnyOf(leftovers.batches)
    if (refused.length > 0) await setAside(join(directory, 'journal.refused'), refused)
    await journal.clear()
    const journaled = new JournaledBatches(journal, groups)
    return { journaled, leftovers, refusedBatches: refused.length }
  }

  get bytes(): number {
    return this.#journal.bytes
  }

  /** Since the store was opened. */
  get count(): number {
    return this.#count
  }

  /** Nothing is added while the database does not take what is there. */
  get takesMore(): boolean {
    return this.#taken
  }

  /** Sessions for which there is room. */
  get room(): number {
    return JOURNAL_SESSIONS_MAX - this.#size
  }

  /** Somebody waits for them, or they have not been tried. */
  get areDue(): boolean {
    return this.#whenApplied.length > 0 || (this.#taken && this.#batches.length > 0)
  }

  /** Resolves when apply() was tried; null when there is nothing to wait for. */
  applied(): Promise<void> | null {
    if (this.#batches.length === 0) return null
    return new Promise((resolve) => this.#whenApplied.push(resolve))
  }

  /**
   * Resolves when they are durable.
   * @returns those that are not written, as their numbers were committed or journaled before
   * @throws when none of them is kept
   */
  async add(group: readonly SiteBatch[]): Promise<ReadonlyMap<SiteBatch, Booking>> {
    const [fresh, known] = this.#unknownOf(group)
    if (fresh.length > 0) await this.#journal.append(fresh)
    for (const given of fresh) {
      this.#batches.push(given)
      this.#note(given)
    }
    this.#count += fresh.length
    return known
  }

  /** @returns those that were neither committed nor journaled, and the others */
  #unknownOf(group: readonly SiteBatch[]): [SiteBatch[], Map<SiteBatch, Booking>] {
    const known = new Map<SiteBatch, Booking>()
    const numbers = new Map<string, number | undefined>()
    const fresh = group.filter((given) => {
      if (given.batch === null) return true
      const number = numberOf(given)
      const { crc } = given.batch
      const here = [numbers, this.#numbers].find((some) => some.has(number))
      const fate = here === undefined ? this.#groups.fateOf(given) : compared(here.get(number), crc)
      if (fate !== 'fresh') known.set(given, fate)
      else numbers.set(number, crc)
      return fate === 'fresh'
    })
    return [fresh, known]
  }

  /**
   * Into the database, a part at a time; what it does not take now stays.
   * @param between two parts
   */
  async apply(between: () => Promise<void>): Promise<void> {
    this.#taken = await this.#tryToApply(between)
  }

  async #tryToApply(between: () => Promise<void>): Promise<boolean> {
    if (this.#batches.length === 0) return true
    const left = [...this.#batches]
    const refused: SiteBatch[] = []
    try {
      while (left.length > 0) {
        const sizeOf = (given: SiteBatch) => given.sessions.length
        const some = left.slice(0, countUpTo(left, sizeOf, APPLY_SESSIONS_MAX, 1))
        refused.push(...(await this.#groups.commitAnyOf(some)))
        left.splice(0, some.length)
        if (left.length > 0) await between()
      }
    } catch {
      return false
    } finally {
      this.#set([...refused, ...left])
      for (const resolve of this.#whenApplied.splice(0)) resolve()
    }
    if (refused.length > 0) return false
    await this.#journal.clear()
    return true
  }

  async close(): Promise<void> {
    await this.#journal.close()
  }

  #set(batches: SiteBatch[]): void {
    this.#batches = batches
    this.#numbers.clear()
    this.#size = 0
    for (const given of batches) this.#note(given)
  }

  #note(given: SiteBatch): void {
    this.#numbers.set(numberOf(given), given.batch?.crc)
    this.#size += given.sessions.length + 1
  }
}

/** To be looked at; as `journal` it is tried again. */
async function setAside(path: string, batches: readonly SiteBatch[]): Promise<void> {
  const { journal } = await Journal.open(path)
  try {
    await journal.append(batches)
  } finally {
    await journal.close()
  }
}

function numberOf({ orgId, siteId, batch }: SiteBatch): string {
  return `${orgId}/${siteId}/${batch?.meterId}/${batch?.spoolId ?? ''}/${batch?.batch}`
}
