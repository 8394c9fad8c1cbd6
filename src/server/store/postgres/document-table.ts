/** A step of schema.ts. Ids sort by their bytes, as in lmdb. */
export const DOCUMENT_TABLE = `
CREATE TABLE document (
  kind TEXT COLLATE "C" NOT NULL, org_id TEXT COLLATE "C" NOT NULL, owner TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (kind, org_id, owner, id)
);
CREATE INDEX document_owner ON document (owner);
`
