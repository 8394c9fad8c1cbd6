/**
 * The spool: batches on disk between the meter and the server. See format.ts for the files and the promises.
 *
 * In: append() of a batch's body, made under the number the spool gives it. Out: next() for the shipper, then
 * confirm() or quarantine(). One process writes (lock); `tunmeter spool` may read and move batches meanwhile.
 *
 * Limit: `bytesMax` on disk for `batches`, `quarantineBytesMax` for the quarantine. At the bound the oldest goes, and what it
 * held becomes a pending gap that the next batch carries to the server.
 */
import { AppError } from '../../base/errors.js'
import type { BatchGap } from '../../session/batch.js'
import { Depth, type Tally } from './depth.js'
import {
  type BatchEntry,
  bodyMatches,
  diskBytes,
  entryOf,
  type Identity,
  type Life,
  parseEntry,
  parseTarget,
  type Refusal,
  type Target,
} from './format.js'
import { GapList, lossOf } from './gaps.js'
import { IdentityKeeper } from './identity.js'
import { newLife, putLife } from './life.js'
import type { DirectoryLock } from './lock.js'
import { RESERVE_BYTES, Reserve } from './reserve.js'
import type { StoreFile, Writer } from './store-file.js'

/** Below this much free space a batch must displace an older one instead of growing the file. */
const DISK_MARGIN_BYTES = 4 * RESERVE_BYTES

export interface SpoolLimits {
  readonly bytesMax: number
  readonly quarantineBytesMax: number
}

/** What append() needs of a made batch. */
export interface MadeBatch {
  readonly body: Uint8Array
  readonly textBytes: number
  readonly sessions: number
  readonly peerEvents: number
  readonly fromUs: number
  readonly toUs: number
}

export interface SpooledBatch {
  readonly number: number
  readonly entry: BatchEntry
  readonly body: Uint8Array
}

export interface SpoolDepth extends Tally {
  /** When the oldest waiting batch was made; null when none waits. */
  readonly oldestMs: number | null
}

/** `make` is called with the batch's number, the gaps it has to carry, and whose number it is. */
export type MakeBatch = (
  number: number,
  gaps: readonly BatchGap[],
  life: Life | null,
) => Promise<MadeBatch>

export interface SpoolParts {
  readonly directory: string
  readonly store: StoreFile
  readonly lock: DirectoryLock
  readonly limits: SpoolLimits
  readonly identity: Identity
  readonly nextBatch: number
  readonly life: Life | null
  /** Losses found while opening. */
  readonly gaps: readonly BatchGap[]
  /** Called for every loss, once, with what is in the gap. */
  readonly onLoss: (gap: BatchGap) => void
  readonly nowMs: () => number
}

export class Spool {
  readonly directory: string
  readonly limits: SpoolLimits
  readonly #store: StoreFile
  readonly #lock: DirectoryLock
  readonly #onLoss: (gap: BatchGap) => void
  readonly #nowMs: () => number
  readonly #gaps: GapList
  readonly #identity: IdentityKeeper
  readonly #depth: Depth
  readonly #reserve: Reserve
  readonly #inFlight = new Set<number>()
  #nextBatch: number
  #life: Life | null
  /** The first number of this process. */
  readonly firstOfRun: number
  #lastWrite: Promise<unknown> = Promise.resolve()
  #changed: () => void = () => undefined
  #closed = false

  /** Use openSpool() (open.ts). */
  constructor(parts: SpoolParts) {
    this.directory = parts.directory
    this.limits = parts.limits
    this.#store = parts.store
    this.#lock = parts.lock
    this.#onLoss = parts.onLoss
    this.#nowMs = parts.nowMs
    this.#identity = new IdentityKeeper(parts.directory, parts.identity, parts.nowMs)
    this.#depth = new Depth(parts.store)
    this.#reserve = new Reserve(parts.directory)
    this.#nextBatch = parts.nextBatch
    this.firstOfRun = parts.nextBatch
    this.#life = parts.life
    this.#gaps = new GapList([...parts.store.gaps.getRange()].map(({ value }) => value))
    for (const gap of parts.gaps) this.lost(gap)
  }

  get meterId(): string {
    return this.#identity.meterId
  }

  /** The number that the next batch gets. */
  get nextBatch(): number {
    return this.#nextBatch
  }

  /** Called whenever there may be something to send. One listener: the shipper. */
  onChange(listener: () => void): void {
    this.#changed = listener
  }

  /** On disk and waiting, without what other processes have changed since depth(). */
  get waitingBytes(): number {
    return this.#depth.tally.bytes
  }

  depth(): SpoolDepth {
    if (this.#depth.noticeOtherProcesses()) this.#changed()
    const [first] = this.#store.batches.getRange({ limit: 1 })
    const oldest = first === undefined ? null : parseEntry(first.value)
    return { ...this.#depth.tally, oldestMs: oldest?.madeAtMs ?? null }
  }

  /** A loss outside the spool (a full record queue, a failed disk): the next batch carries it. */
  lost(gap: BatchGap): void {
    this.#gaps.add(gap)
    this.#onLoss(gap)
  }

  get pendingGaps(): readonly BatchGap[] {
    return this.#gaps.list()
  }

  /**
   * Durable when it resolves to the batch's number.
   * @throws AppError SPOOL_WRITE_FAILED: nothing was stored and the number was not used.
   */
  append(make: MakeBatch): Promise<number> {
    return this.#serially(() => this.#append(make))
  }

  async #append(make: MakeBatch): Promise<number> {
    const number = this.#nextBatch
    const carried = this.#gaps.take()
    try {
      const made = await make(number, carried, this.#life)
      const entry = this.#entryOf(made, carried)
      await this.#makeRoom(diskBytes(entry))
      await this.#store.write((w) => {
        w.put(this.#store.batches, number, entry)
        w.put(this.#store.bodies, number, Buffer.from(made.body))
        w.put(this.#store.meta, 'nextBatch', number + 1)
        this.#saveGaps(w, this.#gaps.untaken())
      })
      // Belt and braces: the promise of this class hangs on a library's word for "committed".
      if (this.#store.meta.get('nextBatch') !== number + 1) {
        throw new AppError('SPOOL_WRITE_FAILED', 'the spool did not keep what was committed')
      }
      this.#gaps.settle()
      this.#nextBatch = number + 1
      this.#depth.waiting(entry, 1)
    } catch (error) {
      this.#gaps.putBack()
      throw error
    }
    this.#identity.note(() => this.#unsent())
    this.#changed()
    return number
  }

  /**
   * The oldest (or newest) batch that is not in flight; it is in flight until confirm(), quarantine() or release().
   * A batch whose body is damaged is dropped and counted instead.
   */
  async next(which: 'oldest' | 'newest' = 'oldest'): Promise<SpooledBatch | null> {
    for (;;) {
      const found = this.#find(which)
      if (found === null) return null
      const body = this.#store.bodies.get(found.number)
      if (found.entry !== null && bodyMatches(found.entry, body)) {
        this.#inFlight.add(found.number)
        return { number: found.number, entry: found.entry, body }
      }
      await this.#serially(() => this.#drop(found.number, found.entry, 'spoolDamaged'))
    }
  }

  #find(which: 'oldest' | 'newest'): { number: number; entry: BatchEntry | null } | null {
    for (const { key, value } of this.#store.batches.getRange({ reverse: which === 'newest' })) {
      if (!this.#inFlight.has(key)) return { number: key, entry: parseEntry(value) }
    }
    return null
  }

  /** Not sent after all; it will be next() again. */
  release(number: number): void {
    this.#inFlight.delete(number)
    this.#changed()
  }

  /** The server has it. */
  confirm(number: number): Promise<void> {
    return this.#serially(async () => {
      const entry = parseEntry(this.#store.batches.get(number))
      await this.#store.write((w) => {
        w.remove(this.#store.batches, number)
        w.remove(this.#store.bodies, number)
      })
      this.#inFlight.delete(number)
      if (entry !== null) this.#depth.waiting(entry, -1)
      this.#identity.note(() => this.#unsent())
    })
  }

  /** The server refuses it (or, with `made`, the sessions in it) for good: kept apart for an operator. */
  quarantine(number: number, reason: Refusal, made?: MadeBatch): Promise<void> {
    return this.#serially(async () => {
      const before = parseEntry(this.#store.batches.get(number))
      if (before === null) return
      const entry = { ...(made === undefined ? before : this.#entryOf(made, [])), refusal: reason }
      await this.#makeQuarantineRoom(diskBytes(entry))
      await this.#store.write((w) => {
        w.remove(this.#store.batches, number)
        w.put(this.#store.quarantine, number, entry)
        if (made !== undefined) w.put(this.#store.bodies, number, Buffer.from(made.body))
      })
      this.#inFlight.delete(number)
      this.#depth.waiting(before, -1)
      this.#depth.quarantine(entry, 1)
    })
  }

  /**
   * Replaces a batch by smaller ones under new numbers (the server takes no body of its size). Its own number is
   * reported as used up: a gap without sessions.
   */
  split(number: number, parts: readonly MakeBatch[]): Promise<void> {
    return this.#serially(async () => {
      const before = parseEntry(this.#store.batches.get(number))
      if (before === null) return
      const first = this.#nextBatch
      const usedUp = lossOf('split', { ...before, sessions: 0 }, number)
      const made: { entry: BatchEntry; body: Uint8Array }[] = []
      for (const [i, make] of parts.entries()) {
        const gaps = i === 0 ? [...before.gaps, usedUp] : []
        const part = await make(first + i, gaps, this.#life)
        made.push({ entry: this.#entryOf(part, gaps), body: part.body })
      }
      await this.#store.write((w) => {
        for (const [i, { entry, body }] of made.entries()) {
          w.put(this.#store.batches, first + i, entry)
          w.put(this.#store.bodies, first + i, Buffer.from(body))
        }
        w.put(this.#store.meta, 'nextBatch', first + made.length)
        w.remove(this.#store.batches, number)
        w.remove(this.#store.bodies, number)
      })
      this.#nextBatch = first + made.length
      this.#inFlight.delete(number)
      this.#depth.waiting(before, -1)
      for (const { entry } of made) this.#depth.waiting(entry, 1)
      this.#changed()
    })
  }

  /**
   * Gives a batch a new number under a new spoolId: the server has another one under its identity, so the file is one
   * that was restored or copied. Batches of the old spoolId that wait stay as they are: the server may have them.
   */
  renumber(number: number, make: MakeBatch): Promise<void> {
    return this.#serially(async () => {
      const before = parseEntry(this.#store.batches.get(number))
      if (before === null) return
      const next = this.#nextBatch
      const isShared = this.#life === null || before.spoolId === this.#life.spoolId
      const life = isShared ? newLife(next) : this.#life
      const made = await make(next, before.gaps, life)
      const entry = {
        ...entryOf(made, before.gaps, before.madeAtMs, life),
        renumbered: true as const,
      }
      await this.#store.write((w) => {
        w.put(this.#store.batches, next, entry)
        w.put(this.#store.bodies, next, Buffer.from(made.body))
        w.put(this.#store.meta, 'nextBatch', next + 1)
        putLife(w, this.#store, life!)
        w.remove(this.#store.batches, number)
        w.remove(this.#store.bodies, number)
      })
      this.#life = life
      this.#nextBatch = next + 1
      this.#inFlight.delete(number)
      this.#depth.waiting(before, -1)
      this.#depth.waiting(entry, 1)
      this.#changed()
    })
  }

  target(): Target | null {
    return parseTarget(this.#store.meta.get('target'))
  }

  setTarget(target: Target): Promise<void> {
    return this.#serially(() => this.#store.write((w) => w.put(this.#store.meta, 'target', target)))
  }

  /** Saves what is only in memory and lets the directory go. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#lastWrite.catch(() => undefined)
    // A full disk must not keep the process from ending: the gaps in memory are then lost, the batches are not.
    await this.#store.write((w) => this.#saveGaps(w, this.#gaps.list())).catch(() => undefined)
    try {
      this.#identity.save({ unsent: this.#unsent() })
    } finally {
      await this.#store.close()
      this.#lock.release()
    }
  }

  /** Serialises writers: numbers are assigned and committed in order. */
  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lastWrite.then(work)
    this.#lastWrite = result.catch(() => undefined)
    return result
  }

  #entryOf(made: MadeBatch, gaps: readonly BatchGap[]): BatchEntry {
    return entryOf(made, gaps, this.#nowMs(), this.#life)
  }

  #saveGaps(writer: Writer, gaps: readonly BatchGap[]): void {
    for (const key of this.#store.gaps.getKeys()) writer.remove(this.#store.gaps, key)
    for (const [i, gap] of gaps.entries()) writer.put(this.#store.gaps, i, gap)
  }

  async #makeRoom(bytes: number): Promise<void> {
    await this.#shrinkTo(Math.max(0, this.limits.bytesMax - bytes), 'spoolFull')
    const free = this.#reserve.freeBytes()
    if (free >= bytes + DISK_MARGIN_BYTES) {
      this.#reserve.keep()
      return
    }
    // The disk is full of other things. Pages that deleted batches leave are used again, so the newest still fits
    // where older ones were; what was confirmed since counts too, but how much of it is left LMDB does not tell.
    this.#reserve.giveUpBelow(free)
    await this.#shrinkTo(Math.max(0, this.#depth.tally.bytes - bytes), 'diskFull')
  }

  async #shrinkTo(bytes: number, reason: string): Promise<void> {
    while (this.#depth.tally.bytes > bytes) {
      const oldest = this.#find('oldest')
      if (oldest === null) return
      await this.#drop(oldest.number, oldest.entry, reason)
    }
  }

  async #makeQuarantineRoom(bytes: number): Promise<void> {
    while (this.#depth.tally.quarantinedBytes + bytes > this.limits.quarantineBytesMax) {
      const [first] = this.#store.quarantine.getRange({ limit: 1 })
      if (first === undefined) return
      await this.#drop(first.key, parseEntry(first.value), 'quarantineFull')
    }
  }

  async #drop(number: number, entry: BatchEntry | null, reason: string): Promise<void> {
    const fromQuarantine = this.#store.batches.get(number) === undefined
    const loss = lossOf(reason, entry, number)
    // What the batch should have carried is to be carried again.
    const freed = entry?.gaps ?? []
    await this.#store.write((w) => {
      w.remove(fromQuarantine ? this.#store.quarantine : this.#store.batches, number)
      w.remove(this.#store.bodies, number)
      this.#saveGaps(w, [...this.#gaps.list(), ...freed, loss])
    })
    this.#inFlight.delete(number)
    if (entry === null) this.#depth.recount()
    else if (fromQuarantine) this.#depth.quarantine(entry, -1)
    else this.#depth.waiting(entry, -1)
    for (const gap of freed) this.#gaps.add(gap)
    this.lost(loss)
  }

  #unsent(): Identity['unsent'] {
    return {
      sessions: this.#depth.tally.sessions,
      fromUs: this.#firstWithSessions(false)?.fromUs ?? 0,
      toUs: this.#firstWithSessions(true)?.toUs ?? 0,
    }
  }

  /** Reports without sessions have no times of their own. */
  #firstWithSessions(reverse: boolean): BatchEntry | null {
    for (const { value } of this.#store.batches.getRange({ reverse })) {
      const entry = parseEntry(value)
      if (entry !== null && entry.sessions > 0) return entry
    }
    return null
  }
}
