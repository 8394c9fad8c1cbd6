/** The counters of chosen clients and resources (watched.ts) in Prometheus' text format. */
import type { Series, Watched } from './watched.js'

interface Head {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
}

interface WatchedMetric extends Head {
  readonly of: 'client' | 'resource'
  /** Undefined: unknown, and no line. The key is a further label, or empty. */
  readonly values: (series: Series) => Readonly<Record<string, number | undefined>>
}

const bytes = ({ bytesTx, bytesRx }: Series) => ({
  'direction="tx"': bytesTx,
  'direction="rx"': bytesRx,
})
const SENT = 'IP octets by direction: tx from initiator to responder, rx back.'

export const WATCHED_METRICS: readonly WatchedMetric[] = [
  {
    ...{ name: 'tunmeter_client_bytes_total', type: 'counter', of: 'client', help: SENT },
    values: bytes,
  },
  {
    ...{ name: 'tunmeter_client_sessions_total', type: 'counter', of: 'client' },
    help: 'Ended sessions with the client at either end.',
    values: ({ sessions }) => ({ '': sessions }),
  },
  {
    ...{ name: 'tunmeter_client_sessions_refused_total', type: 'counter', of: 'client' },
    help: 'Of these, the sessions that the destination refused (REJ).',
    values: ({ refused }) => ({ '': refused }),
  },
  {
    ...{ name: 'tunmeter_client_endpoint_changes_total', type: 'counter', of: 'client' },
    help: 'Changes of the outer address of the client’s peer.',
    values: ({ endpointChanges }) => ({ '': endpointChanges }),
  },
  {
    ...{ name: 'tunmeter_client_last_handshake_timestamp_seconds', type: 'gauge', of: 'client' },
    help: 'Latest known handshake of the client’s peer; absent if none is known.',
    values: ({ handshakeUs }) => ({ '': handshakeUs === 0 ? undefined : handshakeUs / 1e6 }),
  },
  {
    ...{ name: 'tunmeter_resource_bytes_total', type: 'counter', of: 'resource', help: SENT },
    values: bytes,
  },
  {
    ...{ name: 'tunmeter_resource_sessions_total', type: 'counter', of: 'resource' },
    help: 'Ended sessions of the resource.',
    values: ({ sessions }) => ({ '': sessions }),
  },
  {
    ...{ name: 'tunmeter_resource_sessions_refused_total', type: 'counter', of: 'resource' },
    help: 'Of these, the sessions that the destination refused (REJ).',
    values: ({ refused }) => ({ '': refused }),
  },
]

/** Of all groups together. */
export const LEFT_OUT: Head = {
  name: 'tunmeter_watched_left_out',
  type: 'gauge',
  help: 'Chosen clients and resources without metrics, because there are too many.',
}
export const DEFERRED: Head = {
  name: 'tunmeter_watched_deferred_total',
  type: 'counter',
  help: 'Reports of open sessions that do not count before these sessions end, because there are too many.',
}

export interface WatchedGroup {
  /** Null: a meter's. */
  readonly orgId: string | null
  readonly watched: Watched
}

export function watchedText(groups: readonly WatchedGroup[]): string {
  const text = WATCHED_METRICS.map(
    (metric) => head(metric) + groups.map((group) => linesOf(metric, group)).join(''),
  )
  const sum = (read: (watched: Watched) => number) =>
    groups.reduce((all, { watched }) => all + read(watched), 0)
  const leftOut = (['clients', 'resources'] as const).map(
    (kind) => `${LEFT_OUT.name}{kind="${kind}"} ${sum((one) => one[kind].leftOut)}\n`,
  )
  const deferred = `${DEFERRED.name} ${sum((one) => one.deferred)}\n`
  return [...text, head(LEFT_OUT), ...leftOut, head(DEFERRED), deferred].join('')
}

function linesOf({ name, of, values }: WatchedMetric, { orgId, watched }: WatchedGroup): string {
  const org = orgId === null ? '' : `org="${escaped(orgId)}",`
  const { series } = of === 'client' ? watched.clients : watched.resources
  let lines = ''
  for (const [id, one] of series) {
    const labels = `${org}${of}="${id}",name="${escaped(one.name)}"`
    for (const [more, value] of Object.entries(values(one)))
      if (value !== undefined)
        lines += `${name}{${labels}${more === '' ? '' : `,${more}`}} ${value}\n`
  }
  return lines
}

function head({ name, type, help }: Head): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

/** People choose names. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
