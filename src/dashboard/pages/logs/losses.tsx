/** An audit must know what its log does not hold: what is lost, and who is silent, of the sites that are asked for. */
import { useEffect } from 'preact/hooks'
import { fetchSites } from '../../api/admin.js'
import type { Gap, Site } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import { plural } from '../../format/bytes.js'
import { formatDateTime } from '../../format/time.js'
import { gapText } from '../../parts/gap-list.js'
import type { Span } from '../../state/range.js'
import { followLink, hrefOf } from '../../state/url.js'

const REFRESH_MS = 60_000

export interface LossesProps {
  readonly orgId: string
  readonly gaps: readonly Gap[]
  /** None: all of them. */
  readonly siteIds: readonly string[] | undefined
  readonly span: Span
}

export function Losses({ orgId, gaps, siteIds, span }: LossesProps) {
  const { data, loading, reload } = useQuery(`sites ${orgId}`, (signal) =>
    fetchSites(orgId, signal),
  )
  useEffect(() => {
    if (loading) return
    const timer = setTimeout(reload, REFRESH_MS)
    return () => clearTimeout(timer)
  }, [loading, reload])
  const sites = data?.sites ?? []
  const silent = sites
    .filter((site) => siteIds === undefined || siteIds.includes(String(site.siteId)))
    .filter((site) => site.status === 'silent' && lastReportMs(site) < span.endMs)
  if (gaps.length === 0 && silent.length === 0) return null
  return (
    <div class="banner losses">
      <div>
        {silent.length > 0 && <p>{silentText(silent)}</p>}
        {gaps.length > 0 && <p>{gapsText(gaps, sites)}</p>}
      </div>
      <a href={hrefOf('/sites')} onClick={followLink}>
        Sites
      </a>
    </div>
  )
}

const nameOf = (siteId: number, sites: readonly Site[]) =>
  sites.find((site) => site.siteId === siteId)?.siteName ?? `Site ${siteId}`

function lastReportMs(site: Site): number {
  return Math.max(...site.meters.map(({ receivedAt }) => Date.parse(receivedAt)))
}

function silentText(silent: readonly Site[]): string {
  const since = (site: Site) =>
    `${nameOf(site.siteId, silent)} since ${formatDateTime(lastReportMs(site))}`
  if (silent.length === 1) return `Silent: ${since(silent[0]!)}. What it saw since is not here.`
  const longest = [...silent].sort((a, b) => lastReportMs(a) - lastReportMs(b))[0]!
  return `${silent.length} sites are silent, ${since(longest)}. What they saw since is not here.`
}

function gapsText(gaps: readonly Gap[], sites: readonly Site[]): string {
  const worst = [...gaps].sort((a, b) => (b.sessions ?? 0) - (a.sessions ?? 0))[0]!
  const told = `${nameOf(worst.siteId, sites)}, ${gapText(worst)}.`
  if (gaps.length === 1) return `One gap in this time range: ${told}`
  return `${plural(gaps.length, 'gap')} in this time range. The largest: ${told}`
}
