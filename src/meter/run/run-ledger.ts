/**
 * When this meter last ran, and where the counters of its interfaces stood then: what passed until the next start was
 * not metered, and that start says so.
 *
 * Two files beside the spool, written in turn and in place, so that one is whole whatever ends the process, and so that
 * a full disk can still take them. Limit: PEERS_MAX peers an interface; those beyond are not known.
 */
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { BatchGap } from '../../session/batch.js'
import type { ConnectedBefore } from '../wireguard/peer-changes.js'

export const PEERS_MAX = 2_000
/** Those that moved most; a batch carries no more of them. */
const PEERS_REPORTED_MAX = 100
export const LEDGER_FILES = ['ran.0.json', 'ran.1.json'] as const

const standSchema = z.object({
  /** When the counters were read. */
  atMs: z.number(),
  index: z.number(),
  /** Received and sent. */
  bytes: z.number(),
  peers: z.record(z.string(), z.number()),
  /** Public keys of those whose connection was told and whose end was not; absent in files of before 0.2. */
  connected: z.array(z.string()).optional(),
})
/** Where the kernel's counters of an interface stand. */
export type Stand = z.infer<typeof standSchema>

const lastRunSchema = z.object({
  /** The first start with this spool. */
  watchingSince: z.string(),
  /** Of notes with this spool: which is the latest, whatever the clock was set to in between. */
  count: z.number().default(0),
  atMs: z.number(),
  bootId: z.string(),
  interfaces: z.record(z.string(), standSchema),
})
type LastRun = z.infer<typeof lastRunSchema>

export class RunLedger {
  /** Two, in LEDGER_FILES' order. */
  readonly #files: readonly string[]
  readonly #bootId: string
  /** Of the run before; null: this is the first. */
  readonly #last: LastRun | null
  readonly watchingSince: string
  readonly #begun = new Set<string>()
  #slot: number
  #count: number
  #writing: Promise<void> | null = null

  private constructor(files: readonly string[], bootId: string, nowMs: number) {
    this.#files = files
    this.#bootId = bootId
    const found = files.map(readLastRun)
    const [first = null, second = null] = found
    const newer = isNewer(second, first) ? 1 : 0
    this.#last = found[newer] ?? null
    this.#count = this.#last?.count ?? 0
    this.#slot = 1 - newer
    this.watchingSince = this.#last?.watchingSince ?? new Date(nowMs).toISOString()
  }

  /** @param prefix of the files' names, where the directory holds other things */
  static open(
    directory: string,
    nowMs = Date.now(),
    bootId = readBootId(),
    prefix = '',
  ): RunLedger {
    const files = LEDGER_FILES.map((name) => join(directory, `${prefix}${name}`))
    return new RunLedger(files, bootId, nowMs)
  }

  get isFirstRun(): boolean {
    return this.#last === null
  }

  /** An interface is read from now on. @returns what was not, when the run before read it; once for each */
  began(name: string, now: Stand | null, nowMs = Date.now()): BatchGap | null {
    const last = this.#last
    const before = last?.interfaces[name]
    if (last === null || before === undefined || this.#begun.has(name)) return null
    this.#begun.add(name)
    const span = {
      from: new Date(Math.min(before.atMs, nowMs)).toISOString(),
      to: new Date(nowMs).toISOString(),
    }
    const gap = { reason: 'unmetered', sessions: 0, interface: name, ...span }
    // Where the boot cannot be told (ProcSubset=pid hides it), counters are not compared.
    const sameBoot = this.#bootId !== '' && last.bootId === this.#bootId
    const same = now !== null && now.index === before.index && sameBoot
    if (!same || now.bytes < before.bytes) return gap
    return { ...gap, bytes: now.bytes - before.bytes, peers: moved(before, now) }
  }

  /** Who was connected when the run before read this interface last; null: it did not, or began() has said so already. */
  connectedBefore(name: string): ConnectedBefore | null {
    const before = this.#begun.has(name) ? undefined : this.#last?.interfaces[name]
    if (before === undefined) return null
    return { atUs: before.atMs * 1e3, publicKeys: before.connected ?? [] }
  }

  /** Where the counters stand now; one that is under way takes this one's place. A failure leaves the older one. */
  note(interfaces: Readonly<Record<string, Stand>>, nowMs = Date.now()): Promise<void> {
    this.#writing ??= this.#write({
      watchingSince: this.watchingSince,
      count: ++this.#count,
      atMs: nowMs,
      bootId: this.#bootId,
      interfaces: { ...this.#notBegun(), ...interfaces },
    }).finally(() => {
      this.#writing = null
    })
    return this.#writing
  }

  /** The last note of a run, after any that is under way. */
  async end(interfaces: Readonly<Record<string, Stand>>, nowMs = Date.now()): Promise<void> {
    await this.#writing
    await this.note(interfaces, nowMs)
  }

  /** An interface that has not been there in this run was not metered since it was read last. */
  #notBegun(): Record<string, Stand> {
    const all = Object.entries(this.#last?.interfaces ?? {})
    return Object.fromEntries(all.filter(([name]) => !this.#begun.has(name)))
  }

  async #write(run: LastRun): Promise<void> {
    const path = this.#files[this.#slot]!
    const text = Buffer.from(`${JSON.stringify(run)}\n`)
    try {
      const file = await open(path, 'r+').catch(() => open(path, 'w', 0o600))
      try {
        await file.write(text, 0, text.length, 0)
        await file.truncate(text.length)
        await file.datasync()
      } finally {
        await file.close()
      }
      this.#slot = 1 - this.#slot
    } catch {
      // The other one is whole; what it says is only older.
    }
  }
}

function isNewer(one: LastRun | null, other: LastRun | null): boolean {
  if (one === null || other === null) return one !== null
  return one.count === other.count ? one.atMs > other.atMs : one.count > other.count
}

function moved(before: Stand, now: Stand): { publicKey: string; bytes: number }[] {
  return Object.entries(now.peers)
    .map(([publicKey, bytes]) => ({ publicKey, bytes: bytes - (before.peers[publicKey] ?? 0) }))
    .filter(({ publicKey, bytes }) => bytes > 0 && publicKey in before.peers)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, PEERS_REPORTED_MAX)
}

function readLastRun(path: string): LastRun | null {
  try {
    const parsed = lastRunSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
