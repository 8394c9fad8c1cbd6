/**
 * The spool: batches on disk between the meter and the server. See format.ts for the files and the promises.
 *
 * append() assigns a number, makes the batch and stores it. The shipper takes a batch with next(), then calls
 * confirm() or quarantine(). The lock admits one meter; `tunmeter spool` may read and move batches meanwhile.
 *
 * Limit: `bytesMax` on disk for `batches`, `quarantineBytesMax` for the quarantine. At the bound the oldest batch is
 * dropped, and its loss becomes a pending gap that the next batch carries to the server.
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

/** With less free space than this beyond its size, a batch displaces older ones instead of growing the file. */
const DISK_MARGIN_BYTES = 4 * RESERVE_BYTES

export interface SpoolLimits {
  readonly bytesMax: number
  readonly quarantineBytesMax: number
}

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

/** Makes a batch under this number of the series `life`; the body must carry `gaps`. */
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
  /** Called once for each loss. */
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
  /** The first batch number of this run; batches of earlier runs have smaller ones. */
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

  /** Disk space of the waiting batches; changes by other processes count only after the next depth(). */
  get waitingBytes(): number {
    return this.#depth.tally.bytes
  }

  depth(): SpoolDepth {
    if (this.#depth.noticeOtherProcesses()) this.#changed()
    const [first] = this.#store.batches.getRange({ limit: 1 })
    const oldest = first === undefined ? null : parseEntry(first.value)
    return { ...this.#depth.tally, oldestMs: oldest?.madeAtMs ?? null }
  }

  /** Records a loss (a dropped batch, a full record queue, a failed disk); the next batch carries it. */
  lost(gap: BatchGap): void {
    this.#gaps.add(gap)
    this.#onLoss(gap)
  }

  get pendingGaps(): readonly BatchGap[] {
    return this.#gaps.list()
  }

  /**
   * Resolves to the batch's number once the batch is durable.
   * @throws AppError SPOOL_WRITE_FAILED: nothing was stored and the number was not used
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
      // Checks lmdb's word that the transaction is committed, because the promise of this class depends on it.
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
    this.#identity.note(() => this.#depth.unsent())
    this.#changed()
    return number
  }

  /**
   * The oldest (or newest) batch that is not in flight. It is in flight until confirm(), quarantine() or release().
   * A damaged batch is dropped and reported as a gap.
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

  /** The batch was not delivered: next() may return it again. */
  release(number: number): void {
    this.#inFlight.delete(number)
    this.#changed()
  }

  /** The server has confirmed the batch, so it leaves the spool. */
  confirm(number: number): Promise<void> {
    return this.#serially(async () => {
      const entry = parseEntry(this.#store.batches.get(number))
      await this.#store.write((w) => {
        w.remove(this.#store.batches, number)
        w.remove(this.#store.bodies, number)
      })
      this.#inFlight.delete(number)
      if (entry !== null) this.#depth.waiting(entry, -1)
      this.#identity.note(() => this.#depth.unsent())
    })
  }

  /** The server refuses the batch for good, or only the sessions in `made`: an operator has to decide. */
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
   * Replaces a batch by smaller ones under new numbers, because the server refuses a body of its size. A gap without
   * sessions tells the server that the old number is used up.
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
   * Gives a batch a new number under a new spoolId, because the server has another batch under its identity: the data
   * file was restored or copied. Waiting batches keep the old spoolId, because the server may have them already.
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

  /** Saves the pending gaps and the count of waiting sessions, then releases the directory. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#lastWrite.catch(() => undefined)
    // A full disk must not keep the process from ending. It then loses the gaps in memory, but no batch.
    await this.#store.write((w) => this.#saveGaps(w, this.#gaps.list())).catch(() => undefined)
    try {
      this.#identity.save({ unsent: this.#depth.unsent() })
    } finally {
      await this.#store.close()
      this.#lock.release()
    }
  }

  /** Runs one writer at a time, because numbers must be assigned and committed in order. */
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
    // Other files fill the disk. LMDB reuses the pages of deleted batches, so dropping old batches makes room for the
    // new one. Confirmed batches left free pages too, but LMDB does not tell how many.
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
    // The batch carried these gaps; the server does not know them yet.
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
}
