/**
 * A log that does not stay as it is: batches with new sessions, late ones, longer ones and ends, meters that start anew,
 * retention, names, interrupted sessions that are closed. All of it is noted in a LogHistory.
 */
import type { Session } from '../../src/session/session.js'
import { runPrefix, sessionId } from '../../src/session/session-id.js'
import type { Random } from '../faults/random.js'
import { batch, report, session } from './batches.js'
import { LogHistory, type State, type Version } from './log-history.js'
import type { TestStore } from './store.js'

export const ORG = 'acme'
export const CLIENTS = [null, 1, 2, 3]
const SITES = [1, 2, 3]
const HOUR_US = 3600e6
const HOURS = 6
/** More than two slices start in one millisecond, and more than that in one minute. */
const CROWD = 700
const ROWS = 2500

interface Site {
  readonly siteId: number
  batches: number
  runs: number
  sequence: number
  run: string
}

export class ChangingLog {
  readonly history = new LogHistory()
  readonly beginUs: number
  readonly #test: TestStore
  readonly #random: Random
  readonly #sites: readonly Site[]
  #runs = 0
  #expireUs: number
  #names = 0
  #woken: (() => void)[] = []

  constructor(test: TestStore, random: Random) {
    this.#test = test
    this.#random = random
    this.beginUs = test.nowUs - HOURS * HOUR_US
    this.#expireUs = this.beginUs
    this.#sites = SITES.map((siteId) => ({ siteId, batches: 0, runs: 0, sequence: 0, run: '' }))
    for (const site of this.#sites) this.#startRun(site)
  }

  /** By the store's clock. */
  get nowUs(): number {
    return this.#test.nowUs
  }

  /** When the next change has ended. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#woken.push(resolve))
  }

  #changed(): void {
    for (const resolve of this.#woken.splice(0)) resolve()
  }

  async fill(): Promise<void> {
    const perSite = ROWS / SITES.length
    await Promise.all(
      this.#sites.map((site) =>
        this.#send(
          site,
          Array.from({ length: perSite }, () => this.#fresh(site, 'ended')),
        ),
      ),
    )
  }

  /** A batch of each of some sites, at once. */
  async ingest(): Promise<void> {
    const living = this.history.living
    const some = this.#sites.filter(() => this.#random.next() < 0.7)
    await Promise.all(
      some.map((site) => {
        const own = living.filter((v) => v.siteId === site.siteId)
        const ended = own.filter((v) => v.state === 'ended')
        const newRun = this.#random.next() < 0.05
        const [ending, going] = split(
          this.#several(
            own.filter((v) => v.state !== 'ended'),
            14,
          ),
          4,
        )
        const versions = [
          ...Array.from({ length: this.#below(30) }, () => this.#fresh(site, 'ended')),
          ...ending.map((v) => this.#longer(v, 'ended')),
          ...this.#several(ended, 4).map((v) => this.#longer(v, 'ended')),
        ]
        if (newRun) {
          this.#startRun(site)
          const ends = new Set(ending.map((v) => v.id))
          const left = this.history.possible.filter(
            (v) => v.siteId === site.siteId && v.state === 'open' && !ends.has(v.id),
          )
          return this.#send(
            site,
            versions,
            left.map((v) => ({ ...v, state: 'interrupted' })),
          )
        }
        versions.push(
          ...Array.from({ length: this.#below(10) }, () => this.#fresh(site, 'open')),
          ...going.filter((v) => v.state === 'open').map((v) => this.#longer(v, 'open')),
        )
        return this.#send(site, versions)
      }),
    )
  }

  /** @param beside what becomes of others by it */
  async #send(site: Site, versions: readonly Version[], beside: readonly Version[] = []) {
    const change = batch(++site.batches, versions.map(sessionOf), {
      meterId: `meter-${site.siteId}`,
      report: report({
        startedAt: new Date(Date.UTC(2026, 10, 20) + site.runs * 1e3).toISOString(),
      }),
    })
    const done = this.history.change([...versions, ...beside])
    await this.#test.send(ORG, site.siteId, change)
    done()
    this.#changed()
  }

  /** Some minutes more than before. */
  async expire(): Promise<number> {
    this.#expireUs += this.#below(12) * 60e6
    const done = this.history.expire(this.#expireUs)
    const deleted = await this.#test.store.expire(ORG, this.#expireUs)
    done()
    this.#changed()
    return deleted
  }

  async rename(): Promise<void> {
    const name = `name ${++this.#names}`
    const clients = CLIENTS.flatMap((clientId) =>
      clientId === null ? [] : [{ clientId, name, addresses: [] }],
    )
    await this.#test.store.putCatalog(ORG, { clients, users: [], resources: [], sites: [] })
    this.#changed()
  }

  #startRun(site: Site): void {
    site.runs = ++this.#runs
    site.sequence = 0
    site.run = runPrefix(Date.UTC(2026, 10, 20) + site.runs, new Uint8Array([site.siteId]))
  }

  #fresh(site: Site, state: State): Version {
    const startUs = this.beginUs + this.#place()
    return {
      id: sessionId(site.run, ++site.sequence),
      siteId: site.siteId,
      startUs,
      endUs: startUs + 1000 * this.#below(1000),
      clientId: CLIENTS[this.#below(CLIENTS.length)]!,
      bytes: this.#below(1e6),
      packets: 1 + this.#below(100),
      state,
    }
  }

  /** Anywhere, but for two crowds: in a millisecond of the second hour, in a minute of the third. */
  #place(): number {
    const kind = this.#random.next()
    const share = CROWD / ROWS
    if (kind < share) return HOUR_US + this.#below(1000)
    if (kind < 2 * share) return 2 * HOUR_US + this.#below(60e6)
    return this.#below(HOURS * HOUR_US)
  }

  #longer(v: Version, state: State): Version {
    const [bytes, packets] = [v.bytes + this.#below(1e5), v.packets + 1 + this.#below(9)]
    return { ...v, state, bytes, packets, endUs: v.endUs + 1000 * this.#below(1000) }
  }

  #several<T>(of: readonly T[], most: number): T[] {
    const some = new Set<T>()
    if (of.length > 0)
      for (let i = this.#below(most); i > 0; i--) some.add(of[this.#below(of.length)]!)
    return [...some]
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound)
  }
}

function split<T>(list: readonly T[], at: number): [T[], T[]] {
  return [list.slice(0, at), list.slice(at)]
}

/** Of each count a fixed part the one way. */
function sessionOf(v: Version): Session {
  return session(1, {
    sessionId: v.id,
    startTimeUs: v.startUs,
    endTimeUs: v.endUs,
    clientId: v.clientId,
    bytesTx: v.bytes,
    bytesRx: 0,
    packetsTx: v.packets,
    packetsRx: 0,
    payloadTx: 0,
    payloadRx: 0,
    endReason: v.state === 'ended' ? 'endOfFlowDetected' : 'activeTimeout',
  })
}
