/** Asks the store what the condition of an alert finds now. */
import { usToIso } from '../../base/instant.js'
import type { SiteCompleteness } from '../query/completeness.js'
import { HOLE_CAUSES, type HoleCause } from '../query/holes.js'
import { filterOfView } from '../query/view-query.js'
import type { LogFilter, Span, Store, SummaryGroup } from '../store/store.js'
import type { AlertRecord, Condition, Finding } from './alert.js'
import { ALERT_WORDS, type AlertWords } from './words.js'

/** New values and holes are searched in this last time (1 day), because meters may deliver late. */
const LOOKBACK_MS = 86400e3
const VALUES_MAX = 100

/** Causes that are no loss for an alert: `silence` reports silence, nobody meters yet, or somebody wanted the deletion. */
const NO_LOSS: readonly HoleCause[] = [
  ...(['neverReported', 'notWatched', 'silent', 'retentionOff', 'deletedByRetention'] as const),
  ...(['deletedByOperator', 'erased'] as const),
]
const LOSSES = HOLE_CAUSES.filter((cause) => !NO_LOSS.includes(cause))

export interface Sources {
  readonly store: Pick<Store, 'summary'>
  /** Completeness of sites; undefined: of all of the organisation. */
  readonly judge: (
    orgId: string,
    range: Span,
    siteIds: readonly number[] | undefined,
    signal: AbortSignal,
  ) => Promise<{
    readonly sites: readonly SiteCompleteness[]
    readonly names: ReadonlyMap<number, string>
  }>
}

export async function findingsOf(
  { orgId, query, condition, createdAt, language }: AlertRecord,
  sources: Sources,
  nowMs: number,
  signal: AbortSignal,
): Promise<Finding[]> {
  const sinceMs = Math.max(Date.parse(createdAt), nowMs - LOOKBACK_MS)
  const asked = { orgId, sources, words: ALERT_WORDS[language], signal }
  switch (condition.kind) {
    case 'count':
    case 'bytes': {
      const filter = filterOfView(query, nowMs - condition.withinMinutes * 60e3, nowMs)
      return overLimit(asked, filter, condition)
    }
    case 'newValue':
      return newValues(asked, [query, sinceMs, nowMs], condition.of)
    case 'silence':
    case 'hole': {
      const range = { fromUs: sinceMs * 1e3, toUs: nowMs * 1e3 }
      const { siteIds } = filterOfView(query, sinceMs, nowMs)
      const { sites, names } = await sources.judge(orgId, range, siteIds, signal)
      const { words } = asked
      const nameOf = (siteId: number) => names.get(siteId) ?? words.site(siteId)
      return condition.kind === 'silence'
        ? silent(sites, nameOf, words, nowMs)
        : holes(sites, nameOf, words)
    }
  }
}

interface Asked {
  readonly orgId: string
  readonly sources: Sources
  readonly words: AlertWords
  readonly signal: AbortSignal
}

async function overLimit(
  { orgId, sources, words, signal }: Asked,
  filter: LogFilter,
  { kind, over, withinMinutes }: Extract<Condition, { kind: 'count' | 'bytes' }>,
): Promise<Finding[]> {
  const request = { filter, groupBy: null, interval: null, top: 1, sort: 'bytes' } as const
  const { totals } = await sources.store.summary(orgId, request, { signal })
  const found = kind === 'count' ? totals.sessions : totals.bytesTx + totals.bytesRx
  if (found <= over) return []
  return [{ key: 'over', text: words.over(kind, found, withinMinutes, over) }]
}

const ID_FILTERS = { client: 'clientIds', user: 'userIds', resource: 'siteResourceIds' } as const

async function newValues(
  { orgId, sources: { store }, words, signal }: Asked,
  [query, fromMs, nowMs]: readonly [string, number, number],
  of: keyof typeof ID_FILTERS,
): Promise<Finding[]> {
  const groupBy: SummaryGroup = of
  const request = { groupBy, interval: null, top: VALUES_MAX, sort: 'sessions' } as const
  const filter = filterOfView(query, fromMs, nowMs)
  const { groups } = await store.summary(orgId, { ...request, filter }, { signal })
  const lately = groups.flatMap(({ id, name }) => (id === null ? [] : [{ id, name }]))
  if (lately.length === 0) return []
  const ids = lately.map(({ id }) => (of === 'user' ? id : Number(id)))
  const before = { ...filterOfView(query, 0, fromMs), [ID_FILTERS[of]]: ids }
  const known = await store.summary(orgId, { ...request, filter: before }, { signal })
  const knownIds = new Set(known.groups.map(({ id }) => id))
  return lately.map(({ id, name }) => ({
    key: `${of}:${id}`,
    text: knownIds.has(id) ? null : words.firstTime(of, name ?? id),
  }))
}

type NameOf = (siteId: number) => string

/** Meters that are silent now: their silence reaches to the end of the range. */
function silent(
  sites: readonly SiteCompleteness[],
  nameOf: NameOf,
  words: AlertWords,
  nowMs: number,
): Finding[] {
  return sites.flatMap(({ siteId, meters }) =>
    meters.flatMap(({ meterId, holes: all }) =>
      all
        .filter(({ cause, toUs }) => cause === 'silent' && toUs >= nowMs * 1e3)
        .map(({ fromUs }) => ({
          key: `silent:${siteId}:${meterId}`,
          text: words.silent(nameOf(siteId), usToIso(fromUs), meterId),
        })),
    ),
  )
}

function holes(sites: readonly SiteCompleteness[], nameOf: NameOf, words: AlertWords): Finding[] {
  return sites.flatMap(({ siteId, meters }) =>
    meters.flatMap(({ meterId, holes: all }) =>
      all
        .filter(({ cause }) => LOSSES.includes(cause))
        .map(({ cause, reason, fromUs, toUs, beganUs = fromUs, sessions }) => ({
          key: `hole:${siteId}:${meterId}:${cause}:${beganUs}`,
          text: words.hole(nameOf(siteId), {
            ...{ cause: reason ?? words.causes[cause], sessions },
            ...{ from: usToIso(fromUs), to: usToIso(toUs) },
          }),
        })),
    ),
  )
}
