/** The scopes of keys; http/auth.ts explains them. */
export const SCOPES = ['root', 'admin', 'read', 'ingest'] as const
export type Scope = (typeof SCOPES)[number]
