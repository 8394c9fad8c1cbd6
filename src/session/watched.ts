/**
 * Counters of chosen clients and resources, for Prometheus (watched-text.ts). A meter has one `Watched`, a server one for
 * each organisation. In: the catalog, reports of sessions, and what is known of peers. A client or resource is chosen by
 * its id, or by its name in the catalog, where `*` stands for any text.
 *
 * A session counts for its client, for the client at its other end, and for its resource: its bytes when they are
 * reported, the session itself when it ends. A repeated or corrected report adds only what is new in it.
 *
 * Bounds: WATCHED_MAX clients and as many resources; `leftOut` counts the others that were chosen. REMEMBERED_MAX open
 * sessions, further ones count when they end (`deferred`); and as many ended ones: of more, the one reported longest ago
 * is forgotten, and counts again if its meter corrects it later.
 */
import type { CatalogLists } from './catalog.js'
import type { Session } from './session.js'

export const WATCHED_MAX = 1_000
export const REMEMBERED_MAX = 65_536
const PATTERN_LENGTH_MAX = 255

export interface Chosen {
  readonly clients: readonly string[]
  readonly resources: readonly string[]
}

export interface WatchedOptions {
  /** False: a session counts only when it ends, so the reports of an open session may come to several counters. */
  readonly open: boolean
  readonly max?: number
  readonly rememberedMax?: number
}

export interface Series {
  readonly name: string
  bytesTx: number
  bytesRx: number
  sessions: number
  refused: number
  endpointChanges: number
  /** 0: none is known. */
  handshakeUs: number
}

/** What was counted of a session. */
type Counted = Pick<Series, 'bytesTx' | 'bytesRx' | 'sessions' | 'refused'>
const AMOUNTS = ['bytesTx', 'bytesRx', 'sessions', 'refused'] as const
const NOTHING: Counted = { bytesTx: 0, bytesRx: 0, sessions: 0, refused: 0 }

type Reported = Pick<
  Session,
  'sessionId' | 'endReason' | 'clientId' | 'otherClientId' | 'siteResourceId'
> & {
  /** Null in access logs. */
  readonly [K in 'bytesTx' | 'bytesRx' | 'connectionCount']: number | null
} & { readonly connState: Session['connState'] | null }

export class Watched {
  readonly clients: Kind
  readonly resources: Kind
  readonly #options: WatchedOptions
  readonly #open = new Map<string, Counted>()
  readonly #ended = new Map<string, Counted>()
  #deferred = 0

  constructor(chosen: Chosen, options: WatchedOptions) {
    this.#options = options
    this.clients = new Kind(chosen.clients, options.max)
    this.resources = new Kind(chosen.resources, options.max)
  }

  /** Reports of open sessions that were not counted, because REMEMBERED_MAX were open. */
  get deferred(): number {
    return this.#deferred
  }

  /** Keeps the counters of what is still chosen. */
  catalogChanged({ clients, resources }: Pick<CatalogLists, 'clients' | 'resources'>): void {
    this.clients.replace(namesOf(clients, ({ clientId }) => clientId))
    this.resources.replace(namesOf(resources, ({ siteResourceId }) => siteResourceId))
  }

  take(report: Reported): void {
    const { sessionId, clientId, otherClientId, siteResourceId } = report
    const client = this.clients.of(clientId)
    const other = otherClientId === clientId ? undefined : this.clients.of(otherClientId)
    const resource = this.resources.of(siteResourceId)
    if (client === undefined && other === undefined && resource === undefined) return
    const isOpen = report.endReason === 'activeTimeout'
    const before = this.#open.get(sessionId) ?? this.#ended.get(sessionId)
    if (isOpen && before === undefined && !this.#mayRemember()) return
    const now = countedOf(report, isOpen, before ?? NOTHING)
    for (const name of AMOUNTS) {
      const more = now[name] - (before?.[name] ?? 0)
      if (client !== undefined) client[name] += more
      if (other !== undefined) other[name] += more
      if (resource !== undefined) resource[name] += more
    }
    this.#remember(sessionId, now, isOpen)
  }

  endpointChanged(clientId: number | null): void {
    const client = this.clients.of(clientId)
    if (client !== undefined) client.endpointChanges++
  }

  handshake(clientId: number | null, atUs: number | null): void {
    const client = this.clients.of(clientId)
    if (client !== undefined) client.handshakeUs = Math.max(client.handshakeUs, atUs ?? 0)
  }

  #mayRemember(): boolean {
    if (!this.#options.open) return false
    if (this.#open.size < (this.#options.rememberedMax ?? REMEMBERED_MAX)) return true
    this.#deferred++
    return false
  }

  #remember(sessionId: string, counted: Counted, isOpen: boolean): void {
    this.#ended.delete(sessionId)
    if (isOpen) {
      this.#open.set(sessionId, counted)
      return
    }
    this.#open.delete(sessionId)
    this.#ended.set(sessionId, counted)
    if (this.#ended.size > (this.#options.rememberedMax ?? REMEMBERED_MAX))
      this.#ended.delete(this.#ended.keys().next().value!)
  }
}

/** The chosen clients, or the chosen resources. */
class Kind {
  readonly #chosen: readonly RegExp[]
  readonly #max: number
  readonly #series = new Map<number, Series>()
  #leftOut = 0

  constructor(chosen: readonly string[], max: number = WATCHED_MAX) {
    this.#chosen = chosen.map(patternOf)
    this.#max = max
  }

  get series(): ReadonlyMap<number, Series> {
    return this.#series
  }

  get leftOut(): number {
    return this.#leftOut
  }

  of(id: number | null): Series | undefined {
    return id === null ? undefined : this.#series.get(id)
  }

  replace(names: ReadonlyMap<number, string>): void {
    const isChosen = (text: string) => this.#chosen.some((pattern) => pattern.test(text))
    const matching = new Map(
      [...names].filter(([id, name]) => isChosen(String(id)) || isChosen(name)),
    )
    for (const [id, series] of this.#series) {
      const name = matching.get(id)
      matching.delete(id)
      if (name === undefined) this.#series.delete(id)
      else if (name !== series.name) this.#series.set(id, { ...series, name })
    }
    const room = Math.max(0, this.#max - this.#series.size)
    const ids = [...matching.keys()].sort((a, b) => a - b)
    for (const id of ids.slice(0, room)) this.#series.set(id, emptySeries(matching.get(id)!))
    this.#leftOut = Math.max(0, ids.length - room)
  }
}

/** @throws Error that says what is expected */
export function checkPattern(text: string): string {
  if (text.trim() !== '' && text.length <= PATTERN_LENGTH_MAX) return text
  throw new Error('expected a name or an id; * stands for any text, as in backup*')
}

function patternOf(text: string): RegExp {
  const parts = text.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\/]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'isu')
}

function namesOf<T extends { readonly name: string }>(
  entries: Iterable<T>,
  idOf: (entry: T) => number,
): Map<number, string> {
  const names = new Map<number, string>()
  for (const entry of entries) names.set(idOf(entry), entry.name)
  return names
}

function emptySeries(name: string): Series {
  return { name, ...NOTHING, endpointChanges: 0, handshakeUs: 0 }
}

/** Never less than before, because a counter must not fall. */
function countedOf(report: Reported, isOpen: boolean, before: Counted): Counted {
  const sessions = isOpen ? 0 : (report.connectionCount ?? 1)
  return {
    bytesTx: Math.max(before.bytesTx, report.bytesTx ?? 0),
    bytesRx: Math.max(before.bytesRx, report.bytesRx ?? 0),
    sessions: Math.max(before.sessions, sessions),
    refused: Math.max(before.refused, report.connState === 'REJ' ? sessions : 0),
  }
}
