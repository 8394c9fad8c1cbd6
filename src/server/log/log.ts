/**
 * The ordered, durable log of incoming batches: numbered entries (format.ts) in segments.
 *
 * append() resolves when the entry is on disk. All waiting entries are written with one sync. If a write fails, none of
 * its entries is kept, and the file is cut back before the next write. Each reader has a named cursor (passed()). A
 * segment is deleted once all cursors are beyond it and keepMs has passed; earlier if the log is at its bound, or after
 * forgetPassed().
 *
 * Limit: bytesMax. If readers have not passed enough of the log, append() throws STORE_BUSY.
 */
import { readFileSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../base/errors.js'
import {
  type Entry,
  encode,
  entryAt,
  type Found,
  SEGMENT_HEADER_BYTES,
  scan,
  segmentHeader,
  segmentName,
} from './format.js'
import { openSegments, type Recovery, type Segment, segmentOf, syncDirectory } from './segments.js'

const SEGMENT_BYTES = 64 * 2 ** 20
/** A segment's largest share of bytesMax: the open segment is not deleted, and must leave room for new entries. */
const SEGMENT_SHARE = 1 / 4
/** 1 h. Bounds how long a quiet log keeps entries that readers have passed, since only closed segments are deleted. */
const SEGMENT_AGE_MS = 3600e3

export interface LogOptions {
  readonly directory: string
  readonly bytesMax: number
  readonly keepMs: number
  readonly clockMs?: () => number
  readonly segmentBytes?: number
}

export interface Place {
  readonly lsn: number
  readonly path: string
  readonly offset: number
  readonly bytes: number
}

interface Waiting {
  readonly entry: Entry
  readonly done: (place: Place) => void
  readonly failed: (error: unknown) => void
}

export class Log {
  readonly id: string
  readonly #options: LogOptions
  readonly #clockMs: () => number
  readonly #segments: Segment[]
  readonly #cursors = new Map<string, number>()
  readonly #damage: { places: number }
  #nextLsn: number
  #file: FileHandle | undefined
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** What is done between two writes. */
  #chores: (() => Promise<void>)[] = []
  #flushing: Promise<void> | null = null
  /** Segments up to this lsn need not be kept for keepMs. */
  #forgetUpTo = 0
  /** After a failed write, the file may have bytes beyond the last good entry. */
  #broken = false

  private constructor(options: LogOptions, id: string, segments: Segment[], damaged: number) {
    this.#options = options
    this.#clockMs = options.clockMs ?? Date.now
    this.id = id
    this.#segments = segments
    this.#damage = { places: damaged }
    this.#nextLsn = (segments.at(-1)?.lastLsn ?? 0) + 1
  }

  /** Removes an unfinished entry at the end. @throws AppError STORE_NEWER, STORE_UNREADABLE */
  static open(options: LogOptions): { log: Log; recovery: Recovery } {
    const { id, segments, cutBytes, damagedPlaces } = openSegments(options.directory)
    const log = new Log(options, id, segments, damagedPlaces)
    return { log, recovery: { cutBytes, damagedPlaces } }
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }

  get lastLsn(): number {
    return this.#nextLsn - 1
  }

  /** Damaged places found since the log was opened. */
  get damagedPlaces(): number {
    return this.#damage.places
  }

  /** Entries after this lsn, without their bodies, and the number of entries that cannot be read. */
  entriesAfter(lsn: number): { found: (Place & { readonly entry: Entry })[]; lost: number } {
    const found: (Place & { readonly entry: Entry })[] = []
    for (const [i, { path, firstLsn, lastLsn }] of this.#segments.entries()) {
      if (lastLsn <= lsn) continue
      const scanned = scan(readFileSync(path), firstLsn, path)
      // open() has counted the damage in the last segment already.
      if (i < this.#segments.length - 1) this.#damage.places += scanned.damaged
      // Bodies would fill the memory; read() gets one when it is needed.
      for (const one of scanned.found)
        if (one.lsn > lsn) found.push({ ...one, path, entry: { ...one.entry, body: NOTHING } })
    }
    const first = Math.max(lsn + 1, 1)
    return { found, lost: Math.max(0, this.#nextLsn - first - found.length) }
  }

  /** Skips lsns up to this one: the store has applied entries that this log has lost. */
  continueAfter(lsn: number): void {
    if (lsn < this.#nextLsn) return
    this.#nextLsn = lsn + 1
    const last = this.#segments.at(-1)
    if (last !== undefined) last.beganMs = Number.NEGATIVE_INFINITY
  }

  /** @throws AppError STORE_UNREADABLE */
  async read({ path, offset, bytes, lsn }: Place): Promise<Entry> {
    const file = await open(path)
    try {
      const buffer = Buffer.alloc(bytes)
      await file.read(buffer, 0, bytes, offset)
      const found: Found | undefined = entryAt(buffer, 0, path)
      if (found?.lsn === lsn) return found.entry
    } finally {
      await file.close()
    }
    throw new AppError('STORE_UNREADABLE', `${path} is damaged at byte ${offset}`)
  }

  /**
   * Resolves when the entry is durable. After an error it is not kept.
   * @throws AppError STORE_BUSY, or a system error
   */
  append(entry: Entry): Promise<Place> {
    const wanted = this.#waitingBytes + entry.body.length
    if (!this.#hasRoom(wanted))
      return Promise.reject(
        new AppError('STORE_BUSY', 'the log is full because the database is behind', {
          hint: 'Send the batch again in a few seconds.',
        }),
      )
    return new Promise((done, failed) => {
      this.#waiting.push({ entry, done, failed })
      this.#waitingBytes += entry.body.length
      this.#flushing ??= this.#flush()
    })
  }

  #hasRoom(wanted: number): boolean {
    const { bytesMax } = this.#options
    if (this.bytes + wanted > bytesMax) this.#trim(this.#nextLsn)
    if (this.bytes + wanted <= bytesMax) return true
    // Only the open segment is left. If readers have passed it and no write runs, the next append replaces it.
    const [last] = this.#segments
    if (this.#segments.length !== 1 || this.#flushing !== null || wanted > bytesMax) return false
    if (last!.lastLsn > this.#passed) return false
    this.#forgetUpTo = last!.lastLsn
    last!.beganMs = Number.NEGATIVE_INFINITY
    return true
  }

  /** The named reader needs no entry up to this lsn any more. */
  passed(reader: string, lsn: number): void {
    this.#cursors.set(reader, lsn)
    this.#trim(this.#forgetUpTo)
  }

  /** Deletes all current entries as soon as every reader has passed them, without waiting for keepMs. */
  async forgetPassed(): Promise<void> {
    await this.#rotateWhen(() => true)
    this.#forgetUpTo = Math.max(this.#forgetUpTo, (this.#segments.at(-1)?.firstLsn ?? 1) - 1)
    this.#trim(this.#forgetUpTo)
  }

  /** For a full disk: deletes at once every segment that all readers have passed. */
  async freePassed(): Promise<void> {
    await this.#between(() => this.#freePassed())
  }

  /** Deletes segments whose time is over. A log without new entries does so only here. */
  async tidy(): Promise<void> {
    await this.#rotateWhen((last) => this.#isOld(last))
    this.#trim(this.#forgetUpTo)
  }

  /** Runs `work` between two writes. */
  #between(work: () => Promise<unknown>): Promise<void> {
    return new Promise((done, failed) => {
      this.#chores.push(() => work().then(() => done(), failed))
      this.#flushing ??= this.#flush()
    })
  }

  #rotateWhen(due: (last: Segment) => boolean): Promise<void> {
    return this.#between(async () => {
      const last = this.#segments.at(-1)
      if (last === undefined || !due(last)) return
      last.beganMs = Number.NEGATIVE_INFINITY
      await this.#segment()
    })
  }

  async close(): Promise<void> {
    await this.#flushing
    await this.#file?.close()
    this.#file = undefined
  }

  async #flush(): Promise<void> {
    // Wait a microtask, so entries that were appended together share a sync.
    await Promise.resolve()
    while (this.#waiting.length + this.#chores.length > 0) {
      for (const chore of this.#chores.splice(0)) await chore()
      const group = this.#waiting
      if (group.length === 0) continue
      this.#waiting = []
      this.#waitingBytes = 0
      try {
        const entries = group.map(({ entry }) => entry)
        const places = await this.#write(entries).catch(async (error: unknown) => {
          if (!isFull(error) || !(await this.#freePassed())) throw error
          return this.#write(entries)
        })
        for (const [i, { done }] of group.entries()) done(places[i]!)
      } catch (error) {
        for (const { failed } of group) failed(error)
      }
    }
    this.#flushing = null
  }

  async #write(entries: readonly Entry[]): Promise<Place[]> {
    const { segment, file } = await this.#segment()
    if (this.#broken) await this.#cutBack(segment, file)
    const parts = entries.map((entry, i) => encode(this.#nextLsn + i, entry))
    let offset = segment.bytes
    const places = parts.map(({ length }, i): Place => {
      const place = { lsn: this.#nextLsn + i, path: segment.path, offset, bytes: length }
      offset += length
      return place
    })
    try {
      await file.appendFile(Buffer.concat(parts))
      await file.datasync()
    } catch (error) {
      this.#broken = true
      await this.#cutBack(segment, file).catch(() => undefined)
      throw error
    }
    this.#nextLsn += entries.length
    segment.bytes = offset
    segment.lastLsn = this.#nextLsn - 1
    segment.endedMs = this.#clockMs()
    return places
  }

  /** For a full disk: deletes segments that every reader has passed, also before keepMs. @returns whether any was deleted */
  async #freePassed(): Promise<boolean> {
    const before = this.#segments.length
    this.#trim(this.#nextLsn)
    const last = this.#segments.at(-1)
    // An empty segment frees no space.
    if (last === undefined || last.firstLsn === this.#nextLsn || last.lastLsn > this.#passed)
      return this.#segments.length < before
    await this.#file?.close()
    this.#file = undefined
    this.#broken = false
    rmSync(last.path, { force: true })
    this.#segments.pop()
    return true
  }

  async #cutBack(segment: Segment, file: FileHandle): Promise<void> {
    await file.truncate(segment.bytes)
    await file.datasync()
    this.#broken = false
  }

  /** The open segment; a new one if that is full or old. */
  async #segment(): Promise<{ segment: Segment; file: FileHandle }> {
    const last = this.#segments.at(-1)
    const { directory, bytesMax, segmentBytes = SEGMENT_BYTES } = this.#options
    const mostBytes = Math.min(segmentBytes, bytesMax * SEGMENT_SHARE)
    const nowMs = this.#clockMs()
    const isOver = (one: Segment) => one.bytes >= mostBytes || this.#isOld(one)
    // An empty segment stays open, because a new one would have the same name.
    if (last !== undefined && (last.firstLsn === this.#nextLsn || !isOver(last))) {
      this.#file ??= await open(last.path, 'a')
      return { segment: last, file: this.#file }
    }
    // Bytes of a failed write would look like damage once a segment follows.
    if (this.#broken && this.#file !== undefined) await this.#cutBack(last!, this.#file)
    const path = join(directory, segmentName(this.#nextLsn))
    const file = await open(path, 'ax', 0o600)
    try {
      await file.appendFile(segmentHeader(this.id, this.#nextLsn))
      await file.datasync()
      await syncDirectory(directory)
    } catch (error) {
      await file.close()
      rmSync(path, { force: true })
      throw error
    }
    await this.#file?.close()
    this.#file = file
    const segment = segmentOf(path, this.#nextLsn, SEGMENT_HEADER_BYTES, nowMs)
    this.#segments.push(segment)
    this.#trim(this.#forgetUpTo)
    return { segment, file }
  }

  #isOld({ beganMs }: Segment): boolean {
    return this.#clockMs() - beganMs > SEGMENT_AGE_MS
  }

  /** Every reader has passed entries up to this lsn. */
  get #passed(): number {
    return this.#cursors.size === 0 ? 0 : Math.min(...this.#cursors.values())
  }

  /** @param forgetUpTo segments up to this lsn are deleted even if keepMs has not passed */
  #trim(forgetUpTo: number): void {
    const passed = this.#passed
    const endedMs = this.#clockMs() - this.#options.keepMs
    while (this.#segments.length > 1) {
      const [first] = this.#segments as [Segment]
      const mayGo = first.lastLsn <= forgetUpTo || first.endedMs <= endedMs
      if (first.lastLsn > passed || !mayGo) return
      rmSync(first.path, { force: true })
      this.#segments.shift()
    }
  }
}

const NOTHING = new Uint8Array()

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
}
