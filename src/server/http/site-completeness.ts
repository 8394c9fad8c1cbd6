/** Completeness of an organisation's sites, for every route and metric that shows it. */
import { completenessOf, type SiteCompleteness } from '../query/completeness.js'
import { completenessAnswer, type Named } from '../query/completeness-answer.js'
import type { Cancel, Span } from '../store/store.js'
import type { ServerContext } from './context.js'

export interface Judged {
  readonly sites: SiteCompleteness[]
  readonly named: Named
}

/** @param asked site ids; undefined: all sites that have a meter or a key */
export async function judgeSites(
  {
    store,
    control,
    clockMs,
    silenceMs,
  }: Pick<ServerContext, 'store' | 'control' | 'clockMs' | 'silenceMs'>,
  orgId: string,
  range: Span,
  asked?: readonly number[],
  cancel?: Cancel,
): Promise<Judged> {
  const nowUs = clockMs() * 1e3
  const [coverage, { catalog }] = await Promise.all([
    store.coverage(orgId, range, asked, cancel),
    store.catalog(orgId),
  ])
  const removedMs = await control.removals.of(orgId)
  const meters = coverage.meters.map((m) => {
    const atMs = removedMs({ ...m, receivedMs: Math.floor(m.receivedUs / 1e3) })
    return atMs === undefined ? m : { ...m, removedUs: atMs * 1e3 }
  })
  const keyed = (await control.keys(orgId)).flatMap((k) =>
    k.siteId === null || k.revokedAt !== null ? [] : [k.siteId],
  )
  const expected = { range, nowUs, silenceUs: silenceMs * 1e3, siteIds: asked ?? keyed }
  const names = new Map(catalog.sites.map((s) => [s.siteId, s.name]))
  return {
    sites: completenessOf({ ...coverage, meters }, expected),
    named: { names, range, nowUs, silenceUs: silenceMs * 1e3, more: coverage.more },
  }
}

/** The range of /sites and of the metrics: 24 h. */
const LATELY_US = 86400e6

/** The last 24 hours of each site that has a meter or a key. */
export async function judgeLately(
  context: Pick<ServerContext, 'store' | 'control' | 'clockMs' | 'silenceMs'>,
  orgId: string,
  cancel?: Cancel,
): Promise<ReadonlyMap<number, InShort>> {
  const nowUs = context.clockMs() * 1e3
  const range = { fromUs: nowUs - LATELY_US, toUs: nowUs }
  const { sites, named } = await judgeSites(context, orgId, range, undefined, cancel)
  return new Map(sites.map((s) => [s.siteId, inShort(completenessAnswer([s], named))]))
}

export type InShort = ReturnType<typeof inShort>

/** The summary of an answer, for lists. */
export function inShort({
  from,
  complete,
  until,
  coveredShare,
  sessionsLost,
  sentence,
  sites,
}: ReturnType<typeof completenessAnswer>) {
  const holes = sites.reduce((sum, s) => sum + s.meters.reduce((n, m) => n + m.holes.length, 0), 0)
  return { from, until, complete, coveredShare, sessionsLost, holes, sentence }
}

/** Holes listed in one page of the log. */
const MISSING_MAX = 1000

/** The holes of all sites, ordered by lost sessions, then by length; the largest first. */
export function missingIn({ sites }: ReturnType<typeof completenessAnswer>) {
  const all = sites.flatMap(({ siteId, meters }) =>
    meters.flatMap(({ meterId, holes }) =>
      holes.map((hole) => ({ ...hole, siteId, meterId, reason: hole.reason ?? hole.cause })),
    ),
  )
  return all
    .sort((a, b) => (b.sessions ?? 0) - (a.sessions ?? 0) || b.seconds - a.seconds)
    .slice(0, MISSING_MAX)
}
