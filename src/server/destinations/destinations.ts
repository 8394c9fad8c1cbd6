/**
 * All destinations of the server. Each has its own Courier, which never waits for another one. The cost of a
 * destination is bounded: one attempt in flight, one batch in memory (eventsMax, bytesMax), its share of RowsAhead, and
 * DEAD_LETTERS_MAX. The number of destinations is bounded per organisation and per server. Reading the log uses the
 * organisation's share of the store's connections.
 *
 * Limit: only one server may use the data directory, as for the store. Several servers have none (none.ts).
 */
import { randomBytes } from 'node:crypto'
import { AppError, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { Organisations } from '../control/control.js'
import type { LmdbControl } from '../control/lmdb/lmdb-control.js'
import { Mutex } from '../store/mutex.js'
import type { Store } from '../store/store.js'
import { RowsAhead } from './batch-reader.js'
import { Courier } from './courier.js'
import { COLUMN_NAMES, type EventBody, filterOfQuery, type Presenter } from './events.js'
import { PEER_COLUMNS } from './formats/peers.js'
import { checkUrl, type GuardOptions, NotAllowed } from './guard.js'
import type { Receiver } from './kind.js'
import { bodiesOf, KINDS, secretsOf, textsOf } from './kinds/kinds.js'
import { disguisesBy, PSEUDONYM_KEY, type PseudonymSettings } from './pseudonyms.js'
import {
  DESTINATIONS_MAX,
  DESTINATIONS_OF_ORG_MAX,
  type DestinationRecord,
  DestinationRecords,
} from './records.js'
import { redacting } from './redacting.js'
import { isPeer, type Records, type SentRow, sourceOf } from './rows.js'
import { lastFour, Secrets } from './secrets.js'

export interface DestinationsOptions {
  readonly store: Pick<
    Store,
    'lastArrival' | 'arrived' | 'countArrived' | 'page' | 'arrivedPeers' | 'countArrivedPeers'
  >
  readonly control: Pick<Organisations, 'org'> & Pick<LmdbControl, 'table'>
  readonly directory: string
  readonly guard: GuardOptions
  readonly log: Logger
  readonly version: string
  readonly clockMs: () => number
}

export interface Wanted {
  readonly name: string
  readonly kind: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Null removes a secret. A secret that is not named stays. */
  readonly secrets: Readonly<Record<string, string | null>>
  readonly records: Records
  readonly query: string
  readonly columns: readonly string[] | null
  readonly eventsMax: number
  readonly bytesMax: number
  readonly fillSeconds: number
  readonly pseudonyms: PseudonymSettings | null
  readonly openSeconds: number
}

export class Destinations {
  readonly #options: DestinationsOptions
  readonly #records: DestinationRecords
  readonly #secrets: Secrets
  readonly #couriers = new Map<string, Courier>()
  /** Changes run one at a time, because a destination must never have two couriers. */
  readonly #changes = new Mutex()
  readonly #rowsAhead = new RowsAhead()
  #started = false

  constructor(options: DestinationsOptions) {
    this.#options = options
    this.#records = new DestinationRecords(options.control)
    this.#secrets = new Secrets(options.directory)
  }

  async start(): Promise<void> {
    this.#started = true
    for (const record of this.#records.all()) {
      // The server was killed while it removed this organisation.
      if (this.#options.control.org(record.orgId) === undefined) await this.#records.remove(record)
      else this.#begin(record)
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#couriers.values()].map((courier) => courier.stop()))
    this.#couriers.clear()
  }

  of(orgId: string): Courier[] {
    return this.#records.of(orgId).flatMap(({ id }) => this.#couriers.get(id) ?? [])
  }

  all(): Courier[] {
    return [...this.#couriers.values()]
  }

  /** @throws AppError NO_DESTINATION */
  get(orgId: string, id: string): Courier {
    const courier = this.#couriers.get(id)
    if (courier?.record.orgId === orgId) return courier
    throw new AppError('NO_DESTINATION', `there is no destination "${id}" in this organisation`)
  }

  get records(): DestinationRecords {
    return this.#records
  }

  /** Names and addresses of the destinations that have received sessions of the organisation. */
  holders(orgId: string): string[] {
    const sent = this.of(orgId).filter(({ state }) => state.delivered > 0)
    return sent.map(({ record }) => `${record.name} (${targetOf(record)})`)
  }

  /** @throws AppError TOO_MANY, BAD_DESTINATION */
  create(orgId: string, wanted: Wanted): Promise<Courier> {
    return this.#changes.run(async () => {
      this.#mustHaveRoom(orgId)
      const record = this.#recordOf(wanted, {
        id: `d${randomBytes(9).toString('hex')}`,
        orgId,
        paused: false,
        createdAt: new Date(this.#options.clockMs()).toISOString(),
      })
      const { state } = new Courier(record, this.#parts(record))
      // The state holds the starting point, so both must be durable before the courier starts.
      await Promise.all([this.#records.putState(record.id, state), this.#records.put(record)])
      return this.#begin(record)
    })
  }

  #mustHaveRoom(orgId: string): void {
    if (this.#records.of(orgId).length >= DESTINATIONS_OF_ORG_MAX)
      throw new AppError(
        'TOO_MANY_DESTINATIONS',
        `an organisation has at most ${DESTINATIONS_OF_ORG_MAX} destinations; remove one`,
      )
    if (this.#records.all().length >= DESTINATIONS_MAX)
      throw new AppError(
        'TOO_MANY_DESTINATIONS',
        `this server has at most ${DESTINATIONS_MAX} destinations`,
      )
  }

  /** The new destination continues from the old cursor. @throws AppError NO_DESTINATION, BAD_DESTINATION */
  replace(orgId: string, id: string, wanted: Wanted): Promise<Courier> {
    return this.#exchange(orgId, id, (known) => {
      const { paused, createdAt } = known
      const own = { id, orgId, paused, createdAt }
      return this.#recordOf(wanted, own, secretsFor(wanted, known))
    })
  }

  /** @throws AppError NO_DESTINATION */
  pause(orgId: string, id: string, paused: boolean): Promise<Courier> {
    return this.#exchange(orgId, id, (record) => ({ ...record, paused }))
  }

  /** @throws AppError NO_DESTINATION */
  remove(orgId: string, id: string): Promise<Courier> {
    return this.#changes.run(async () => {
      const courier = this.get(orgId, id)
      this.#couriers.delete(id)
      await courier.stop()
      await this.#records.remove(courier.record)
      return courier
    })
  }

  async removeOrg(orgId: string): Promise<void> {
    for (const { id } of this.#records.of(orgId)) await this.remove(orgId, id)
  }

  /** Call it after sessions were deleted, because couriers may hold some of them in memory. */
  forget(orgId: string): void {
    for (const courier of this.of(orgId)) courier.forget()
  }

  /** Counts the undelivered sessions that retention is about to delete. */
  async expiring(orgId: string, endedBeforeUs: number): Promise<void> {
    for (const courier of this.of(orgId))
      await courier.backlog.expiring(endedBeforeUs).catch((error: unknown) => {
        const facts = { orgId, destination: courier.record.id, err: messageOf(error) }
        this.#options.log.error(facts, 'what a destination loses to the retention is not counted')
      })
  }

  #exchange(
    orgId: string,
    id: string,
    change: (record: DestinationRecord) => DestinationRecord,
  ): Promise<Courier> {
    return this.#changes.run(async () => {
      const courier = this.get(orgId, id)
      const record = change(courier.record)
      await courier.stop()
      const { state } = courier
      // The bounds of a pending attempt are valid only for the query that they were made with.
      const isSame =
        courier.record.query === record.query && recordsOf(courier.record) === recordsOf(record)
      const unbound = isSame ? {} : { live: anew(state.live), backfills: state.backfills.map(anew) }
      const hurried = { nextAttemptMs: 0, refusedInRow: 0 }
      await Promise.all([
        this.#records.put(record),
        this.#records.putState(id, { ...state, ...unbound, ...hurried }),
      ])
      return this.#begin(record)
    })
  }

  #begin(record: DestinationRecord): Courier {
    const courier = new Courier(record, this.#parts(record))
    this.#couriers.set(record.id, courier)
    if (this.#started) courier.start()
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

  /** @throws AppError BAD_DESTINATION */
  #recordOf(
    { secrets, ...wanted }: Wanted,
    own: Pick<DestinationRecord, 'id' | 'orgId' | 'paused' | 'createdAt'>,
    known: DestinationRecord['secrets'] = {},
  ): DestinationRecord {
    this.#check(wanted)
    const sealed = { ...known }
    for (const [name, secret] of Object.entries(secrets)) {
      if (secret === null) delete sealed[name]
      else sealed[name] = { sealed: this.#secrets.seal(own.id, secret), lastFour: lastFour(secret) }
    }
    const kindSecrets = secretsOf(wanted.kind)
    if (wanted.pseudonyms !== null && sealed[PSEUDONYM_KEY] === undefined)
      throw bad(`secrets.${PSEUDONYM_KEY}: expected it, since pseudonyms are made with it`)
    for (const [name, { required }] of Object.entries(kindSecrets))
      if (required && sealed[name] === undefined)
        throw bad(
          `secrets.${name}: expected it, since a destination of kind ${wanted.kind} needs it`,
        )
    for (const name of Object.keys(sealed)) if (!(name in kindSecrets)) delete sealed[name]
    return { ...own, ...wanted, secrets: sealed }
  }

  /** Checks beyond the schema: the query, and whether this server may send to the address. */
  #check({ settings, kind, query, ...wanted }: Omit<Wanted, 'secrets'>): void {
    checkRecords({ settings, query, ...wanted })
    try {
      filterOfQuery(query)
      const isEncrypted = KINDS[kind]!.isEncrypted(settings)
      checkUrl(new URL(targetOf({ kind, settings })), this.#options.guard, isEncrypted)
    } catch (error) {
      if (error instanceof NotAllowed) throw bad(`settings: ${error.message}`)
      throw bad(`q: ${messageOf(error)}`)
    }
  }
}

export function recordsOf({ records = 'sessions' }: Pick<DestinationRecord, 'records'>): Records {
  return records
}

/** Settings that only sessions have, or only events of peers. @throws AppError BAD_DESTINATION */
function checkRecords(
  wanted: Pick<Wanted, 'records' | 'query' | 'columns' | 'openSeconds' | 'settings'>,
): void {
  const { records, query, columns, openSeconds, settings } = wanted
  const known = records === 'peers' ? PEER_COLUMNS : COLUMN_NAMES
  const unknown = columns?.find((name) => !known.includes(name))
  if (unknown !== undefined) throw bad(`columns: ${records} have no field "${unknown}"`)
  if (records === 'sessions') return
  if (query !== '')
    throw bad('q: expected none, since a destination of events of peers gets all of them')
  if (openSeconds !== 0) throw bad('openSeconds: expected 0, since events of peers are never open')
  if (settings.file === 'parquet')
    throw bad('settings.file: expected ndjson, since only sessions are written as Parquet')
}

export function targetOf({ kind, settings }: Pick<DestinationRecord, 'kind' | 'settings'>): string {
  return KINDS[kind]!.target(settings)
}

/**
 * The secrets that stay. If the address changes, each secret must be given again or removed. Otherwise a user who may
 * change the destination could send its secrets to a server of their own. The pseudonym key stays, because it is never
 * sent.
 */
function secretsFor(wanted: Wanted, known: DestinationRecord): DestinationRecord['secrets'] {
  if (targetOf(wanted) === targetOf(known)) return known.secrets
  const sent = Object.keys(known.secrets).filter((name) => name !== PSEUDONYM_KEY)
  const unsaid = sent.find((name) => !(name in wanted.secrets))
  if (unsaid !== undefined)
    throw bad(`secrets.${unsaid}: expected it again, or null, since the address is another one`)
  return known.secrets
}

function anew<S extends { readonly pending: unknown }>(stream: S): S {
  return { ...stream, pending: null }
}

function bad(message: string): AppError {
  return new AppError('BAD_DESTINATION', message)
}
