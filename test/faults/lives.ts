/**
 * (j) One meter id, whose spool is restored from an older copy, runs on two hosts at once, and begins anew on an empty
 * disk: every session is in the store once, and what was sent under an identity that is taken was noticed.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { Connection } from '../../src/meter/ship/connection.js'
import { Shipper } from '../../src/meter/ship/shipper.js'
import { Batcher } from '../../src/meter/spool/batcher.js'
import { openSpool } from '../../src/meter/spool/open.js'
import type { Spool } from '../../src/meter/spool/spool.js'
import { aSession } from '../support/sessions.js'
import { REPORT } from '../support/spools.js'
import { Server } from './processes.js'
import type { Result } from './scenarios.js'

const SESSIONS = 200
const BATCH_SESSIONS = 20
const NEVER = new AbortController().signal

/** One process of the meter: a spool, and what sends it. */
class Life {
  readonly #spool: Spool
  readonly #batcher: Batcher
  readonly #shipper: Shipper
  readonly #counts: Counts

  private constructor(spool: Spool, batcher: Batcher, shipper: Shipper, counts: Counts) {
    this.#spool = spool
    this.#batcher = batcher
    this.#shipper = shipper
    this.#counts = counts
  }

  static async start(directory: string, server: Server, counts: Counts): Promise<Life> {
    const limits = { bytesMax: 2 ** 26, quarantineBytesMax: 2 ** 22 }
    const spool = await openSpool({ directory, meterId: 'gateway', ...limits })
    const startedAt = new Date().toISOString()
    const report = () => ({ ...REPORT, startedAt, at: new Date().toISOString() })
    const batcher = new Batcher({ spool, report, ageMs: null, sessionsMax: BATCH_SESSIONS })
    const connection = await Connection.open({ url: server.url, key: server.ingestKey })
    return new Life(spool, batcher, new Shipper({ spool, connection }), counts)
  }

  /** To disk; sent as soon as deliver() was called. */
  async meter(): Promise<void> {
    for (let i = 0; i < SESSIONS; i++) {
      const sessionId = String(this.#counts.metered++).padStart(26, '0')
      this.#batcher.add(aSession({ sessionId, sourcePort: 1 + (this.#counts.metered % 60_000) }))
    }
    await this.#batcher.flush()
  }

  deliver(): void {
    this.#shipper.start()
  }

  async end(): Promise<void> {
    await this.#shipper.drained(NEVER)
    await this.#shipper.stop()
    const { batchesConflicting, batchesUnexpected } = this.#shipper.counters()
    this.#counts.conflicts += batchesConflicting
    this.#counts.unexpected += batchesUnexpected
    await this.#spool.close()
  }
}

interface Counts {
  metered: number
  conflicts: number
  unexpected: number
}

export async function lives(directory: string): Promise<Result> {
  const server = new Server(join(directory, 'data'))
  const counts: Counts = { metered: 0, conflicts: 0, unexpected: 0 }
  const at = (name: string): string => join(directory, name)
  const live = async (spool: string, ...more: string[]): Promise<void> => {
    const all = [spool, ...more].map((name) => Life.start(at(name), server, counts))
    const begun = await Promise.all(all)
    for (const life of begun) life.deliver()
    for (let round = 0; round < 2; round++) for (const life of begun) await life.meter()
    for (const life of begun) await life.end()
  }
  try {
    await server.start()
    // Copied with batches that wait: the copy has them too.
    const first = await Life.start(at('spool'), server, counts)
    await first.meter()
    cpSync(at('spool'), at('snapshot'), { recursive: true })
    first.deliver()
    await first.end()
    await live('spool')
    await live('snapshot')
    cpSync(at('snapshot'), at('clone'), { recursive: true })
    await live('snapshot', 'clone')
    await live('empty')
    const ids = (await server.sessions()).map((s) => s.sessionId)
    const found = { stored: ids.length, duplicated: ids.length - new Set(ids).size }
    const { metered, conflicts, unexpected } = counts
    const passed =
      found.stored === metered && found.duplicated === 0 && conflicts > 0 && unexpected === 0
    return { passed, facts: { metered, ...found, conflicts, unexpected } }
  } finally {
    await server.kill('SIGKILL')
  }
}
