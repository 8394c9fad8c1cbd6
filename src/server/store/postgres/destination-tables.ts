/**
 * A step of schema.ts: the order of arrival (arrivals.ts), and destinations (postgres-destinations.ts).
 *
 *   arrival_last     the number of the last commit
 *   arriving         numbers that are on their way
 *   org_arrival      the last number of each organisation
 *   destination      settings and progress; `version` counts all changes, `record_version` those of the settings. `holder`
 *                    delivers until `lease`. `erasures` counts deletions, `seen` those that the holder knows
 *   dead_letter      refused events
 *   destination_key  a digest of the key that seals secrets
 */
export const DESTINATION_TABLES = `
CREATE TABLE arrival_last (arrival BIGINT NOT NULL);
INSERT INTO arrival_last SELECT last_value FROM arrival;
DROP SEQUENCE arrival;
CREATE TABLE arriving (arrival BIGINT PRIMARY KEY, since TIMESTAMPTZ NOT NULL);
CREATE TABLE org_arrival (org_id TEXT PRIMARY KEY, arrival BIGINT NOT NULL);
INSERT INTO org_arrival SELECT org_id, arrival FROM org, arrival_last;
CREATE INDEX org_arrival_newest ON org_arrival (arrival);
ALTER TABLE peer_event ADD COLUMN arrival BIGINT NOT NULL DEFAULT 0;
CREATE INDEX peer_event_arrival ON peer_event (org_id, arrival);
CREATE TABLE destination (
  id TEXT COLLATE "C" PRIMARY KEY, org_id TEXT NOT NULL REFERENCES org ON DELETE CASCADE,
  record TEXT NOT NULL, state TEXT NOT NULL, version BIGINT NOT NULL, record_version BIGINT NOT NULL,
  holder TEXT, server TEXT, lease TIMESTAMPTZ NOT NULL, erasures BIGINT NOT NULL, seen BIGINT NOT NULL
);
CREATE INDEX destination_org ON destination (org_id);
CREATE TABLE dead_letter (
  destination_id TEXT NOT NULL REFERENCES destination ON DELETE CASCADE,
  site_id BIGINT NOT NULL, session_id TEXT COLLATE "C" NOT NULL, letter TEXT NOT NULL,
  PRIMARY KEY (destination_id, site_id, session_id)
);
CREATE TABLE destination_key (digest TEXT NOT NULL);
CREATE UNIQUE INDEX destination_key_one ON destination_key ((true));
`
