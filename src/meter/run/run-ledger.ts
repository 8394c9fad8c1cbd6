/**
 * Remembers when this meter last ran and the counters of its interfaces then. The next start reports the time and the
 * traffic since as not metered.
 *
 * Two files in the spool's directory, or beside the output file without a server. They are written in turn, because a
 * kill may damage the one being written, and in place, because the disk may be full. Limit: PEERS_MAX peers per
 * interface.
 */
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { BatchGap } from '../../session/batch.js'
import type { ConnectedBefore } from '../wireguard/peer-changes.js'
import { uptimeMs as sinceBoot } from './report.js'

export const PEERS_MAX = 2_000
/** A gap names at most this many peers, those with the most traffic. */
const PEERS_REPORTED_MAX = 100
export const LEDGER_FILES = ['ran.0.json', 'ran.1.json'] as const

const standSchema = z.object({
  /** When the counters were read. */
  atMs: z.number(),
  index: z.number(),
  /** Bytes received and sent. */
  bytes: z.number(),
  peers: z.record(z.string(), z.number()),
  /** Public keys of peers that were reported as connected and not as disconnected; absent before version 0.2. */
  connected: z.array(z.string()).optional(),
})
/** The kernel's counters of an interface at one time. */
export type Stand = z.infer<typeof standSchema>

const lastRunSchema = z.object({
  /** The first start with these files. */
  watchingSince: z.string(),
  /** Number of this note. The higher one is the later, also when the clock was set back in between. */
  count: z.number().default(0),
  atMs: z.number(),
  /** Milliseconds since the boot; absent before version 0.2. */
  uptimeMs: z.number().optional(),
  bootId: z.string(),
  interfaces: z.record(z.string(), standSchema),
})
type LastRun = z.infer<typeof lastRunSchema>

export class RunLedger {
  /** Two paths, in the order of LEDGER_FILES. */
  readonly #files: readonly string[]
  readonly #bootId: string
  /** The last run; null in the first. */
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

  /** @param prefix of the files' names, for a directory that holds other files */
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

  /** An interface is read from now on. @returns once for each, if an earlier run read it: the gap since then */
  began(
    name: string,
    now: Stand | null,
    nowMs = Date.now(),
    uptimeMs = sinceBoot(),
  ): BatchGap | null {
    const last = this.#last
    const before = last?.interfaces[name]
    if (last === null || before === undefined || this.#begun.has(name)) return null
    this.#begun.add(name)
    // Counters and times since the boot are comparable only within a boot. An unknown boot (ProcSubset=pid hides it)
    // counts as another one.
    const sameBoot = this.#bootId !== '' && last.bootId === this.#bootId
    const upMs = sameBoot ? uptimeMs - (last.uptimeMs ?? uptimeMs) : 0
    const gap = {
      ...{ sessions: 0, interface: name },
      ...unmetered(before.atMs, nowMs, upMs + last.atMs - before.atMs),
    }
    const same = now !== null && now.index === before.index && sameBoot
    if (!same || now.bytes < before.bytes) return gap
    return { ...gap, bytes: now.bytes - before.bytes, peers: moved(before, now) }
  }

  /** The peers connected when an earlier run last read the interface. Null if none did, or after began(). */
  connectedBefore(name: string): ConnectedBefore | null {
    const before = this.#begun.has(name) ? undefined : this.#last?.interfaces[name]
    if (before === undefined) return null
    return { atUs: before.atMs * 1e3, publicKeys: before.connected ?? [] }
  }

  /** Saves the counters. Skipped while another note is being written. A failed write leaves the older note. */
  note(
    interfaces: Readonly<Record<string, Stand>>,
    nowMs = Date.now(),
    uptimeMs = sinceBoot(),
  ): Promise<void> {
    this.#writing ??= this.#write({
      watchingSince: this.watchingSince,
      count: ++this.#count,
      atMs: nowMs,
      uptimeMs,
      bootId: this.#bootId,
      interfaces: { ...this.#notBegun(), ...interfaces },
    }).finally(() => {
      this.#writing = null
    })
    return this.#writing
  }

  /** Saves the last note of a run, after any that is being written. */
  async end(interfaces: Readonly<Record<string, Stand>>, nowMs = Date.now()): Promise<void> {
    await this.#writing
    await this.note(interfaces, nowMs)
  }

  /** Interfaces of earlier runs that this run has not read; kept because they are still unmetered since then. */
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
      // The other file is still valid, only older.
    }
  }
}

/** A smaller step of the clock is one of a daemon that corrects it little by little. */
const SET_BACK_MS = 1_000

/**
 * What was not metered, by a clock that may have been set back meanwhile: nobody knows when, so the times of both clocks
 * are meant.
 */
export function unmetered(
  beforeMs: number,
  nowMs: number,
  elapsedMs: number,
): Pick<BatchGap, 'reason' | 'from' | 'to'> {
  const isSetBack = beforeMs + elapsedMs - nowMs > SET_BACK_MS
  const fromMs = isSetBack ? nowMs - elapsedMs : nowMs
  const toMs = isSetBack ? beforeMs + elapsedMs : nowMs
  return {
    reason: isSetBack ? 'unmeteredSetBack' : 'unmetered',
    from: new Date(Math.min(beforeMs, fromMs)).toISOString(),
    to: new Date(toMs).toISOString(),
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
