/**
 * Each site in Prometheus' text. Its labels name organisations, so that only the operator gets it (routes/operation.ts).
 * Asked often, the store is asked once in CACHED_MS.
 */
import { groupBy } from '../../base/group-by.js'
import type { MeterStatus } from '../store/store.js'
import type { ServerContext } from './context.js'

const CACHED_MS = 10_000
const SITES_MAX = 10_000

interface Metric {
  readonly name: string
  readonly help: string
  /** Of the site's meters that watch something; null: nothing can be said. */
  readonly value: (meters: readonly MeterStatus[], nowMs: number) => number | null
}

const METRICS: readonly Metric[] = [
  {
    name: 'tunmeter_site_silent_seconds',
    help: 'Since the newest report of the site came: of its meter that has been silent for the least time.',
    value: (meters, nowMs) =>
      Math.min(...meters.map((m) => Math.max(0, nowMs - Date.parse(m.receivedAt)) / 1e3)),
  },
  {
    name: 'tunmeter_site_unexplained_packets',
    help: 'Packets that the kernel counted and the meters did not, at least, in their newest runs.',
    value: unexplained('unexplainedPacketsMin'),
  },
  {
    name: 'tunmeter_site_unexplained_bytes',
    help: 'The same in IP octets, where the interface counts those.',
    value: unexplained('unexplainedBytesMin'),
  },
  {
    name: 'tunmeter_site_packets_dropped',
    help: 'Packets dropped before they were metered, in the newest runs of the meters.',
    value: (meters) => meters.reduce((sum, m) => sum + m.report.packetsDropped, 0),
  },
  {
    name: 'tunmeter_site_sessions_dropped',
    help: 'Sessions that the meters know to be lost, in their newest runs.',
    value: (meters) =>
      meters.flatMap((m) => Object.values(m.report.sessionsDropped)).reduce((sum, n) => sum + n, 0),
  },
]

function unexplained(name: string): Metric['value'] {
  return (meters) => {
    const known = meters.flatMap(({ report: { reconciliation } }) =>
      reconciliation?.exact === 1 && reconciliation[name] !== undefined
        ? [reconciliation[name]]
        : [],
    )
    return known.length === 0 ? null : known.reduce((sum, n) => sum + Math.max(0, n), 0)
  }
}

export class SiteMetrics {
  readonly #context: Pick<ServerContext, 'store' | 'control' | 'clockMs'>
  #made: { readonly atMs: number; readonly text: Promise<string> } | undefined

  constructor(context: Pick<ServerContext, 'store' | 'control' | 'clockMs'>) {
    this.#context = context
  }

  text(): Promise<string> {
    const nowMs = this.#context.clockMs()
    if (this.#made === undefined || Math.abs(nowMs - this.#made.atMs) >= CACHED_MS) {
      const text = this.#make(nowMs)
      this.#made = { atMs: nowMs, text }
      // Asked again at once when it failed.
      text.catch(() => {
        this.#made = undefined
      })
    }
    return this.#made.text
  }

  async #make(nowMs: number): Promise<string> {
    const { store, control } = this.#context
    const sites: { labels: string; meters: MeterStatus[] }[] = []
    for (const { orgId } of control.orgs()) {
      if (sites.length >= SITES_MAX) break
      const watching = (await store.meters(orgId)).filter((m) => m.report.replay === undefined)
      for (const [siteId, meters] of groupBy(watching, (m) => m.siteId))
        sites.push({ labels: `{org="${orgId}",site="${siteId}"}`, meters })
    }
    const shown = sites.slice(0, SITES_MAX)
    return METRICS.map(({ name, help, value }) => {
      const lines = shown.flatMap(({ labels, meters }) => {
        const now = value(meters, nowMs)
        return now === null ? [] : [`${name}${labels} ${now}\n`]
      })
      return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`
    }).join('')
  }
}
