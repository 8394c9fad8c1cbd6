/** Completeness of an organisation's sites, as all that answers the question asks it. */
import { completenessOf, type SiteCompleteness } from '../query/completeness.js'
import type { completenessAnswer, Named } from '../query/completeness-answer.js'
import type { Cancel, Span } from '../store/store.js'
import type { ServerContext } from './context.js'

export interface Judged {
  readonly sites: SiteCompleteness[]
  readonly named: Named
}

/** @param asked these sites; undefined: all that have a meter or a key */
export async function judgeSites(
  { store, control, clockMs, silenceMs }: ServerContext,
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
  const removedMs = control.removals.of(orgId)
  const meters = coverage.meters.map((m) => {
    const atMs = removedMs({ ...m, receivedMs: Math.floor(m.receivedUs / 1e3) })
    return atMs === undefined ? m : { ...m, removedUs: atMs * 1e3 }
  })
  const keyed = control
    .keys(orgId)
    .flatMap((k) => (k.siteId === null || k.revokedAt !== null ? [] : [k.siteId]))
  const expected = { range, nowUs, silenceUs: silenceMs * 1e3, siteIds: asked ?? keyed }
  const names = new Map(catalog.sites.map((s) => [s.siteId, s.name]))
  return {
    sites: completenessOf({ ...coverage, meters }, expected),
    named: { names, range, nowUs, more: coverage.more },
  }
}

/** In short, for lists. */
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
