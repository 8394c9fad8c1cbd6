/**
 * The audit trail in PostgreSQL.
 *
 *   audit       entries; until_ms: the time of the last repeat
 *   audit_size  entries and bytes of each kind of a trail, and the number of those that were deleted at a bound
 *   audit_next  the newest id. Its row is locked by every write, so ids rise in the order of commits
 */
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
} from '../../control/audit.js'
import { AUDIT_EVENTS, type AuditEntry, type AuditEvent, KINDS } from '../../control/audit-event.js'
import { AuditNotes, MINUTE_MS } from '../../control/audit-notes.js'
import type { Repeated } from '../../control/audit-repeats.js'
import type { Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { Postgres } from './database.js'

/** Entries read at a time. */
const READ_MAX = 500

interface Size {
  readonly trail: string
  readonly kind: number
  readonly entries: number
  readonly bytes: number
}

export class PostgresAuditTrail implements AuditTrail {
  readonly #postgres: Postgres
  readonly #bounds: AuditBounds
  readonly #notes = new AuditNotes((all) => this.#write(all))

  constructor(postgres: Postgres, bounds: AuditBounds = AUDIT_BOUNDS) {
    this.#postgres = postgres
    this.#bounds = bounds
  }

  onFailure(failed: (error: unknown) => void): void {
    this.#notes.onFailure(failed)
  }

  record(event: AuditEvent): Promise<void> {
    return this.#write([...this.#notes.take(), onceNow(event)])
  }

  note(event: AuditEvent, windowMs = MINUTE_MS): void {
    this.#notes.note(event, windowMs)
  }

  async page(trail: string, query: AuditQuery): Promise<AuditPage> {
    await this.#notes.flush()
    const found: AuditEntry[] = []
    const dropped = await this.#dropped(trail)
    let scanned = 0
    let last: number | null = null
    for await (const entry of this.#newestFirst(trail, query.before)) {
      if (found.length === query.limit || scanned === SCANNED_MAX)
        return { entries: found, next: last, dropped }
      scanned++
      last = entry.id
      if (isAsked(entry, query)) found.push(entry)
    }
    return { entries: found, next: null, dropped }
  }

  async *#newestFirst(trail: string, before = Number.MAX_SAFE_INTEGER): AsyncGenerator<AuditEntry> {
    for (let below = before; ; ) {
      const rows = await this.#postgres.query(
        `SELECT entry FROM audit WHERE trail = $1 AND id < ${int(below)} ORDER BY id DESC LIMIT ${READ_MAX}`,
        [trail],
      )
      const entries = rows.map(({ entry }) => JSON.parse(entry as string) as AuditEntry)
      yield* entries
      if (entries.length < READ_MAX) return
      below = entries.at(-1)!.id
    }
  }

  async #dropped(trail: string): Promise<number> {
    const [row] = await this.#postgres.query(
      'SELECT coalesce(sum(dropped), 0) AS n FROM audit_size WHERE trail = $1',
      [trail],
    )
    return row!.n as number
  }

  async has(trail: string): Promise<boolean> {
    const rows = await this.#postgres.query(
      'SELECT 1 FROM audit_size WHERE trail = $1 AND entries > 0',
      [trail],
    )
    return rows.length > 0
  }

  async expire(cutMs: (trail: string) => number | null): Promise<number> {
    const sizes = await this.#postgres.query('SELECT trail, kind FROM audit_size')
    let removed = 0
    for (const { trail, kind } of sizes as readonly Pick<Size, 'trail' | 'kind'>[]) {
      const cut = cutMs(trail)
      if (cut === null) continue
      removed += await this.#postgres.transaction(async (query) => {
        await query('SELECT id FROM audit_next FOR UPDATE')
        const where = `trail = $1 AND kind = ${int(kind)} AND until_ms < ${int(Math.round(cut))}`
        const gone = await remove(query, trail, kind, where, 0)
        const isEmpty = `trail = $1 AND kind = ${int(kind)} AND entries = 0 AND dropped = 0`
        await query(`DELETE FROM audit_size WHERE ${isEmpty}`, [trail])
        return gone
      })
    }
    return removed
  }

  close(): Promise<void> {
    return this.#notes.close()
  }

  #write(all: readonly Repeated[]): Promise<void> {
    return this.#postgres.transaction(async (query) => {
      const [row] = await query(`UPDATE audit_next SET id = id + ${int(all.length)} RETURNING id`)
      let id = (row!.id as number) - all.length
      for (const one of all) await add(query, one.event.trail, entryOf(++id, one))
      for (const kind of kindsOf(all)) await this.#boundKind(query, kind)
      await this.#boundAll(query)
    })
  }

  async #boundKind(query: Rows, { trail, kind }: Pick<Size, 'trail' | 'kind'>): Promise<void> {
    const rows = await query(
      `SELECT entries, bytes FROM audit_size WHERE trail = $1 AND kind = ${int(kind)}`,
      [trail],
    )
    const size = { trail, kind, ...(rows[0] as unknown as Pick<Size, 'entries' | 'bytes'>) }
    await removeOldest(query, size, this.#bounds.entries[kind]!, this.#bounds.bytes[kind]!)
  }

  /** The largest kind of a trail loses its oldest entries. */
  async #boundAll(query: Rows): Promise<void> {
    for (;;) {
      const [row] = await query('SELECT coalesce(sum(bytes), 0) AS bytes FROM audit_size')
      const over = (row!.bytes as number) - this.#bounds.allBytes
      if (over <= 0) return
      const [largest] = (await query(
        'SELECT trail, kind, entries, bytes FROM audit_size ORDER BY bytes DESC LIMIT 1',
      )) as unknown as [Size]
      const bytes = largest.bytes - Math.max(over, largest.bytes / 8)
      await removeOldest(query, largest, Number.MAX_SAFE_INTEGER, bytes)
    }
  }
}

function kindsOf(all: readonly Repeated[]): Pick<Size, 'trail' | 'kind'>[] {
  const kinds = all.map(({ event: { trail, event } }) => ({ trail, kind: kindOf(event) }))
  return [...new Map(kinds.map((one) => [`${one.kind} ${one.trail}`, one])).values()]
}

function kindOf(event: AuditEntry['event']): number {
  return KINDS[AUDIT_EVENTS[event]]
}

async function add(query: Rows, trail: string, entry: AuditEntry): Promise<void> {
  const kind = int(kindOf(entry.event))
  const bytes = int(bytesOf(entry))
  await query(
    `INSERT INTO audit VALUES (${int(entry.id)}, $1, ${kind}, ${int(timeOf(entry))}, ${bytes}, $2)`,
    [trail, JSON.stringify(entry)],
  )
  await query(
    `INSERT INTO audit_size VALUES ($1, ${kind}, 1, ${bytes}, 0) ON CONFLICT (trail, kind) DO UPDATE
     SET entries = audit_size.entries + 1, bytes = audit_size.bytes + excluded.bytes`,
    [trail],
  )
}

/** Removes the oldest entries of a kind until no more than these are left. */
async function removeOldest(query: Rows, size: Size, entriesMax: number, bytesMax: number) {
  let { entries, bytes } = size
  while (entries > 0 && (entries > entriesMax || bytes > bytesMax)) {
    const oldest = await query(
      `SELECT id, bytes FROM audit WHERE trail = $1 AND kind = ${int(size.kind)} ORDER BY id LIMIT ${READ_MAX}`,
      [size.trail],
    )
    let last = -1
    for (const row of oldest) {
      if (entries <= entriesMax && bytes <= bytesMax) break
      last = row.id as number
      entries--
      bytes -= row.bytes as number
    }
    if (last < 0) return
    const where = `trail = $1 AND kind = ${int(size.kind)} AND id <= ${int(last)}`
    await remove(query, size.trail, size.kind, where, 1)
  }
}

/** @param dropped 1: they count as dropped at a bound. @returns how many went */
async function remove(query: Rows, trail: string, kind: number, where: string, dropped: 0 | 1) {
  const gone = await query(`DELETE FROM audit WHERE ${where} RETURNING bytes`, [trail])
  const bytes = gone.reduce((sum, row) => sum + (row.bytes as number), 0)
  const n = int(gone.length)
  await query(
    `UPDATE audit_size SET entries = entries - ${n}, bytes = bytes - ${int(bytes)}, dropped = dropped + ${n} * ${dropped}
     WHERE trail = $1 AND kind = ${int(kind)}`,
    [trail],
  )
  return gone.length
}
