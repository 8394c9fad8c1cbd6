/**
 * Metrics of each site in Prometheus' text format, and the completeness of its last 24 hours, as in /sites. Labels name
 * organisations, so only the operator gets these metrics (routes/operation.ts). The store is asked at most once in
 * CACHED_MS (10 s).
 */
import { groupBy } from '../../base/group-by.js'
import { type Unexplained, unexplainedOf } from '../../session/unexplained.js'
import { silentMs } from '../query/problems.js'
import type { MeterStatus } from '../store/store.js'
import type { ServerContext } from './context.js'
import { presentMeters } from './present-meters.js'
import { type InShort, judgeLately } from './site-completeness.js'

const CACHED_MS = 10_000
const SITES_MAX = 10_000
/** Bounds one organisation, so it cannot use up SITES_MAX. */
const SITES_OF_ORG_MAX = 1_000

interface Metric {
  readonly name: string
  readonly help: string
  /** Null: unknown, and no line. */
  readonly value: (site: Site, nowMs: number) => number | null
}

interface Site {
  /** Meters that watch an interface, not replays. */
  readonly meters: readonly MeterStatus[]
  /** The last 24 hours; undefined: no meter is expected at the site. */
  readonly lately: InShort | undefined
}

const METRICS: readonly Metric[] = [
  {
    name: 'tunmeter_site_silent_seconds',
    help: 'Seconds since the newest report of any meter of the site.',
    value: ({ meters }, nowMs) =>
      meters.length === 0 ? null : Math.min(...meters.map((m) => silentMs(m, nowMs) / 1e3)),
  },
  {
    name: 'tunmeter_site_unexplained_packets',
    help: 'Lower bound of packets that the kernel counted and the meters did not, in their newest runs.',
    value: unexplained('packets', 'unexplainedPacketsMin'),
  },
  {
    name: 'tunmeter_site_unexplained_bytes',
    help: 'Lower bound of IP octets that the kernel counted and the meters did not, if the interface or its peers count octets.',
    value: unexplained('bytes', 'unexplainedBytesMin'),
  },
  {
    name: 'tunmeter_site_packets_dropped',
    help: 'Packets dropped before they were metered, in the newest runs of the meters.',
    value: ({ meters }) => meters.reduce((sum, m) => sum + m.report.packetsDropped, 0),
  },
  {
    name: 'tunmeter_site_sessions_dropped',
    help: 'Sessions that the meters lost, in their newest runs.',
    value: ({ meters }) =>
      meters.flatMap((m) => Object.values(m.report.sessionsDropped)).reduce((sum, n) => sum + n, 0),
  },
  {
    name: 'tunmeter_site_complete',
    help: '1: nothing is known to be missing in the last 24 hours; 0: something is (tunmeter completeness).',
    value: ({ lately }) => (lately === undefined ? null : Number(lately.complete)),
  },
  {
    name: 'tunmeter_site_covered_share',
    help: 'Share of the last 24 hours without a hole, 0 to 1.',
    value: ({ lately }) => lately?.coveredShare ?? null,
  },
  {
    name: 'tunmeter_site_holes',
    help: 'Holes in the last 24 hours.',
    value: ({ lately }) => lately?.holes ?? null,
  },
  {
    name: 'tunmeter_site_sessions_lost',
    help: 'Sessions known to be lost in the last 24 hours.',
    value: ({ lately }) => lately?.sessionsLost ?? null,
  },
]

function unexplained(name: keyof Unexplained, figure: string): Metric['value'] {
  return ({ meters }) => {
    const known = meters.flatMap(({ report }) => {
      const { [figure]: compared, peersUnmeteredBytes } = report.reconciliation ?? {}
      const isCompared =
        compared !== undefined || (name === 'bytes' && peersUnmeteredBytes !== undefined)
      return isCompared ? [unexplainedOf(report)?.[name] ?? 0] : []
    })
    return known.length === 0 ? null : known.reduce((sum, n) => sum + n, 0)
  }
}

const LEFT_OUT = `# HELP tunmeter_sites_left_out Sites without metrics, because at most ${SITES_OF_ORG_MAX} of an organisation and ${SITES_MAX} of all are shown.
# TYPE tunmeter_sites_left_out gauge
tunmeter_sites_left_out `

type Asked = Pick<ServerContext, 'store' | 'control' | 'clockMs' | 'silenceMs'>

export class SiteMetrics {
  readonly #context: Asked
  #made: { readonly atMs: number; readonly text: Promise<string> } | undefined

  constructor(context: Asked) {
    this.#context = context
  }

  text(): Promise<string> {
    const nowMs = this.#context.clockMs()
    if (this.#made === undefined || Math.abs(nowMs - this.#made.atMs) >= CACHED_MS) {
      const text = this.#make(nowMs)
      this.#made = { atMs: nowMs, text }
      // A failure is not cached.
      text.catch(() => {
        this.#made = undefined
      })
    }
    return this.#made.text
  }

  async #make(nowMs: number): Promise<string> {
    const { control } = this.#context
    const sites: (Site & { labels: string })[] = []
    let leftOut = 0
    for (const { orgId } of control.orgs()) {
      const [present, lately] = await Promise.all([
        presentMeters(this.#context, orgId),
        judgeLately(this.#context, orgId),
      ])
      const watching = present.filter((m) => m.report.replay === undefined)
      const meters = groupBy(watching, (m) => m.siteId)
      const all = [...new Set([...meters.keys(), ...lately.keys()])].sort((a, b) => a - b)
      const shown = all.slice(0, Math.min(SITES_OF_ORG_MAX, SITES_MAX - sites.length))
      leftOut += all.length - shown.length
      for (const siteId of shown) {
        const labels = `{org="${orgId}",site="${siteId}"}`
        sites.push({ labels, meters: meters.get(siteId) ?? [], lately: lately.get(siteId) })
      }
    }
    const bySite = METRICS.map(({ name, help, value }) => {
      const lines = sites.flatMap((site) => {
        const now = value(site, nowMs)
        return now === null ? [] : [`${name}${site.labels} ${now}\n`]
      })
      return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`
    })
    return `${bySite.join('')}${LEFT_OUT}${leftOut}\n`
  }
}
