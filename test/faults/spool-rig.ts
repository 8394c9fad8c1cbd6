/** A spool with its batcher, fed by hand, and a server to drain it to: what every session became is known after. */
import { Connection } from '../../src/meter/ship/connection.js'
import { Shipper } from '../../src/meter/ship/shipper.js'
import { Batcher } from '../../src/meter/spool/batcher.js'
import { openSpool } from '../../src/meter/spool/open.js'
import type { Spool } from '../../src/meter/spool/spool.js'
import { FakeServer } from '../support/fake-server.js'
import { aSession } from '../support/sessions.js'
import { REPORT } from '../support/spools.js'
import type { Random } from './random.js'
import type { Result } from './scenarios.js'

export class SpoolRig {
  readonly spool: Spool
  readonly batcher: Batcher
  readonly #random: Random
  /** Sessions lost, by reason, as the spool said while it happened. */
  readonly lost: Record<string, number>
  readonly #troubles: { count: number }
  #metered = 0

  private constructor(
    spool: Spool,
    batcher: Batcher,
    random: Random,
    lost: Record<string, number>,
    troubles: { count: number },
  ) {
    this.spool = spool
    this.batcher = batcher
    this.#random = random
    this.lost = lost
    this.#troubles = troubles
  }

  static async open(directory: string, random: Random): Promise<SpoolRig> {
    const lost: Record<string, number> = {}
    const troubles = { count: 0 }
    const spool = await openSpool({
      directory,
      // Far above what is written: the disk is the bound.
      bytesMax: 2 ** 30,
      quarantineBytesMax: 2 ** 27,
      onLoss: (gap) => {
        if (gap.sessions > 0) lost[gap.reason] = (lost[gap.reason] ?? 0) + gap.sessions
      },
    })
    const batcher = new Batcher({
      spool,
      report: () => REPORT,
      ageMs: 100,
      // Small, so that this bound is met too.
      heldBytesMax: 8 * 2 ** 20,
      onTrouble: (message) => {
        if (message !== null) troubles.count++
      },
    })
    return new SpoolRig(spool, batcher, random, lost, troubles)
  }

  /** Times that the disk refused a batch. */
  get writeFailures(): number {
    return this.#troubles.count
  }

  /** Sessions that hardly compress, in a stream that lets the disk have its turn. */
  async meter(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const noise = String(this.#random.next()) + String(this.#random.next())
      const sessionId = String(this.#metered++).padStart(26, '0')
      this.batcher.add(aSession({ sessionId, userId: noise }))
      if (i % 5_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** Everything to a server; then stored and reported as lost must be what was metered, to the session. */
  async settle(): Promise<Result> {
    const { batcher, spool } = this
    const server = await new FakeServer().listen()
    await batcher.flush()
    const connection = await Connection.open({ url: server.url, key: 'k' })
    const shipper = new Shipper({ spool, connection })
    shipper.start()
    await shipper.drained(new AbortController().signal)
    // One more batch carries the gaps that are still pending.
    batcher.heartbeat()
    await batcher.flush()
    await shipper.drained(new AbortController().signal)
    await shipper.stop()
    await spool.close()
    server.close()
    const batches = [...server.stored.values()]
    const ids = batches.flatMap((b) => b.sessions.map((s) => s.sessionId))
    const reported = batches.flatMap((b) => b.gaps).reduce((sum, gap) => sum + gap.sessions, 0)
    const stored = new Set(ids).size
    const counted = Object.values(this.lost).reduce((a, b) => a + b, 0)
    return {
      passed: stored === ids.length && stored + reported === this.#metered && reported === counted,
      facts: {
        metered: this.#metered,
        stored,
        duplicated: ids.length - stored,
        ...this.lost,
        reported,
        writeFailures: this.writeFailures,
      },
    }
  }
}
