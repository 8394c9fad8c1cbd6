/** What sessions in ClickHouse need beside it, in memory; and a ledger, so that tests can send batches. */
import type {
  DeletedSums,
  DeletedTotals,
  Deletion,
  GoingRun,
  KeptUsage,
  Loss,
  OrgNames,
  SessionMeta,
} from '../../src/server/store/clickhouse/meta.js'
import { Mutex } from '../../src/server/store/mutex.js'
import type { Gap, Subject, UsageRequest, WriteRequest } from '../../src/server/store/store.js'
import type { Catalog } from '../../src/session/catalog.js'

interface Names {
  clients: Map<number, string>
  users: Map<string, { name: string; email: string | null }>
  resources: Map<number, string>
  sites: Map<number, string>
}

const KEYS = {
  client: 'clientId',
  user: 'userId',
  resource: 'siteResourceId',
  site: 'siteId',
} as const
const NO_SUMS: DeletedSums = {
  ...{ sessions: 0n, connections: 0n },
  ...{ bytesTx: 0n, bytesRx: 0n, packetsTx: 0n, packetsRx: 0n },
}

/** It outlives a restart of the server, as a database does. */
export class MemoryMeta implements SessionMeta {
  readonly #names = new Map<string, Names>()
  readonly #today = new Map<string, Catalog>()
  readonly #runs = new Map<string, GoingRun & { readonly number: number }>()
  readonly #owners = new Map<string, string>()
  readonly #booked = new Map<string, number | undefined>()
  #arrival = 0
  losses: Loss[] = []
  #totals: (DeletedTotals & { readonly orgId: string })[] = []
  readonly #deletions = new Map<string, Deletion>()

  readonly #mutex = new Mutex()

  /** Of all organisations, one at a time. */
  alone<T>(_orgId: string, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(work)
  }

  names(orgId: string): Promise<OrgNames> {
    return Promise.resolve(this.#namesOf(orgId))
  }

  #namesOf(orgId: string): Names {
    const known = this.#names.get(orgId)
    if (known !== undefined) return known
    const none = { clients: new Map(), users: new Map(), resources: new Map(), sites: new Map() }
    this.#names.set(orgId, none)
    return none
  }

  putCatalog(orgId: string, catalog: Catalog): void {
    const names = this.#namesOf(orgId)
    const next: Names = {
      clients: new Map(names.clients),
      users: new Map(names.users),
      resources: new Map(names.resources),
      sites: new Map(names.sites),
    }
    for (const { clientId, name } of catalog.clients) next.clients.set(clientId, name)
    for (const { userId, name, email = null } of catalog.users)
      next.users.set(userId, { name, email })
    for (const { siteResourceId, name } of catalog.resources)
      next.resources.set(siteResourceId, name)
    for (const { siteId, name } of catalog.sites) next.sites.set(siteId, name)
    this.#names.set(orgId, next)
    this.#today.set(orgId, catalog)
  }

  goingRuns(orgId?: string): Promise<readonly GoingRun[]> {
    const runs = [...this.#runs.values()]
    return Promise.resolve(orgId === undefined ? runs : runs.filter((run) => run.orgId === orgId))
  }

  claimRuns(orgId: string, siteId: number, meterId: string, runs: readonly string[]) {
    const owners = new Map<string, string>()
    for (const run of runs) {
      const key = `${orgId}/${siteId}/${run}`
      if (!this.#owners.has(key)) this.#owners.set(key, meterId)
      owners.set(run, this.#owners.get(key)!)
    }
    return Promise.resolve(owners)
  }

  arriving<T>(_orgIds: readonly string[], work: (arrival: number) => Promise<T>): Promise<T> {
    return work(++this.#arrival)
  }

  addLosses(losses: readonly Loss[]): Promise<void> {
    this.losses.push(...losses)
    return Promise.resolve()
  }

  beginDeletion(deletion: Deletion): Promise<void> {
    if (this.#deletions.has(deletion.id)) return Promise.resolve()
    this.#deletions.set(deletion.id, deletion)
    this.#totals.push(...deletion.totals.map((one) => ({ ...one, orgId: deletion.orgId })))
    this.losses.push(...deletion.losses)
    return Promise.resolve()
  }

  endDeletion(id: string): Promise<void> {
    this.#deletions.delete(id)
    return Promise.resolve()
  }

  deletions(): Promise<readonly Pick<Deletion, 'id' | 'orgId'>[]> {
    return Promise.resolve([...this.#deletions.values()])
  }

  hiddenBefore(): Promise<number> {
    return Promise.resolve(0)
  }

  keptUsage(orgId: string, { fromMonth, toMonth, groupBy }: UsageRequest) {
    const sums = new Map<string, KeptUsage>()
    for (const one of this.#totals) {
      if (one.orgId !== orgId || one.month < fromMonth || one.month > toMonth) continue
      const value = one[KEYS[groupBy]]
      const id = value === null ? null : String(value)
      const key = JSON.stringify([one.month, id])
      const before = sums.get(key) ?? { month: one.month, id, ...NO_SUMS }
      const added = Object.entries(NO_SUMS).map(([name]) => {
        const field = name as keyof DeletedSums
        return [field, before[field] + one[field]]
      })
      sums.set(key, { ...before, ...Object.fromEntries(added) })
    }
    return Promise.resolve([...sums.values()])
  }

  forget(orgId: string, subject: Subject): Promise<void> {
    const isTheirs = (one: DeletedTotals) =>
      'userId' in subject ? one.userId === subject.userId : one.clientId === subject.clientId
    this.#totals = this.#totals.map((one) =>
      one.orgId === orgId && isTheirs(one) ? { ...one, clientId: null, userId: null } : one,
    )
    if ('clientId' in subject) {
      const { clientId } = subject
      const today = this.#today.get(orgId)?.clients ?? []
      if (!today.some((client) => client.clientId === clientId))
        this.#namesOf(orgId).clients.delete(clientId)
    }
    return Promise.resolve()
  }

  expireUsage(beforeMonth: string): Promise<void> {
    this.#totals = this.#totals.filter(({ month }) => month >= beforeMonth)
    return Promise.resolve()
  }

  /** Whether a batch is new, booked already, or another one of its number. */
  fateOf({ orgId, siteId, batch }: WriteRequest): 'new' | 'repeated' | 'conflict' {
    const identity = identityOf(orgId, siteId, batch)
    if (!this.#booked.has(identity)) return 'new'
    const { crc } = batch
    return crc !== undefined && this.#booked.get(identity) !== crc ? 'conflict' : 'repeated'
  }

  book({ orgId, siteId, batch }: WriteRequest, receivedUs: number, losses: readonly Loss[]): void {
    this.#booked.set(identityOf(orgId, siteId, batch), batch.crc)
    this.losses.push(...losses)
    const { meterId, spoolId = '', batch: number, report } = batch
    const life = `${orgId}/${siteId}/${meterId}/${spoolId}`
    if (number <= (this.#runs.get(life)?.number ?? 0)) return
    const runStartedUs = Date.parse(report.startedAt) * 1e3
    this.#runs.set(life, { ...{ orgId, siteId, meterId, runStartedUs, receivedUs }, number })
  }

  gaps(orgId: string): readonly Pick<Gap, 'siteId' | 'meterId' | 'reason' | 'sessions'>[] {
    return this.losses.filter((one) => one.orgId === orgId)
  }

  removeOrg(orgId: string): void {
    for (const map of [this.#booked, this.#runs, this.#owners])
      for (const key of map.keys()) if (key.startsWith(`${orgId}/`)) map.delete(key)
    this.losses = this.losses.filter((one) => one.orgId !== orgId)
    this.#totals = this.#totals.filter((one) => one.orgId !== orgId)
    this.#names.delete(orgId)
    this.#today.delete(orgId)
  }
}

function identityOf(orgId: string, siteId: number, batch: WriteRequest['batch']): string {
  return `${orgId}/${siteId}/${batch.meterId}/${batch.spoolId ?? ''}/${batch.batch}`
}
