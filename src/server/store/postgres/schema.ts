/**
 * The tables, and the steps that bring an older database up to date. They are in a database of their own.
 *
 *   control_version   counts changes of org and api_key; `reloads`: the last one that removed rows
 *   org, api_key      records as JSON, and the number of their last change (postgres-control.ts)
 *   key_seen          networks from which a key was used, in order of their first use
 *   removed           removed sites and meters; site 0: an organisation whose stored data are being deleted
 *   believed_clock    the last trusted time
 *   audit…            postgres-audit.ts
 *
 * Texts and not JSONB: JSONB refuses what JSON may have (\u0000), and changes the order of fields.
 */

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
]
