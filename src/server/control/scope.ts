/** What a key may do: http/auth.ts has what each means. */
export const SCOPES = ['root', 'admin', 'read', 'ingest'] as const
export type Scope = (typeof SCOPES)[number]
