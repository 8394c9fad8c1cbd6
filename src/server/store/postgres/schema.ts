/**
 * The tables, and the steps that bring an older database up to date. They are in a database of their own.
 *
 *   control_version   counts changes of org and api_key; `reloads`: the last one that removed rows
 *   org, api_key      records as JSON, and the number of their last change (postgres-control.ts)
 *   key_seen          networks from which a key was used, in order of their first use
 *   removed           removed sites and meters; site 0: an organisation whose stored data are being deleted
 *   believed_clock    the last trusted time
 *   document          postgres-documents.ts
 *   audit…            postgres-audit.ts
 *   meter…, batch…    as in DuckDB's schema.ts, with the same order of columns, because both run the same statements
 *   meter_state       what DuckDB's server has of a meter in memory only (meters/meter-state.ts)
 *   deleted_before    for each organisation: retention deleted the sessions that ended before this time
 *   catalog…          postgres-catalogs.ts
 *   peer_event        events of WireGuard peers; texts sort by their bytes, as the order of events of one moment needs
 *   sign_in           sessions of browsers: the hash of the token (postgres-sign-ins.ts)
 *   run_owner…deletion  what sessions in ClickHouse need beside them (postgres-meta.ts)
 *   arriv…, destination…  destination-tables.ts
 *   store_id          one random id, which ClickHouse has, too: so that both are of one installation
 *
 * Texts and not JSONB: JSONB refuses what JSON may have (\u0000), and changes the order of fields.
 */
import { DESTINATION_TABLES } from './destination-tables.js'
import { DOCUMENT_TABLE } from './document-table.js'

/** Step i brings a database from version i to i + 1. Never change a step that was released. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE control_version (version BIGINT NOT NULL, reloads BIGINT NOT NULL);
INSERT INTO control_version VALUES (0, 0);
CREATE TABLE org (org_id TEXT PRIMARY KEY, record TEXT NOT NULL, changed BIGINT NOT NULL);
CREATE INDEX org_changed ON org (changed);
CREATE TABLE api_key (
  key_id TEXT PRIMARY KEY, org_id TEXT NOT NULL, site_id BIGINT, record TEXT NOT NULL, revoked_at TEXT,
  used_at TEXT, used_from TEXT, changed BIGINT NOT NULL
);
CREATE INDEX api_key_org ON api_key (org_id);
CREATE INDEX api_key_changed ON api_key (changed);
CREATE TABLE key_seen (
  key_id TEXT NOT NULL REFERENCES api_key ON DELETE CASCADE, network TEXT NOT NULL,
  nth BIGINT GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (key_id, network)
);
CREATE TABLE removed (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL, at_ms BIGINT NOT NULL,
  PRIMARY KEY (org_id, site_id, meter_id)
);
CREATE TABLE believed_clock (at_ms BIGINT NOT NULL);
CREATE TABLE audit_next (id BIGINT NOT NULL);
INSERT INTO audit_next VALUES (0);
CREATE TABLE audit (
  id BIGINT PRIMARY KEY, trail TEXT NOT NULL, kind BIGINT NOT NULL, until_ms BIGINT NOT NULL, bytes BIGINT NOT NULL,
  entry TEXT NOT NULL
);
CREATE INDEX audit_kind ON audit (trail, kind, id);
CREATE INDEX audit_trail ON audit (trail, id);
CREATE TABLE audit_size (
  trail TEXT NOT NULL, kind BIGINT NOT NULL, entries BIGINT NOT NULL, bytes BIGINT NOT NULL, dropped BIGINT NOT NULL,
  PRIMARY KEY (trail, kind)
);
`,
  `
CREATE TABLE meter (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL,
  last_batch BIGINT NOT NULL, run_started_us BIGINT NOT NULL, received_us BIGINT NOT NULL, report TEXT NOT NULL,
  PRIMARY KEY (org_id, site_id, meter_id)
);
CREATE TABLE meter_state (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY (org_id, site_id, meter_id)
);
CREATE TABLE meter_history (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL, at_us BIGINT NOT NULL,
  lag_seconds DOUBLE PRECISION NOT NULL, spool_batches BIGINT NOT NULL, open_sessions BIGINT NOT NULL,
  packets_dropped BIGINT NOT NULL, sessions_dropped BIGINT NOT NULL
);
CREATE INDEX meter_history_meter ON meter_history (org_id, site_id, meter_id, at_us);
CREATE TABLE meter_life (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL, spool_id TEXT NOT NULL,
  last_batch BIGINT NOT NULL, run_started_us BIGINT NOT NULL, reported_us BIGINT NOT NULL, received_us BIGINT NOT NULL,
  whole_us BIGINT, uptime_ms BIGINT, returned_us BIGINT,
  PRIMARY KEY (org_id, site_id, meter_id, spool_id)
);
CREATE TABLE batch_crc (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL, spool_id TEXT NOT NULL,
  batch BIGINT NOT NULL, crc BIGINT NOT NULL
);
CREATE INDEX batch_crc_batch ON batch_crc (org_id, site_id, meter_id, spool_id, batch);
CREATE TABLE batch_gap (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL,
  from_batch BIGINT, to_batch BIGINT, reason TEXT NOT NULL, sessions BIGINT,
  from_us BIGINT NOT NULL, to_us BIGINT NOT NULL, spool_id TEXT NOT NULL, detail TEXT
);
CREATE INDEX batch_gap_meter ON batch_gap (org_id, site_id, meter_id, spool_id);
CREATE INDEX batch_gap_time ON batch_gap (org_id, to_us);
CREATE TABLE meter_run (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL,
  from_us BIGINT NOT NULL, to_us BIGINT NOT NULL, reported_us BIGINT, uptime_ms BIGINT
);
CREATE INDEX meter_run_meter ON meter_run (org_id, site_id, meter_id, from_us);
CREATE TABLE meter_place (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT NOT NULL, spool_id TEXT NOT NULL,
  run_from_us BIGINT NOT NULL, place TEXT NOT NULL, from_us BIGINT NOT NULL, uptime_ms BIGINT
);
CREATE INDEX meter_place_run ON meter_place (org_id, site_id, meter_id, run_from_us);
CREATE TABLE deleted_before (org_id TEXT PRIMARY KEY, before_us BIGINT NOT NULL);
CREATE TABLE catalog (org_id TEXT PRIMARY KEY, etag TEXT NOT NULL, updated_us BIGINT NOT NULL, body TEXT NOT NULL);
CREATE TABLE catalog_name (
  org_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, email TEXT, deleted_us BIGINT,
  PRIMARY KEY (org_id, kind, id)
);
CREATE TABLE catalog_past (
  org_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, email TEXT, until_us BIGINT NOT NULL
);
CREATE INDEX catalog_past_entry ON catalog_past (org_id, kind, id);
-- Ids of users are texts, all others numbers.
${['client', 'resource', 'site']
  .map(
    (kind) => `CREATE VIEW catalog_${kind} AS
  SELECT org_id, CASE WHEN kind = '${kind}' THEN id::BIGINT END AS id, name, deleted_us
  FROM catalog_name WHERE kind = '${kind}';`,
  )
  .join('\n')}
CREATE VIEW catalog_user AS SELECT org_id, id, name, email, deleted_us FROM catalog_name WHERE kind = 'user';
CREATE TABLE peer_event (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, meter_id TEXT COLLATE "C" NOT NULL, event_id TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL, event TEXT COLLATE "C" NOT NULL, interface TEXT COLLATE "C" NOT NULL, public_key TEXT COLLATE "C",
  client_id BIGINT, user_id TEXT, endpoint TEXT, endpoint_before TEXT,
  allowed_ips TEXT, allowed_ips_before TEXT, handshake_us BIGINT, already BOOLEAN NOT NULL,
  PRIMARY KEY (org_id, at_us, site_id, event_id)
);
`,
  `
CREATE TABLE sign_in (
  hash TEXT PRIMARY KEY, key_id TEXT NOT NULL REFERENCES api_key ON DELETE CASCADE, ends_ms BIGINT NOT NULL,
  nth BIGINT GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX sign_in_key ON sign_in (key_id, nth);
CREATE TABLE store_id (id TEXT NOT NULL);
INSERT INTO store_id VALUES (gen_random_uuid()::TEXT);
CREATE SEQUENCE arrival;
CREATE TABLE run_owner (
  org_id TEXT NOT NULL, site_id BIGINT NOT NULL, run TEXT NOT NULL, meter_id TEXT NOT NULL, used_us BIGINT NOT NULL,
  PRIMARY KEY (org_id, site_id, run)
);
CREATE SEQUENCE names_next;
CREATE TABLE names_version (org_id TEXT PRIMARY KEY, version BIGINT NOT NULL);
CREATE TABLE usage_kept (
  org_id TEXT NOT NULL, month TEXT NOT NULL, site_id BIGINT NOT NULL, client_id BIGINT, user_id TEXT, site_resource_id BIGINT,
  sessions NUMERIC NOT NULL, connections NUMERIC NOT NULL, bytes_tx NUMERIC NOT NULL, bytes_rx NUMERIC NOT NULL,
  packets_tx NUMERIC NOT NULL, packets_rx NUMERIC NOT NULL
);
CREATE UNIQUE INDEX usage_kept_key ON usage_kept (
  org_id, month, site_id, coalesce(client_id, -1), (user_id IS NULL), coalesce(user_id, ''), coalesce(site_resource_id, -1)
);
CREATE TABLE hidden_before (org_id TEXT PRIMARY KEY, before_us BIGINT NOT NULL, deleted_us BIGINT NOT NULL);
CREATE TABLE deletion (id TEXT PRIMARY KEY, org_id TEXT NOT NULL);
CREATE INDEX peer_event_person ON peer_event (org_id, user_id, client_id);
`,
  DOCUMENT_TABLE,
  `
CREATE TABLE expired_open (LIKE usage_kept, run TEXT NOT NULL, seq BIGINT NOT NULL);
CREATE INDEX expired_open_session ON expired_open (org_id, site_id, run, seq);
`,
  DESTINATION_TABLES,
]
