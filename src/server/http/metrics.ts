/** The server's Prometheus metrics. No label may name an organisation, a site or a person. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { StoreStats } from '../store/store.js'
import { CLOSED_REASONS } from './connections.js'

/** Undefined: the engine has no such figure. */
type ReadStat = (stats: StoreStats) => number | undefined

export class ServerMetrics {
  readonly registry = new Registry()
  readonly batches: Counter<'result'>
  readonly twoLives: Counter
  readonly sessions: Counter<'result'>
  readonly peerEvents: Counter<'result'>
  readonly ingestSeconds: Histogram
  readonly requestSeconds: Histogram<'method' | 'route' | 'status'>
  readonly exportRows: Counter<'format'>
  readonly stalledExports: Counter
  readonly expiredSessions: Counter
  readonly authFailures: Counter<'reason'>
  readonly closedConnections: Counter<'reason'>

  constructor(stats: () => StoreStats) {
    const registers = [this.registry]
    collectDefaultMetrics({ register: this.registry })
    this.batches = new Counter({
      name: 'tunmeter_server_batches_total',
      help: 'Batches received, by result: stored, repeated, conflict, failed.',
      labelNames: ['result'],
      registers,
    })
    this.twoLives = new Counter({
      name: 'tunmeter_server_two_lives_batches_total',
      help: 'Batches of a meter id that two meters use at the same time.',
      registers,
    })
    this.sessions = new Counter({
      name: 'tunmeter_server_sessions_total',
      help: 'Session records received, by result: stored, refused, retentionOff.',
      labelNames: ['result'],
      registers,
    })
    this.peerEvents = new Counter({
      name: 'tunmeter_server_peer_events_total',
      help: 'Events of WireGuard peers received, by result: stored, refused.',
      labelNames: ['result'],
      registers,
    })
    this.ingestSeconds = new Histogram({
      name: 'tunmeter_server_ingest_seconds',
      help: 'Seconds from a batch’s last byte to its durable commit.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    })
    this.requestSeconds = new Histogram({
      name: 'tunmeter_server_request_seconds',
      help: 'HTTP requests, by method, route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    })
    this.exportRows = new Counter({
      name: 'tunmeter_server_export_rows_total',
      help: 'Rows exported, by format (parquet: files).',
      labelNames: ['format'],
      registers,
    })
    this.stalledExports = new Counter({
      name: 'tunmeter_server_stalled_exports_total',
      help: 'Exports closed because their client read nothing for five minutes.',
      registers,
    })
    this.expiredSessions = new Counter({
      name: 'tunmeter_server_expired_sessions_total',
      help: 'Sessions deleted because their retention had passed.',
      registers,
    })
    this.authFailures = new Counter({
      name: 'tunmeter_server_auth_failures_total',
      help: 'Requests refused with 401, 403 or 429, by reason.',
      labelNames: ['reason'],
      registers,
    })
    this.closedConnections = new Counter({
      name: 'tunmeter_server_closed_connections_total',
      help: `Connections that the server closed at a bound: ${CLOSED_REASONS.join(', ')}.`,
      labelNames: ['reason'],
      registers,
    })
    this.#storeGauges(stats, registers)
    this.#storeCounters(stats, registers)
  }

  /** Counters that the store keeps. */
  #storeCounters(stats: () => StoreStats, registers: Registry[]): void {
    const counter = (name: string, help: string, read: ReadStat) => {
      if (read(stats()) === undefined) return
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(read(stats())!)
        },
      })
    }
    counter(
      'tunmeter_server_log_damaged_places_total',
      'Places of the log whose entries cannot be read any more.',
      (s) => s.damagedLogPlaces,
    )
    counter(
      'tunmeter_server_refused_batches_total',
      'Acknowledged batches that the database refused: their sessions are losses in the log.',
      (s) => s.refusedBatches,
    )
    counter(
      'tunmeter_server_revised_sessions_total',
      'Ended sessions that a later report of their meter replaced.',
      (s) => s.revisedSessions,
    )
    counter(
      'tunmeter_server_conflicting_sessions_total',
      'Session records that were not taken: they would have rewritten a stored session, or were of another meter’s run.',
      (s) => s.conflictingSessions,
    )
    counter(
      'tunmeter_server_late_reads_total',
      'Answers from a database that did not yet hold all that was acknowledged before they were asked for.',
      (s) => s.lateReads,
    )
    counter(
      'tunmeter_server_store_checkpoints_total',
      'Times that the write-ahead log was written into the database file (checkpoint).',
      (s) => s.checkpoints,
    )
    counter(
      'tunmeter_server_store_failed_checkpoints_total',
      'Times that it could not be: a long export or backup reads, or the disk is nearly full.',
      (s) => s.failedCheckpoints,
    )
    counter(
      'tunmeter_server_store_failed_rollups_total',
      'Times that sums by the hour could not be made; answers are counted from the rows until they are.',
      (s) => s.failedRollups,
    )
  }

  #storeGauges(stats: () => StoreStats, registers: Registry[]): void {
    const gauge = (name: string, help: string, read: ReadStat) => {
      if (read(stats()) === undefined) return
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read(stats())!)
        },
      })
    }
    gauge('tunmeter_server_store_file_bytes', 'Size of the database file.', (s) => s.fileBytes)
    gauge('tunmeter_server_store_wal_bytes', 'Size of its write-ahead log.', (s) => s.walBytes)
    gauge(
      'tunmeter_server_waiting_batches',
      'Acknowledged batches that are in the log and not yet in the database.',
      (s) => s.waitingBatches,
    )
    gauge(
      'tunmeter_server_waiting_sessions',
      'Sessions of these batches.',
      (s) => s.waitingSessions,
    )
    gauge('tunmeter_server_log_bytes', 'Size of the log.', (s) => s.logBytes)
    gauge(
      'tunmeter_server_disk_free_bytes',
      'Free bytes of the file system of --data. Without room for the next checkpoint, batches are refused (503).',
      (s) => s.diskFreeBytes,
    )
    gauge(
      'tunmeter_server_exports_running',
      'Exports that have not been taken to their last byte.',
      (s) => s.exports,
    )
    gauge(
      'tunmeter_server_exports_waiting',
      'Of these, those that wait until the rows of another one are in order.',
      (s) => s.exportsWaiting,
    )
  }
}
