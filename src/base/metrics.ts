/**
 * The meter's metrics, names after the Prometheus conventions. docs/operations.md explains each and is held to this
 * list by a test.
 *
 * In: a snapshot of plain numbers, taken when somebody scrapes. Counters are the meter's own, cumulative since its
 * start; nothing is counted here.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export interface InterfaceSnapshot {
  readonly interface: string
  readonly up: boolean
  readonly packets: number
  readonly bytes: number
  readonly sessionPackets: number
  readonly sessionBytes: number
  readonly pendingPackets: number
  readonly other: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>
  readonly opened: number
  readonly ended: Readonly<Record<string, number>>
  readonly open: number
  readonly evictions: number
  readonly waitingSynsFull: number
  readonly kernelDropped: number
  readonly interfaceDropped: number
  readonly reopened: number
  readonly peers: number
  readonly endpointChanges: number
  readonly unattributed: Readonly<Record<string, number>>
  /** As in the report to the server; figures that cannot be had are left out. */
  readonly reconciliation: Readonly<Record<string, number>>
}

/** What a meter writes besides, or instead of, what it delivers to a server. */
export interface OutputSnapshot {
  readonly output: string
  readonly up: boolean
  readonly written: number
  readonly dropped: number
  readonly held: number
  readonly failures: number
}

export interface MeterSnapshot {
  readonly version: string
  readonly interfaces: readonly InterfaceSnapshot[]
  readonly sessionsDropped: Readonly<Record<string, number>>
  readonly outputs: readonly OutputSnapshot[]
  /** Absent without a server. */
  readonly spool?: {
    readonly batches: number
    readonly bytes: number
    readonly bytesMax: number
    readonly sessions: number
    readonly setAside: number
    readonly setAsideBytes: number
    readonly oldestSeconds: number
    readonly heldSessions: number
    readonly writeFailures: number
  }
  readonly ship?: {
    readonly requests: number
    readonly failures: number
    readonly batchesStored: number
    readonly batchesRepeated: number
    readonly batchesConflicting: number
    readonly batchesUnexpected: number
    readonly sessionsStored: number
    readonly sessionsRefused: number
    readonly bytesSent: number
    readonly up: boolean
    readonly lastStoredSeconds: number
  }
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

interface Metric {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  readonly labels?: readonly string[]
  readonly read: (s: MeterSnapshot) => readonly Sample[]
}

const one = (value: number): Sample[] => [[{}, value]]

function each(read: (i: InterfaceSnapshot) => number): Metric['read'] {
  return (s) => s.interfaces.map((i) => [{ interface: i.interface }, read(i)])
}

function eachReason(
  read: (i: InterfaceSnapshot) => Readonly<Record<string, number>>,
): Metric['read'] {
  return (s) =>
    s.interfaces.flatMap((i) =>
      Object.entries(read(i)).map(([reason, n]): Sample => [{ interface: i.interface, reason }, n]),
    )
}

/** Absent where the figure is. */
function figure(name: string, labels: Readonly<Record<string, string>> = {}): Metric['read'] {
  return (s) =>
    s.interfaces.flatMap((i) => {
      const value = i.reconciliation[name]
      return value === undefined ? [] : [[{ interface: i.interface, ...labels }, value] as Sample]
    })
}

/** Absent without a server. */
function spool(read: (s: NonNullable<MeterSnapshot['spool']>) => number): Metric['read'] {
  return (s) => (s.spool === undefined ? [] : one(read(s.spool)))
}

function ship(read: (s: NonNullable<MeterSnapshot['ship']>) => number): Metric['read'] {
  return (s) => (s.ship === undefined ? [] : one(read(s.ship)))
}

function output(read: (o: OutputSnapshot) => number): Metric['read'] {
  return (s) => s.outputs.map((o) => [{ output: o.output }, read(o)])
}

function bounds(name: string): Metric['read'] {
  const min = figure(`${name}Min`, { bound: 'min' })
  const max = figure(`${name}Max`, { bound: 'max' })
  return (s) => [...min(s), ...max(s)]
}

const INTERFACE = ['interface']
const OUTPUT = ['output']
const BOUND = ['interface', 'bound']
const REASON = ['interface', 'reason']

function counter(
  name: string,
  help: string,
  read: Metric['read'],
  labels?: readonly string[],
): Metric {
  return { name, kind: 'counter', help, read, ...(labels && { labels }) }
}

function gauge(
  name: string,
  help: string,
  read: Metric['read'],
  labels?: readonly string[],
): Metric {
  return { name, kind: 'gauge', help, read, ...(labels && { labels }) }
}

function traffic(
  i: InterfaceSnapshot,
  unit: 'packets' | 'bytes',
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(i.other).map(([reason, t]) => [reason, t[unit]]))
}

export const METER_METRICS: readonly Metric[] = [
  gauge(
    'tunmeter_build_info',
    'Always 1; the version is a label.',
    (s) => [[{ version: s.version }, 1]],
    ['version'],
  ),
  gauge(
    'tunmeter_interface_up',
    '1 while the interface is read, 0 while it is gone.',
    each((i) => Number(i.up)),
    INTERFACE,
  ),
  counter(
    'tunmeter_interface_reopened_total',
    'Times a gone interface was opened again.',
    each((i) => i.reopened),
    INTERFACE,
  ),
  counter(
    'tunmeter_packets_total',
    'Packets read.',
    each((i) => i.packets),
    INTERFACE,
  ),
  counter(
    'tunmeter_bytes_total',
    'IP octets read.',
    each((i) => i.bytes),
    INTERFACE,
  ),
  counter(
    'tunmeter_session_packets_total',
    'Packets counted into sessions.',
    each((i) => i.sessionPackets),
    INTERFACE,
  ),
  counter(
    'tunmeter_session_bytes_total',
    'IP octets counted into sessions.',
    each((i) => i.sessionBytes),
    INTERFACE,
  ),
  counter(
    'tunmeter_other_packets_total',
    'Packets that are no part of a session, by reason.',
    eachReason((i) => traffic(i, 'packets')),
    REASON,
  ),
  counter(
    'tunmeter_other_bytes_total',
    'Octets that are no part of a session, by reason.',
    eachReason((i) => traffic(i, 'bytes')),
    REASON,
  ),
  gauge(
    'tunmeter_pending_fragments',
    'Fragments that wait for their first.',
    each((i) => i.pendingPackets),
    INTERFACE,
  ),
  counter(
    'tunmeter_sessions_opened_total',
    'Sessions opened.',
    each((i) => i.opened),
    INTERFACE,
  ),
  counter(
    'tunmeter_session_reports_total',
    'Session reports by IPFIX end reason; activeTimeout: interim.',
    eachReason((i) => i.ended),
    REASON,
  ),
  gauge(
    'tunmeter_open_sessions',
    'Sessions in the flow table.',
    each((i) => i.open),
    INTERFACE,
  ),
  counter(
    'tunmeter_flow_evictions_total',
    'Sessions ended early because the flow table was full.',
    each((i) => i.evictions),
    INTERFACE,
  ),
  counter(
    'tunmeter_waiting_syns_full_total',
    'SYNs on known connections that could not wait for their answer since 4,096 did.',
    each((i) => i.waitingSynsFull),
    INTERFACE,
  ),
  counter(
    'tunmeter_packets_dropped_total',
    'Packets lost before they could be read: kernel (its buffer was full), interface.',
    (s) =>
      s.interfaces.flatMap((i) => [
        [{ interface: i.interface, reason: 'kernel' }, i.kernelDropped],
        [{ interface: i.interface, reason: 'interface' }, i.interfaceDropped],
      ]),
    REASON,
  ),
  counter(
    'tunmeter_sessions_dropped_total',
    'Sessions lost in the meter, by reason; the server knows of each.',
    (s) => Object.entries(s.sessionsDropped).map(([reason, n]) => [{ reason }, n]),
    ['reason'],
  ),
  gauge(
    'tunmeter_peers',
    'WireGuard peers of the interface.',
    each((i) => i.peers),
    INTERFACE,
  ),
  counter(
    'tunmeter_peer_endpoint_changes_total',
    'Times a peer’s outer address changed.',
    each((i) => i.endpointChanges),
    INTERFACE,
  ),
  counter(
    'tunmeter_unattributed_sessions_total',
    'Sessions without a client, by reason.',
    eachReason((i) => i.unattributed),
    REASON,
  ),
  gauge(
    'tunmeter_unexplained_packets',
    'Packets that the kernel counted and the meter did not; the truth lies between min and max.',
    bounds('unexplainedPackets'),
    BOUND,
  ),
  gauge(
    'tunmeter_unexplained_bytes',
    'The same in IP octets, where the interface counts those.',
    bounds('unexplainedBytes'),
    BOUND,
  ),
  gauge(
    'tunmeter_peers_compared',
    'WireGuard peers whose transfer is compared with what was metered for them.',
    figure('peersCompared'),
    INTERFACE,
  ),
  gauge(
    'tunmeter_peers_unexplained',
    'Those whose transfer the metered packets, handshakes and keepalives do not explain.',
    figure('peersUnexplained'),
    INTERFACE,
  ),
  gauge(
    'tunmeter_peers_unexplained_bytes',
    'Octets of their transfer that are not explained.',
    figure('peersUnexplainedBytes'),
    INTERFACE,
  ),
  gauge(
    'tunmeter_spool_batches',
    'Batches that wait to be sent.',
    spool((p) => p.batches),
  ),
  gauge(
    'tunmeter_spool_bytes',
    'Disk space of the waiting batches.',
    spool((p) => p.bytes),
  ),
  gauge(
    'tunmeter_spool_bytes_max',
    'The bound of tunmeter_spool_bytes (--spool-max).',
    spool((p) => p.bytesMax),
  ),
  gauge(
    'tunmeter_spool_sessions',
    'Sessions in the waiting batches.',
    spool((p) => p.sessions),
  ),
  gauge(
    'tunmeter_spool_oldest_seconds',
    'Age of the oldest waiting batch.',
    spool((p) => p.oldestSeconds),
  ),
  gauge(
    'tunmeter_spool_held_sessions',
    'Sessions in memory that are not on disk yet.',
    spool((p) => p.heldSessions),
  ),
  counter(
    'tunmeter_spool_write_failures_total',
    'Failed writes to the spool; each is tried again.',
    spool((p) => p.writeFailures),
  ),
  gauge(
    'tunmeter_spool_set_aside_batches',
    'Batches that the server refused for good.',
    spool((p) => p.setAside),
  ),
  gauge(
    'tunmeter_spool_set_aside_bytes',
    'Disk space of the refused batches.',
    spool((p) => p.setAsideBytes),
  ),
  gauge(
    'tunmeter_server_up',
    '1 while batches are stored, 0 while sending fails.',
    ship((p) => Number(p.up)),
  ),
  gauge(
    'tunmeter_server_last_stored_timestamp_seconds',
    'When the server last confirmed a batch; 0: never.',
    ship((p) => p.lastStoredSeconds),
  ),
  counter(
    'tunmeter_server_requests_total',
    'Batches sent, repeats included.',
    ship((p) => p.requests),
  ),
  counter(
    'tunmeter_server_failures_total',
    'Batches that were sent in vain.',
    ship((p) => p.failures),
  ),
  counter(
    'tunmeter_batches_stored_total',
    'Batches that the server confirmed.',
    ship((p) => p.batchesStored),
  ),
  counter(
    'tunmeter_batches_repeated_total',
    'Confirmed batches that the server had before.',
    ship((p) => p.batchesRepeated),
  ),
  counter(
    'tunmeter_batches_conflicting_total',
    'Batches that had the identity of another one at the server: the spool was restored or copied. Sent again under a new one.',
    ship((p) => p.batchesConflicting),
  ),
  counter(
    'tunmeter_batches_unexpectedly_repeated_total',
    'Batches that were sent once and that the server says it had: they may not be stored.',
    ship((p) => p.batchesUnexpected),
  ),
  counter(
    'tunmeter_sessions_stored_total',
    'Session reports that the server confirmed.',
    ship((p) => p.sessionsStored),
  ),
  counter(
    'tunmeter_sessions_refused_total',
    'Session reports that the server refused one by one; set aside.',
    ship((p) => p.sessionsRefused),
  ),
  counter(
    'tunmeter_sent_bytes_total',
    'Bytes of batches sent, compressed.',
    ship((p) => p.bytesSent),
  ),
  gauge(
    'tunmeter_output_up',
    '1 while the output (ndjson) can be written, 0 while it cannot.',
    output((o) => Number(o.up)),
    OUTPUT,
  ),
  counter(
    'tunmeter_output_sessions_written_total',
    'Sessions written to the output.',
    output((o) => o.written),
    OUTPUT,
  ),
  counter(
    'tunmeter_output_sessions_dropped_total',
    'Sessions that are not in the output: it could not be written for too long, or has ended.',
    output((o) => o.dropped),
    OUTPUT,
  ),
  gauge(
    'tunmeter_output_held_sessions',
    'Sessions in memory that wait to be written to the output.',
    output((o) => o.held),
    OUTPUT,
  ),
  counter(
    'tunmeter_output_write_failures_total',
    'Failed writes to the output; each is tried again.',
    output((o) => o.failures),
    OUTPUT,
  ),
]

export class MeterMetrics {
  readonly #registry = new Registry()

  constructor(snapshot: () => MeterSnapshot) {
    collectDefaultMetrics({ register: this.#registry })
    for (const metric of METER_METRICS) this.#register(metric, snapshot)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #register(metric: Metric, snapshot: () => MeterSnapshot): void {
    const options = {
      name: metric.name,
      help: metric.help,
      labelNames: [...(metric.labels ?? [])],
      registers: [this.#registry],
    }
    if (metric.kind === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset()
          for (const [labels, value] of metric.read(snapshot())) this.set(labels, value)
        },
      })
      return
    }
    new Counter({
      ...options,
      // The value is counted elsewhere: taken as it is, not added to.
      collect() {
        this.reset()
        for (const [labels, value] of metric.read(snapshot())) this.inc(labels, value)
      },
    })
  }
}
