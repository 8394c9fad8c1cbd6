/**
 * The audit trail in the lmdb file.
 *
 *   audit      [trail, kind, id] -> entry
 *   auditSize  [trail, kind] -> entries, bytes, and entries that were deleted at a bound
 *   auditNext  'id' -> the next id
 */
import type { Database, RootDatabase } from 'lmdb'
import {
  AUDIT_BOUNDS,
  type AuditBounds,
  type AuditPage,
  type AuditQuery,
  type AuditTrail,
  bytesOf,
  entryOf,
  isAsked,
  onceNow,
  SCANNED_MAX,
  timeOf,
} from '../audit.js'
import { AUDIT_EVENTS, type AuditEntry, type AuditEvent, KINDS } from '../audit-event.js'
import { AuditNotes, MINUTE_MS } from '../audit-notes.js'
import type { Repeated } from '../audit-repeats.js'
import { commitFault } from './control-file.js'

type EntryKey = [trail: string, kind: number, id: number]
type SizeKey = [trail: string, kind: number]
interface Size {
  readonly entries: number
  readonly bytes: number
  readonly dropped: number
}
const EMPTY: Size = { entries: 0, bytes: 0, dropped: 0 }
const ALL_KINDS: readonly number[] = Object.values(KINDS)

export class LmdbAuditTrail implements AuditTrail {
  readonly #root: RootDatabase
  readonly #entries: Database<AuditEntry, EntryKey>
  readonly #sizes: Database<Size, SizeKey>
  readonly #next: Database<number, string>
  readonly #bounds: AuditBounds
  readonly #notes = new AuditNotes(async (all) => this.#write(all))

  constructor(root: RootDatabase, bounds: AuditBounds = AUDIT_BOUNDS) {
    this.#root = root
    this.#bounds = bounds
    this.#entries = root.openDB<AuditEntry, EntryKey>('audit', { encoding: 'json' })
    this.#sizes = root.openDB<Size, SizeKey>('auditSize', { encoding: 'json' })
    this.#next = root.openDB<number, string>('auditNext', { encoding: 'json' })
  }

  onFailure(failed: (error: unknown) => void): void {
    this.#notes.onFailure(failed)
  }

  /** @throws AppError STORE_FULL, DATA_UNUSABLE */
  async record(event: AuditEvent): Promise<void> {
    this.#write([...this.#notes.take(), onceNow(event)])
  }

  note(event: AuditEvent, windowMs = MINUTE_MS): void {
    this.#notes.note(event, windowMs)
  }

  async page(trail: string, query: AuditQuery): Promise<AuditPage> {
    await this.#notes.flush()
    const found: AuditEntry[] = []
    let scanned = 0
    let last: number | null = null
    for (const entry of this.#newestFirst(trail, query.before)) {
      if (found.length === query.limit || scanned === SCANNED_MAX)
        return { entries: found, next: last, dropped: this.#dropped(trail) }
      scanned++
      last = entry.id
      if (isAsked(entry, query)) found.push(entry)
    }
    return { entries: found, next: null, dropped: this.#dropped(trail) }
  }

  async has(trail: string): Promise<boolean> {
    return this.hasNow(trail)
  }

  /** For a transaction. */
  hasNow(trail: string): boolean {
    return ALL_KINDS.some((kind) => (this.#sizes.get([trail, kind])?.entries ?? 0) > 0)
  }

  async expire(cutMs: (trail: string) => number | null): Promise<number> {
    let removed = 0
    for (const { key } of [...this.#sizes.getRange()]) {
      const [trail, kind] = key
      const cut = cutMs(trail)
      if (cut === null) continue
      removed += this.#commit(() => this.#removeOldest(key, (entry) => timeOf(entry) < cut))
      if (this.#sizes.get([trail, kind])?.entries === 0) this.#forget(key)
    }
    return removed
  }

  async close(): Promise<void> {
    await this.#notes.close()
  }

  #write(all: readonly Repeated[]): void {
    this.#commit(() => {
      let id = this.#next.get('id') ?? 1
      for (const one of all) this.#add(entryOf(id++, one), one.event.trail)
      this.#next.put('id', id)
      this.#boundAll()
    })
  }

  /** In a transaction. */
  #add(entry: AuditEntry, trail: string): void {
    const kind = KINDS[AUDIT_EVENTS[entry.event]]
    const size = this.#sizes.get([trail, kind]) ?? EMPTY
    this.#entries.put([trail, kind, entry.id], entry)
    const entries = size.entries + 1
    const bytes = size.bytes + bytesOf(entry)
    this.#sizes.put([trail, kind], { ...size, entries, bytes })
    const isBeyond = (now: Size) =>
      now.entries > this.#bounds.entries[kind]! || now.bytes > this.#bounds.bytes[kind]!
    this.#removeOldest([trail, kind], (_entry, now) => isBeyond(now), true)
  }

  /** In a transaction: the largest kind of a trail loses its oldest entries. */
  #boundAll(): void {
    for (;;) {
      const sizes = [...this.#sizes.getRange()]
      const all = sizes.reduce((sum, { value }) => sum + value.bytes, 0)
      const over = all - this.#bounds.allBytes
      if (over <= 0) return
      const { key, value } = sizes.reduce((a, b) => (b.value.bytes > a.value.bytes ? b : a))
      const until = value.bytes - Math.max(over, value.bytes / 8)
      this.#removeOldest(key, (_entry, now) => now.bytes > until, true)
    }
  }

  /** In a transaction: removes the oldest entries as long as `goes` says so. */
  #removeOldest(
    [trail, kind]: SizeKey,
    goes: (entry: AuditEntry, now: Size) => boolean,
    isDropped = false,
  ): number {
    let now = this.#sizes.get([trail, kind]) ?? EMPTY
    const range = { start: [trail, kind, 0] as EntryKey, end: endOf(trail, kind) }
    const going: EntryKey[] = []
    for (const { key, value } of this.#entries.getRange(range)) {
      if (!goes(value, now)) break
      going.push(key)
      const { entries, bytes, dropped } = now
      now = {
        entries: entries - 1,
        bytes: bytes - bytesOf(value),
        dropped: dropped + (isDropped ? 1 : 0),
      }
    }
    for (const key of going) this.#entries.remove(key)
    if (going.length > 0) this.#sizes.put([trail, kind], now)
    return going.length
  }

  #forget(key: SizeKey): void {
    this.#commit(() => {
      const size = this.#sizes.get(key)
      if (size?.entries === 0 && size.dropped === 0) this.#sizes.remove(key)
    })
  }

  #dropped(trail: string): number {
    return ALL_KINDS.reduce((n, kind) => n + (this.#sizes.get([trail, kind])?.dropped ?? 0), 0)
  }

  /** Merges the entries of all kinds by id. */
  *#newestFirst(trail: string, before = Number.MAX_SAFE_INTEGER): Generator<AuditEntry> {
    const kinds = ALL_KINDS.map((kind) => {
      const start: EntryKey = [trail, kind, before - 1]
      const range = this.#entries.getRange({ start, end: [trail, kind, 0], reverse: true })
      return range.map(({ value }) => value)[Symbol.iterator]()
    })
    const heads = kinds.map((kind) => kind.next())
    try {
      for (;;) {
        let newest = -1
        for (const [i, { done, value }] of heads.entries())
          if (done !== true && (newest < 0 || value.id > heads[newest]!.value.id)) newest = i
        if (newest < 0) return
        yield heads[newest]!.value as AuditEntry
        heads[newest] = kinds[newest]!.next()
      }
    } finally {
      for (const kind of kinds) kind.return?.()
    }
  }

  #commit<T>(work: () => T): T {
    try {
      return this.#root.transactionSync(work)
    } catch (error) {
      throw commitFault(error)
    }
  }
}

function endOf(trail: string, kind: number): EntryKey {
  return [trail, kind, Number.MAX_SAFE_INTEGER]
}
