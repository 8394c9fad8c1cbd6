/**
 * The tables, and the steps that bring an older file up to date.
 *
 *   session         ended sessions, in order of arrival: row groups are narrow in time, so zone maps skip
 *   session_open    interim records, one per open session; small, rewritten often
 *   rollup_hour, rollup_state            totals of the table session by the hour (rollup.ts)
 *   usage_month     totals of sessions that retention deleted; live ones are added at query time
 *   meter, meter_history, batch_gap      reports of meters, missing batches and other losses
 *   meter_life, batch_crc                the last batch number of each spool, and checksums of the latest batches
 *   meter_run       the runs of each meter before the one in meter_life
 *   meter_place     the interfaces that each run has read, and the time of the first reading
 *   deleted_before  for each organisation: retention deleted the sessions that ended before this time
 *   arrival_mark    a mark now and then: sessions with a lower arrival had come by this time (conflicts.ts)
 *   expired_open    open sessions that retention deleted, with their part of usage_month (expired-open.ts)
 *   erased_session  ids of erased sessions that a meter might report again (erasure.ts)
 *   peer_event      events of WireGuard peers
 *   log_position    the last log entry that the database holds
 *   catalog, catalog_{client,user,resource,site}    names; deleted ones stay, so old rows keep theirs
 *   catalog_past    former names
 *
 * There is no index, because an index on tables of this size would fill the memory. known-ids.ts keeps ids unique.
 */

/*
 * The text of a released step must never change. So the steps do not use columns.ts, which has today's columns.
 */

/** The columns of a session in versions 1 and 2. */
const SESSION_1 = `org_id VARCHAR NOT NULL,
  site_id BIGINT NOT NULL,
  meter_id VARCHAR NOT NULL,
  run VARCHAR NOT NULL,
  seq BIGINT NOT NULL,
  start_us BIGINT NOT NULL,
  duration_us BIGINT NOT NULL,
  protocol ENUM ('tcp', 'udp') NOT NULL,
  source_ip VARCHAR NOT NULL,
  source_port USMALLINT NOT NULL,
  dest_ip VARCHAR NOT NULL,
  dest_port USMALLINT NOT NULL,
  bytes_tx BIGINT,
  bytes_rx BIGINT,
  packets_tx BIGINT,
  packets_rx BIGINT,
  headers_tx BIGINT,
  headers_rx BIGINT,
  end_reason ENUM ('idleTimeout', 'activeTimeout', 'endOfFlowDetected', 'forcedEnd', 'lackOfResources') NOT NULL,
  conn_state ENUM ('S0', 'S1', 'SF', 'REJ', 'S2', 'S3', 'RSTO', 'RSTR', 'RSTOS0', 'RSTRH', 'SH', 'SHR', 'OTH'),
  tcp_flags_tx UTINYINT,
  tcp_flags_rx UTINYINT,
  handshake_rtt_us BIGINT,
  direction_basis ENUM ('syn', 'synAck', 'peer', 'firstPacket'),
  midstream BOOLEAN NOT NULL,
  connection_count BIGINT NOT NULL,
  peer_public_key VARCHAR,
  client_endpoint VARCHAR,
  client_id BIGINT,
  user_id VARCHAR,
  site_resource_id BIGINT,
  unattributed ENUM ('noPeers', 'noMatch', 'unknownPeer', 'historyLost')`

/** Version 3 joins the peer's two texts into one, in the same form as peerOf(). */
const SESSION_3 = SESSION_1.replace(
  'peer_public_key VARCHAR,\n  client_endpoint VARCHAR',
  'peer VARCHAR',
)
const PEER_PARTS = ['client_endpoint', 'peer_public_key'].map(
  (name) => `coalesce(replace(replace(${name}, '~', '~T'), '|', '~B'), '')`,
)
const WITH_PEER = `* EXCLUDE (peer_public_key, client_endpoint),
  CASE WHEN coalesce(peer_public_key, client_endpoint) IS NOT NULL THEN ${PEER_PARTS.join(` || '|' || `)} END AS peer`

const TOTALS = `sessions BIGINT NOT NULL, connections BIGINT NOT NULL,
  bytes_tx BIGINT NOT NULL, bytes_rx BIGINT NOT NULL, packets_tx BIGINT NOT NULL, packets_rx BIGINT NOT NULL`

/** Converts headers_tx or headers_rx from version 1 to version 2, which leaves out the usual headers. */
function lessUsual(direction: string): string {
  return `headers_${direction} - coalesce(packets_${direction}, 0) * (CASE WHEN protocol = 'udp' THEN 28 ELSE 52 END
    + CASE WHEN contains(source_ip, ':') THEN 20 ELSE 0 END)`
}

/** Step i brings a file from version i to i + 1. Never change a step that was released. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE session (
  ${SESSION_1}
);
CREATE TABLE session_open (
  ${SESSION_1},
  run_started_us BIGINT NOT NULL
);
CREATE TABLE usage_month (
  org_id VARCHAR NOT NULL, month VARCHAR NOT NULL, site_id BIGINT NOT NULL,
  client_id BIGINT, user_id VARCHAR, site_resource_id BIGINT, ${TOTALS}
);
CREATE TABLE meter (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL,
  last_batch BIGINT NOT NULL, run_started_us BIGINT NOT NULL, received_us BIGINT NOT NULL, report VARCHAR NOT NULL
);
CREATE TABLE meter_history (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL, at_us BIGINT NOT NULL,
  lag_seconds DOUBLE NOT NULL, spool_batches BIGINT NOT NULL, open_sessions BIGINT NOT NULL,
  packets_dropped BIGINT NOT NULL, sessions_dropped BIGINT NOT NULL
);
CREATE TABLE batch_gap (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL,
  from_batch BIGINT, to_batch BIGINT, reason VARCHAR NOT NULL, sessions BIGINT,
  from_us BIGINT NOT NULL, to_us BIGINT NOT NULL
);
CREATE TABLE catalog (org_id VARCHAR NOT NULL, etag VARCHAR NOT NULL, updated_us BIGINT NOT NULL, body VARCHAR NOT NULL);
CREATE TABLE catalog_client (
  org_id VARCHAR NOT NULL, id BIGINT NOT NULL, name VARCHAR NOT NULL, deleted_us BIGINT
);
CREATE TABLE catalog_user (
  org_id VARCHAR NOT NULL, id VARCHAR NOT NULL, name VARCHAR NOT NULL, email VARCHAR, deleted_us BIGINT
);
CREATE TABLE catalog_resource (
  org_id VARCHAR NOT NULL, id BIGINT NOT NULL, name VARCHAR NOT NULL, deleted_us BIGINT
);
CREATE TABLE catalog_site (
  org_id VARCHAR NOT NULL, id BIGINT NOT NULL, name VARCHAR NOT NULL, deleted_us BIGINT
);
`,
  `
CREATE TABLE session_new (
  ${SESSION_1},
  arrival BIGINT NOT NULL
);
INSERT INTO session_new SELECT * REPLACE (
  ${lessUsual('tx')} AS headers_tx, ${lessUsual('rx')} AS headers_rx), 0 FROM session;
DROP TABLE session;
ALTER TABLE session_new RENAME TO session;
UPDATE session_open SET headers_tx = ${lessUsual('tx')}, headers_rx = ${lessUsual('rx')};
CREATE TABLE rollup_hour (
  org_id VARCHAR NOT NULL, dim UTINYINT NOT NULL, start_us BIGINT NOT NULL, id VARCHAR, port USMALLINT, ${TOTALS},
  refused BIGINT NOT NULL, unanswered BIGINT NOT NULL
);
CREATE TABLE rollup_state (rolled BIGINT NOT NULL);
INSERT INTO rollup_state VALUES (-1);
`,
  `
CREATE TABLE session_new (
  ${SESSION_3},
  arrival BIGINT NOT NULL
);
INSERT INTO session_new BY NAME SELECT ${WITH_PEER} FROM session;
DROP TABLE session;
ALTER TABLE session_new RENAME TO session;
CREATE TABLE session_open_new (
  ${SESSION_3},
  run_started_us BIGINT NOT NULL
);
INSERT INTO session_open_new BY NAME SELECT ${WITH_PEER} FROM session_open;
DROP TABLE session_open;
ALTER TABLE session_open_new RENAME TO session_open;
`,
  `
CREATE TABLE meter_life (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL, spool_id VARCHAR NOT NULL,
  last_batch BIGINT NOT NULL, run_started_us BIGINT NOT NULL, reported_us BIGINT NOT NULL, received_us BIGINT NOT NULL
);
INSERT INTO meter_life SELECT org_id, site_id, meter_id, '', last_batch, run_started_us, received_us, received_us
  FROM meter;
CREATE TABLE batch_crc (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL, spool_id VARCHAR NOT NULL,
  batch BIGINT NOT NULL, crc UINTEGER NOT NULL
);
CREATE TABLE batch_gap_new (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL,
  from_batch BIGINT, to_batch BIGINT, reason VARCHAR NOT NULL, sessions BIGINT,
  from_us BIGINT NOT NULL, to_us BIGINT NOT NULL, spool_id VARCHAR NOT NULL
);
INSERT INTO batch_gap_new SELECT *, '' FROM batch_gap;
DROP TABLE batch_gap;
ALTER TABLE batch_gap_new RENAME TO batch_gap;
`,
  `
ALTER TABLE batch_gap ADD COLUMN detail VARCHAR;
`,
  `
CREATE TABLE meter_run (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL,
  from_us BIGINT NOT NULL, to_us BIGINT NOT NULL
);
CREATE TABLE deleted_before (org_id VARCHAR NOT NULL, before_us BIGINT NOT NULL);
`,
  ['session', 'session_open']
    .flatMap((table) =>
      ['retransmits_tx', 'retransmits_rx', 'retransmitted_bytes_tx', 'retransmitted_bytes_rx'].map(
        (column) => `ALTER TABLE ${table} ADD COLUMN ${column} BIGINT;`,
      ),
    )
    .join('\n'),
  `
CREATE TABLE log_position (log_id VARCHAR NOT NULL, lsn BIGINT NOT NULL);
INSERT INTO log_position VALUES ('', 0);
`,
  `
CREATE TABLE arrival_mark (arrival BIGINT NOT NULL, by_us BIGINT NOT NULL);
CREATE TABLE meter_place (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL, spool_id VARCHAR NOT NULL,
  run_from_us BIGINT NOT NULL, place VARCHAR NOT NULL, from_us BIGINT NOT NULL
);
${['session', 'session_open']
  .flatMap((table) =>
    ['other_client_id BIGINT', 'other_user_id VARCHAR', 'seen_twice BOOLEAN'].map(
      (column) => `ALTER TABLE ${table} ADD COLUMN ${column};`,
    ),
  )
  .join('\n')}
`,
  `
UPDATE meter SET report = replace(report, '"setAside":', '"quarantined":');
UPDATE batch_gap SET reason = 'quarantineFull' WHERE reason = 'setAsideFull';
CREATE TABLE catalog_past (
  org_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, id VARCHAR NOT NULL, name VARCHAR NOT NULL, email VARCHAR,
  until_us BIGINT NOT NULL
);
CREATE TABLE erased_session (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL, run VARCHAR NOT NULL, seq BIGINT NOT NULL,
  at_us BIGINT NOT NULL
);
`,
  `
ALTER TABLE meter_life ADD COLUMN whole_us BIGINT;
ALTER TABLE meter_life ADD COLUMN uptime_ms BIGINT;
ALTER TABLE meter_run ADD COLUMN reported_us BIGINT;
ALTER TABLE meter_run ADD COLUMN uptime_ms BIGINT;
ALTER TABLE meter_place ADD COLUMN uptime_ms BIGINT;
CREATE TABLE peer_event (
  org_id VARCHAR NOT NULL, site_id BIGINT NOT NULL, meter_id VARCHAR NOT NULL, event_id VARCHAR NOT NULL,
  at_us BIGINT NOT NULL, event VARCHAR NOT NULL, interface VARCHAR NOT NULL, public_key VARCHAR,
  client_id BIGINT, user_id VARCHAR, endpoint VARCHAR, endpoint_before VARCHAR,
  allowed_ips VARCHAR, allowed_ips_before VARCHAR, handshake_us BIGINT, already BOOLEAN NOT NULL
);
`,
  // The number of the commit, as in `session`, for destinations. Earlier events come first.
  `
ALTER TABLE peer_event ADD COLUMN arrival BIGINT DEFAULT 0;
`,
  // Tells whether two spools report in turns; open sessions that retention deleted.
  `
ALTER TABLE meter_life ADD COLUMN returned_us BIGINT;
CREATE TABLE expired_open (
  org_id VARCHAR NOT NULL, month VARCHAR NOT NULL, site_id BIGINT NOT NULL,
  client_id BIGINT, user_id VARCHAR, site_resource_id BIGINT, run VARCHAR NOT NULL, seq BIGINT NOT NULL,
  sessions BIGINT NOT NULL, connections BIGINT NOT NULL, bytes_tx BIGINT NOT NULL, bytes_rx BIGINT NOT NULL,
  packets_tx BIGINT NOT NULL, packets_rx BIGINT NOT NULL
);
`,
]

export const SCHEMA_VERSION = MIGRATIONS.length

/**
 * ip_hex: an address as 32 hex digits (IPv6) or 8 (IPv4), so that texts compare like numbers.
 * session_tail: a sequence as the last 8 characters of a session id (ids.ts).
 * community_id: as session/community-id.ts, from two ip_hex and their ports. Parquet exports use it.
 */
export const MACROS = `
CREATE OR REPLACE TEMP MACRO folded(t) AS (lower(upper(nfc_normalize(t))));
CREATE OR REPLACE TEMP MACRO ip6_groups(t) AS (
  list_transform(list_filter(string_split(t, ':'), lambda g: g <> ''), lambda g: lpad(g, 4, '0')));
CREATE OR REPLACE TEMP MACRO ip6_hex(t) AS (
  CASE WHEN contains(t, '::')
    THEN array_to_string(ip6_groups(split_part(t, '::', 1)), '')
      || repeat('0', 32 - 4 * (len(ip6_groups(split_part(t, '::', 1))) + len(ip6_groups(split_part(t, '::', 2)))))
      || array_to_string(ip6_groups(split_part(t, '::', 2)), '')
    ELSE array_to_string(ip6_groups(t), '') END);
CREATE OR REPLACE TEMP MACRO ip_hex(t) AS (
  CASE WHEN contains(t, ':') THEN ip6_hex(t)
    ELSE format('{:02x}{:02x}{:02x}{:02x}',
      TRY_CAST(split_part(t, '.', 1) AS INTEGER), TRY_CAST(split_part(t, '.', 2) AS INTEGER),
      TRY_CAST(split_part(t, '.', 3) AS INTEGER), TRY_CAST(split_part(t, '.', 4) AS INTEGER)) END);
CREATE OR REPLACE TEMP MACRO session_tail(n) AS (
  array_to_string(list_transform([35, 30, 25, 20, 15, 10, 5, 0],
    lambda s: substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (((n >> s) & 31) + 1)::INTEGER, 1)), ''));
CREATE OR REPLACE TEMP MACRO community_id(protocol, a, a_port, b, b_port) AS (
  '1:' || base64(unhex(sha1(unhex('0000' ||
    CASE WHEN a < b OR (a = b AND a_port <= b_port)
      THEN a || b || CASE WHEN protocol = 'tcp' THEN '0600' ELSE '1100' END || printf('%04x%04x', a_port, b_port)
      ELSE b || a || CASE WHEN protocol = 'tcp' THEN '0600' ELSE '1100' END || printf('%04x%04x', b_port, a_port) END)))));
`
