/** The keys of the search language of the log: docs/query.md. */
export const QUERY_KEYS = [
  'client',
  'user',
  'resource',
  'site',
  'source',
  'dest',
  'port',
  'protocol',
  'outcome',
  'bytes',
  'sent',
  'received',
  'duration',
] as const
export type QueryKey = (typeof QUERY_KEYS)[number]
