/**
 * A store in memory: the contracts in their plainest form. Nothing here is fast, small or durable; an engine is right
 * when it answers as this does.
 */
import { type Kept, verdictOf } from '../../../../src/server/store/merge.js'
import type {
  CatalogVersion,
  Gap,
  LogFilter,
  Store,
  StoredSession,
  Subject,
  UsageRequest,
  WriteReceipt,
  WriteRequest,
} from '../../../../src/server/store/store.js'
import { type Catalog, EMPTY_CATALOG } from '../../../../src/session/catalog.js'
import { isOpen } from '../../../../src/session/session.js'

const DAY_US = 86400e6

/** What the tests of the contract ask of a store. */
export interface ContractStore
  extends Pick<Store, 'write' | 'writeLoose' | 'closeInterrupted' | 'expire' | 'erase'>,
    Pick<Store, 'removeSessions' | 'removeOrg' | 'putCatalog' | 'catalog'> {
  count(orgId: string, filter: LogFilter): Promise<number>
  usage(orgId: string, request: UsageRequest): Promise<readonly Used[]>
  gaps(orgId: string, fromUs: number, toUs: number): Promise<readonly Lost[]>
}
export type Used = Pick<Totals, 'sessions' | 'bytesTx'> & { month: string; id: string | null }
export type Lost = Pick<Gap, 'siteId' | 'meterId' | 'reason' | 'sessions'>
interface Totals {
  sessions: number
  bytesTx: number
}

interface Row {
  session: StoredSession
  /** The run that reported it, by the start that its reports name. */
  run: string
  /** As interrupted, by closeInterrupted(). */
  closed: boolean
  cameUs: number
}

/** The newest batch of one spool of a meter. */
interface Life {
  number: number
  run: string
  heardUs: number
}

type Deleted = Pick<StoredSession, 'orgId' | 'siteId' | 'startTimeUs' | 'bytesTx'> &
  Pick<StoredSession, 'clientId' | 'userId' | 'siteResourceId'>

export class MemoryStore implements ContractStore {
  readonly #nowUs: () => number
  readonly #silenceUs: number
  readonly #rows = new Map<string, Row>()
  /** Which meter reported a run first. */
  readonly #owners = new Map<string, string>()
  readonly #booked = new Map<string, number | undefined>()
  readonly #lives = new Map<string, Life>()
  readonly #lost = new Map<string, Lost & { orgId: string }>()
  #deleted: Deleted[] = []
  readonly #catalogs = new Map<string, CatalogVersion>()
  /** Also of those that have gone from the catalog. */
  readonly #names = new Map<string, string>()

  constructor(nowUs: () => number, silenceUs: number) {
    this.#nowUs = nowUs
    this.#silenceUs = silenceUs
  }

  write({ orgId, siteId, batch, sessions }: WriteRequest): Promise<WriteReceipt> {
    const { meterId, spoolId = '', batch: number, crc, report } = batch
    const life = `${orgId}/${siteId}/${meterId}/${spoolId}`
    const identity = `${life}/${number}`
    const repeated = this.#booked.has(identity)
    if (repeated && crc !== undefined && this.#booked.get(identity) !== crc)
      return Promise.resolve({ batch: number, stored: 0, repeated: false, conflict: true })
    if (!repeated) {
      this.#booked.set(identity, crc)
      if (number > (this.#lives.get(life)?.number ?? 0))
        this.#lives.set(life, { number, run: report.startedAt, heardUs: this.#nowUs() })
      for (const one of sessions) this.#append(one, report.startedAt, meterId)
    }
    return Promise.resolve({ batch: number, stored: sessions.length, repeated })
  }

  writeLoose(_orgId: string, _siteId: number, sessions: readonly StoredSession[]): Promise<void> {
    for (const one of sessions) this.#append(one, '', null)
    return Promise.resolve()
  }

  /** @param meterId null: of no batch */
  #append(session: StoredSession, run: string, meterId: string | null): void {
    const place = `${session.orgId}/${session.siteId}/`
    const key = place + session.sessionId
    const ofRun = place + session.sessionId.slice(0, 18)
    if (meterId !== null && !this.#owners.has(ofRun)) this.#owners.set(ofRun, meterId)
    const row = this.#rows.get(key)
    const foreign = meterId !== null && this.#owners.get(ofRun) !== meterId
    const verdict = verdictOf(session, row && this.#kept(row), foreign)
    if (verdict === 'conflict') this.#lose(session, 'sessionConflict')
    if (verdict === 'take')
      this.#rows.set(key, { session, run, closed: false, cameUs: this.#nowUs() })
  }

  #kept({ session, closed, cameUs }: Row): Kept {
    const ended = closed || !isOpen(session)
    return { record: session, ended, stale: this.#nowUs() - cameUs >= DAY_US }
  }

  #lose({ orgId, siteId, meterId }: StoredSession, reason: string): void {
    const key = `${orgId}/${siteId}/${meterId}/${reason}`
    const sessions = (this.#lost.get(key)?.sessions ?? 0) + 1
    this.#lost.set(key, { orgId, siteId, meterId, reason, sessions })
  }

  /** The life that may go on with it; none: it is over. */
  #going({ session: { orgId, siteId, meterId }, run }: Row): Life | undefined {
    const meter = `${orgId}/${siteId}/${meterId}/`
    return [...this.#lives]
      .filter(([key, life]) => key.startsWith(meter) && life.run === run)
      .map(([, life]) => life)
      .sort((a, b) => b.heardUs - a.heardUs)[0]
  }

  #stateOf(row: Row): 'open' | 'ended' | 'interrupted' {
    if (!isOpen(row.session)) return 'ended'
    const life = row.closed ? undefined : this.#going(row)
    const speaks = life !== undefined && life.heardUs >= this.#nowUs() - this.#silenceUs
    return speaks ? 'open' : 'interrupted'
  }

  #of(orgId: string): [string, Row][] {
    return [...this.#rows].filter(([, { session }]) => session.orgId === orgId)
  }

  /** See Engine. */
  lines(orgId: string): string[] {
    const lines = this.#of(orgId).map(([, row]) => {
      const { siteId, sessionId, packetsTx, clientId } = row.session
      const name = clientId === null ? null : this.#names.get(`${orgId}/${clientId}`)
      return `${siteId} ${sessionId} ${this.#stateOf(row)} ${packetsTx} ${name ?? '-'}`
    })
    return lines.sort()
  }

  /** Of its filters only these. */
  count(orgId: string, { fromUs, toUs, state }: LogFilter): Promise<number> {
    const found = this.#of(orgId).filter(([, row]) => {
      const { startTimeUs } = row.session
      const is = this.#stateOf(row)
      // What nothing reports any more has ended, as far as anybody can know.
      const fits = state === undefined || state === is || (state === 'ended' && is !== 'open')
      return fits && startTimeUs >= fromUs && startTimeUs < toUs
    })
    return Promise.resolve(found.length)
  }

  closeInterrupted(): Promise<number> {
    const over = [...this.#rows.values()].filter(
      (row) => isOpen(row.session) && !row.closed && this.#going(row) === undefined,
    )
    for (const row of over) Object.assign(row, { closed: true, cameUs: this.#nowUs() })
    return Promise.resolve(over.length)
  }

  #delete(rows: readonly [string, Row][]): number {
    for (const [key] of rows) this.#rows.delete(key)
    return rows.length
  }

  expire(orgId: string, beforeUs: number): Promise<number> {
    const old = this.#of(orgId).filter(([, { session }]) => session.endTimeUs < beforeUs)
    this.#deleted.push(...old.map(([, { session }]) => session))
    return Promise.resolve(this.#delete(old))
  }

  async erase(orgId: string, subject: Subject): Promise<number> {
    const isTheirs = (one: Deleted) =>
      'userId' in subject ? one.userId === subject.userId : one.clientId === subject.clientId
    const nameless = { clientId: null, userId: null }
    const theirs = this.#of(orgId).filter(([, { session }]) => isTheirs(session))
    for (const [, row] of theirs) {
      this.#lose(row.session, 'erased')
      // What is open is reported again by its meter; the others have their sums for good.
      if (this.#stateOf(row) !== 'open') this.#deleted.push({ ...row.session, ...nameless })
    }
    this.#deleted = this.#deleted.map((one) =>
      one.orgId === orgId && isTheirs(one) ? { ...one, ...nameless } : one,
    )
    if ('clientId' in subject) {
      const { clients } = (await this.catalog(orgId)).catalog
      const isNamed = clients.some(({ clientId }) => clientId === subject.clientId)
      if (!isNamed) this.#names.delete(`${orgId}/${subject.clientId}`)
    }
    return this.#delete(theirs)
  }

  removeSessions(orgId: string, siteId: number): Promise<number> {
    const its = this.#of(orgId).filter(([, { session }]) => session.siteId === siteId)
    for (const [, { session }] of its) {
      this.#lose(session, 'deletedByOperator')
      this.#deleted.push(session)
    }
    return Promise.resolve(this.#delete(its))
  }

  removeOrg(orgId: string): Promise<number> {
    for (const map of [this.#booked, this.#lives, this.#owners, this.#lost, this.#names])
      for (const key of map.keys()) if (key.startsWith(`${orgId}/`)) map.delete(key)
    this.#catalogs.delete(orgId)
    this.#deleted = this.#deleted.filter((one) => one.orgId !== orgId)
    return Promise.resolve(this.#delete(this.#of(orgId)))
  }

  usage(orgId: string, { fromMonth, toMonth, groupBy }: UsageRequest): Promise<readonly Used[]> {
    const keys = { client: 'clientId', user: 'userId', resource: 'siteResourceId', site: 'siteId' }
    const sums = new Map<string, Used>()
    const live = this.#of(orgId).map(([, { session }]) => session)
    for (const one of [...live, ...this.#deleted.filter((d) => d.orgId === orgId)]) {
      const month = new Date(one.startTimeUs / 1e3).toISOString().slice(0, 7)
      if (month < fromMonth || month > toMonth) continue
      const value = one[keys[groupBy] as 'clientId']
      const id = value === null ? null : String(value)
      const sum = sums.get(`${month} ${id}`) ?? { month, id, sessions: 0, bytesTx: 0 }
      sums.set(`${month} ${id}`, sum)
      Object.assign(sum, { sessions: sum.sessions + 1, bytesTx: sum.bytesTx + (one.bytesTx ?? 0) })
    }
    return Promise.resolve([...sums.values()])
  }

  gaps(orgId: string): Promise<readonly Lost[]> {
    return Promise.resolve([...this.#lost.values()].filter((one) => one.orgId === orgId))
  }

  catalog(orgId: string): Promise<CatalogVersion> {
    const none = { catalog: EMPTY_CATALOG, etag: 'none', updatedAt: '' }
    return Promise.resolve(this.#catalogs.get(orgId) ?? none)
  }

  async putCatalog(orgId: string, catalog: Catalog, ifMatch?: readonly string[]) {
    const { etag } = await this.catalog(orgId)
    if (ifMatch !== undefined && !ifMatch.includes(etag)) return null
    for (const { clientId, name } of catalog.clients) this.#names.set(`${orgId}/${clientId}`, name)
    const version = { catalog, etag: JSON.stringify(catalog), updatedAt: '' }
    this.#catalogs.set(orgId, version)
    return version
  }
}
