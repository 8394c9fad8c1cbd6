/** Metrics of the spool, of sending to the server, and of the local outputs. */
import { counter, gauge, type Metric, OUTPUT, output, ship, spool } from './metric.js'

export const DELIVERY_METRICS: readonly Metric[] = [
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
    'Failed writes to the spool; each is retried.',
    spool((p) => p.writeFailures),
  ),
  gauge(
    'tunmeter_spool_quarantined_batches',
    'Batches that the server refused for good.',
    spool((p) => p.quarantined),
  ),
  gauge(
    'tunmeter_spool_quarantined_bytes',
    'Disk space of the refused batches.',
    spool((p) => p.quarantinedBytes),
  ),
  gauge(
    'tunmeter_ship_up',
    '1 while batches are stored, 0 while sending fails.',
    ship((p) => Number(p.up)),
  ),
  gauge(
    'tunmeter_ship_last_stored_timestamp_seconds',
    'When the server last confirmed a batch; 0: never.',
    ship((p) => p.lastStoredSeconds),
  ),
  counter(
    'tunmeter_ship_requests_total',
    'Batches sent, repeats included.',
    ship((p) => p.requests),
  ),
  counter(
    'tunmeter_ship_failures_total',
    'Failed attempts to send a batch.',
    ship((p) => p.failures),
  ),
  counter(
    'tunmeter_ship_batches_stored_total',
    'Batches that the server confirmed.',
    ship((p) => p.batchesStored),
  ),
  counter(
    'tunmeter_ship_batches_repeated_total',
    'Confirmed batches that the server already had.',
    ship((p) => p.batchesRepeated),
  ),
  counter(
    'tunmeter_ship_batches_conflicting_total',
    'Batches with the identity of another batch at the server, because the spool was restored or copied; sent again under a new identity.',
    ship((p) => p.batchesConflicting),
  ),
  counter(
    'tunmeter_ship_batches_unexpectedly_repeated_total',
    'Batches that were sent once but confirmed as repeated: they may not be stored.',
    ship((p) => p.batchesUnexpected),
  ),
  counter(
    'tunmeter_ship_sessions_stored_total',
    'Session reports that the server confirmed.',
    ship((p) => p.sessionsStored),
  ),
  counter(
    'tunmeter_ship_sessions_refused_total',
    'Session reports that the server refused one by one; quarantined in the spool.',
    ship((p) => p.sessionsRefused),
  ),
  counter(
    'tunmeter_ship_peer_events_stored_total',
    'Events of peers that the server confirmed.',
    ship((p) => p.peerEventsStored),
  ),
  counter(
    'tunmeter_ship_peer_events_refused_total',
    'Events of peers that the server refused, or does not know because it is older; they are lost.',
    ship((p) => p.peerEventsRefused),
  ),
  counter(
    'tunmeter_ship_sent_bytes_total',
    'Bytes of batches sent, compressed.',
    ship((p) => p.bytesSent),
  ),
  gauge(
    'tunmeter_output_up',
    '1 while the output (ndjson, ipfix) can be written, 0 while it cannot.',
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
    'Sessions missing in the output, because it could not be written for too long or has ended.',
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
    'Failed writes to the output; each is retried.',
    output((o) => o.failures),
    OUTPUT,
  ),
]
