/**
 * All destinations of the server. Each has its own Courier, which never waits for another one. The cost of a
 * destination is bounded: one attempt in flight, one batch in memory (eventsMax, bytesMax), its share of RowsAhead, and
 * DEAD_LETTERS_MAX. The number of destinations is bounded per organisation and per server. Reading the log uses the
 * organisation's share of the store's connections.
 *
 * Each of several servers has a Courier for each destination, but only those of its own run (records.ts). The others tell
 * the state, and change it when a user asks this server: their changes are in the store, and reach the one that runs there.
 */
import { randomBytes } from 'node:crypto'
import { AppError, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import { Mutex } from '../store/mutex.js'
import type { Store } from '../store/store.js'
import { RowsAhead } from './batch-reader.js'
import { Courier } from './courier.js'
import type { EventBody, Presenter } from './events.js'
import type { GuardOptions } from './guard.js'
import type { Receiver } from './kind.js'
import { bodiesOf, KINDS, textsOf } from './kinds/kinds.js'
import { newState } from './progress.js'
import { disguisesBy, PSEUDONYM_KEY } from './pseudonyms.js'
import {
  type Counts,
  DESTINATIONS_MAX,
  DESTINATIONS_OF_ORG_MAX,
  type DestinationRecord,
  type DestinationRecords,
  type Entry,
} from './records.js'
import { redacting } from './redacting.js'
import { isPeer, type SentRow, sourceOf } from './rows.js'
import { SECRETS_FILE, type Secrets } from './secrets.js'
import { recordOf, recordsOf, secretsFor, targetOf, type Wanted } from './wanted.js'

export interface DestinationsOptions {
  readonly store: Pick<
    Store,
    'lastArrival' | 'arrived' | 'countArrived' | 'page' | 'arrivedPeers' | 'countArrivedPeers'
  >
  readonly records: DestinationRecords
  readonly secrets: Secrets
  readonly guard: GuardOptions
  readonly log: Logger
  readonly version: string
  readonly clockMs: () => number
}

/** What this server has of a destination. */
interface Post {
  readonly courier: Courier
  /** Counted deletions that the courier knows. */
  erasures: number
}

export class Destinations {
  readonly #options: DestinationsOptions
  readonly #records: DestinationRecords
  readonly #secrets: Secrets
  readonly #posts = new Map<string, Post>()
  /** Changes run one at a time, because a destination must never have two couriers. */
  readonly #changes = new Mutex()
  readonly #rowsAhead = new RowsAhead()
  #isStarted = false
  #isStopped = false
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  /** Other servers may deliver after this, by performance.now(). */
  #mineUntilMs = Number.POSITIVE_INFINITY
  #lapse: NodeJS.Timeout | undefined
  #saidOtherKey = false

  constructor(options: DestinationsOptions) {
    this.#options = options
    this.#records = options.records
    this.#secrets = options.secrets
  }

  async start(): Promise<void> {
    this.#isStarted = true
    await this.look()
    const { everyMs } = this.#records
    if (everyMs === null || this.#isStopped) return
    this.#lapse = setInterval(() => this.#stopLapsed(), everyMs).unref()
    const wait = () => {
      if (this.#isStopped) return
      this.#timer = setTimeout(() => {
        this.#looking = this.look()
          .catch((error: unknown) =>
            this.#options.log.warn({ err: messageOf(error) }, 'destinations are not looked after'),
          )
          .then(wait)
      }, everyMs).unref()
    }
    wait()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    clearInterval(this.#lapse)
    await this.#looking
    await this.#changes.run(async () => {
      await Promise.all([...this.#posts.values()].map(({ courier }) => courier.stop()))
      this.#posts.clear()
      // Else another server waits for the end of the lease.
      await this.#records.release().catch(() => undefined)
    })
  }

  /** Follows what other servers changed, and takes over what no server delivers to. */
  look(): Promise<void> {
    return this.#changes.run(async () => {
      const beganMs = performance.now()
      const mayTake = await this.#mayTake()
      const { entries, forMs } = await this.#records.load(mayTake)
      if (this.#isStopped) return
      this.#mineUntilMs = beganMs + forMs
      const ids = new Set(entries.map(({ record }) => record.id))
      for (const [id, { courier }] of this.#posts)
        if (!ids.has(id)) {
          this.#posts.delete(id)
          await courier.stop()
        }
      for (const entry of entries) await this.#follow(entry)
    })
  }

  async #mayTake(): Promise<boolean> {
    const fits = await this.#secrets.fits().catch(() => false)
    if (!fits && !this.#saidOtherKey)
      this.#options.log.error(
        { file: SECRETS_FILE },
        'this server delivers to no destination: it lacks the key of the other servers. Copy the file from one of their data directories',
      )
    this.#saidOtherKey = !fits
    return fits
  }

  async #follow(entry: Entry): Promise<void> {
    const { id } = entry.record
    const post = this.#posts.get(id)
    const known = post?.courier.entry
    const isSame = known?.recordVersion === entry.recordVersion && known.isMine === entry.isMine
    try {
      if (post === undefined || !isSame || (entry.isMine && post.courier.isLost)) {
        await post?.courier.stop()
        await this.#begin(entry)
        return
      }
      if (post.erasures !== entry.erasures) post.courier.forget()
      post.erasures = entry.erasures
      if (entry.isMine) await post.courier.reload(entry.version)
    } catch (error) {
      // Between the look and now it was changed, removed or taken again. The next look has it.
      if (!isChanged(error)) throw error
    }
  }

  /** Without an answer for the time of the lease: another server delivers by now. */
  #stopLapsed(): void {
    if (performance.now() < this.#mineUntilMs) return
    for (const courier of this.mine()) courier.abandon()
  }

  /** With their newest states. */
  async of(orgId: string): Promise<Courier[]> {
    const own = this.#all().filter(({ record }) => record.orgId === orgId)
    const fresh = await Promise.all(own.map(({ record }) => this.#fresh(record.id)))
    return fresh.flatMap((courier) => courier ?? [])
  }

  #all(): Courier[] {
    return [...this.#posts.values()].map(({ courier }) => courier)
  }

  /** Those that this server delivers to. */
  mine(): Courier[] {
    return this.#all().filter(({ entry }) => entry.isMine)
  }

  /** With its newest state. @throws AppError NO_DESTINATION */
  async get(orgId: string, id: string): Promise<Courier> {
    // Another server may have added it a moment ago.
    if (!this.#posts.has(id) && this.#records.everyMs !== null) await this.look()
    await this.#fresh(id)
    return this.#get(orgId, id)
  }

  #get(orgId: string, id: string): Courier {
    const courier = this.#posts.get(id)?.courier
    if (courier?.record.orgId === orgId) return courier
    throw new AppError('NO_DESTINATION', `there is no destination "${id}" in this organisation`)
  }

  /** Undefined: it is gone. */
  async #fresh(id: string): Promise<Courier | undefined> {
    const courier = this.#posts.get(id)?.courier
    if (courier?.entry.isMine !== false) return courier
    try {
      await courier.reload()
      return courier
    } catch (error) {
      if (!isChanged(error)) throw error
      await this.look()
      return this.#posts.get(id)?.courier
    }
  }

  get records(): DestinationRecords {
    return this.#records
  }

  /** Names and addresses of the destinations that have received sessions of the organisation. */
  async holders(orgId: string): Promise<string[]> {
    const sent = (await this.of(orgId)).filter(({ state }) => state.delivered > 0)
    return sent.map(({ record }) => `${record.name} (${targetOf(record)})`)
  }

  /** @throws AppError TOO_MANY, BAD_DESTINATION, SECRETS_OTHER */
  create(orgId: string, wanted: Wanted): Promise<Courier> {
    return this.#changes.run(async () => {
      await this.#mustSeal(wanted)
      const record = recordOf(this.#options, wanted, {
        id: `d${randomBytes(9).toString('hex')}`,
        orgId,
        paused: false,
        createdAt: new Date(this.#options.clockMs()).toISOString(),
      })
      const state = newState(this.#options.store.lastArrival())
      return this.#begin(await this.#records.create(record, state, mustHaveRoom))
    })
  }

  async #mustSeal({ secrets }: Wanted): Promise<void> {
    if (Object.values(secrets).some((secret) => secret !== null)) await this.#secrets.mustFit()
  }

  /** The new destination continues from the old cursor. @throws AppError NO_DESTINATION, BAD_DESTINATION, SECRETS_OTHER */
  replace(orgId: string, id: string, wanted: Wanted): Promise<Courier> {
    return this.#exchange(orgId, id, async (known) => {
      await this.#mustSeal(wanted)
      const { paused, createdAt } = known
      const own = { id, orgId, paused, createdAt }
      return recordOf(this.#options, wanted, own, secretsFor(wanted, known))
    })
  }

  /** @throws AppError NO_DESTINATION */
  pause(orgId: string, id: string, paused: boolean): Promise<Courier> {
    return this.#exchange(orgId, id, async (record) => ({ ...record, paused }))
  }

  /** @throws AppError NO_DESTINATION */
  remove(orgId: string, id: string): Promise<Courier> {
    return this.#changes.run(async () => {
      const courier = this.#get(orgId, id)
      if (!courier.entry.isMine) await courier.reload()
      this.#posts.delete(id)
      await courier.stop()
      await this.#records.remove(courier.record)
      return courier
    })
  }

  async removeOrg(orgId: string): Promise<void> {
    const own = this.#all().filter(({ record }) => record.orgId === orgId)
    for (const courier of own)
      await this.#changes.run(async () => {
        this.#posts.delete(courier.record.id)
        await courier.stop()
        await this.#records.remove(courier.record)
      })
  }

  /** Call it after sessions were deleted, because couriers may hold some of them in memory. */
  async forget(orgId: string): Promise<void> {
    for (const courier of this.#all()) if (courier.record.orgId === orgId) courier.forget()
    await this.#records.erased(orgId)
  }

  /** Counts the undelivered sessions that retention is about to delete. */
  async expiring(orgId: string, endedBeforeUs: number): Promise<void> {
    for (const courier of await this.of(orgId))
      await courier.backlog.expiring(endedBeforeUs).catch((error: unknown) => {
        const facts = { orgId, destination: courier.record.id, err: messageOf(error) }
        this.#options.log.error(facts, 'what a destination loses to the retention is not counted')
      })
  }

  #exchange(
    orgId: string,
    id: string,
    change: (record: DestinationRecord) => Promise<DestinationRecord>,
  ): Promise<Courier> {
    return this.#changes.run(async () => {
      const courier = this.#get(orgId, id)
      const record = await change(courier.record)
      await courier.stop()
      // The bounds of a pending attempt are valid only for the query that they were made with.
      const isSame =
        courier.record.query === record.query && recordsOf(courier.record) === recordsOf(record)
      const entry = await this.#records
        .replace(courier.entry, record, (state) => ({
          ...state,
          ...(isSame ? {} : { live: anew(state.live), backfills: state.backfills.map(anew) }),
          ...{ nextAttemptMs: 0, refusedInRow: 0 },
        }))
        .catch(async (error: unknown) => {
          await this.#begin(courier.entry).catch(() => this.#posts.delete(id))
          throw error
        })
      return this.#begin(entry)
    })
  }

  async #begin(entry: Entry): Promise<Courier> {
    const { record, erasures } = entry
    const saved = await this.#records.state(entry)
    const courier = new Courier(entry, saved, this.#parts(record))
    this.#posts.set(record.id, { courier, erasures })
    if (entry.isMine && this.#isStarted) courier.start()
    return courier
  }

  #parts(record: DestinationRecord) {
    const { store, log, clockMs } = this.#options
    return {
      store: sourceOf(store, recordsOf(record)),
      sessions: store,
      records: this.#records,
      log,
      clockMs,
      open: (r: DestinationRecord) => this.#open(r),
      presenter: (r: DestinationRecord) => this.#presenter(r, bodiesOf(r)),
      textPresenter: (r: DestinationRecord) => this.#presenter(r, textsOf(r)),
      rowsAhead: this.#rowsAhead,
    }
  }

  #presenter<Body extends EventBody>(
    record: DestinationRecord,
    eventsOf: (rows: readonly SentRow[], isTest?: boolean) => Body[],
  ): Presenter<Body> {
    const shown = (rows: readonly SentRow[], isTest?: boolean) => ({
      ...{ rows, events: eventsOf(rows, isTest) },
    })
    const { id, pseudonyms, secrets } = record
    if (!pseudonyms) return shown
    let disguises: ReturnType<typeof disguisesBy> | undefined
    return (plain, isTest) => {
      const key = () => this.#secrets.open(id, secrets[PSEUDONYM_KEY]!.sealed)
      disguises ??= disguisesBy(key(), pseudonyms)
      const { sessions, peers } = disguises
      return shown(
        plain.map((row) => (isPeer(row) ? peers(row) : sessions(row))),
        isTest,
      )
    }
  }

  #open(record: DestinationRecord): Receiver<EventBody> {
    const { id, kind, settings, secrets: sealed, columns } = record
    const own = Object.entries(sealed).filter(([name]) => name in KINDS[kind]!.secrets)
    const secrets = Object.fromEntries(
      own.map(([name, one]) => [name, this.#secrets.open(id, one.sealed)]),
    )
    const { version, log } = this.#options
    const guard = {
      ...this.#options.guard,
      onRefused: (host: string, address: string) =>
        log.warn(
          { destination: id, orgId: record.orgId, host, address },
          'the name of a destination leads to an address that is refused',
        ),
    }
    const receiver = KINDS[kind]!.open({
      ...{ settings, secrets, columns, guard, version, records: recordsOf(record) },
    })
    return redacting(receiver, Object.values(secrets))
  }
}

/** @throws AppError TOO_MANY_DESTINATIONS */
function mustHaveRoom({ ofOrg, all }: Counts): void {
  if (ofOrg >= DESTINATIONS_OF_ORG_MAX)
    throw new AppError(
      'TOO_MANY_DESTINATIONS',
      `an organisation has at most ${DESTINATIONS_OF_ORG_MAX} destinations; remove one`,
    )
  if (all >= DESTINATIONS_MAX)
    throw new AppError(
      'TOO_MANY_DESTINATIONS',
      `all organisations together have at most ${DESTINATIONS_MAX} destinations`,
    )
}

function isChanged(error: unknown): boolean {
  return error instanceof AppError && error.code === 'DESTINATION_CHANGED'
}

function anew<S extends { readonly pending: unknown }>(stream: S): S {
  return { ...stream, pending: null }
}
