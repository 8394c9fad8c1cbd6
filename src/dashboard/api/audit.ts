/** The audit trail of an organisation. */
import type { z } from 'zod'
import type { auditPageSchema } from '../../server/http/schemas.js'
import { apiPath, request } from './client.js'

export type AuditAnswer = z.output<typeof auditPageSchema>
export type AuditEntry = AuditAnswer['audit'][number]

/** Entries on one page. */
export const AUDIT_SHOWN = 100

const path = (orgId: string) => `/org/${encodeURIComponent(orgId)}/audit`

export function fetchAudit(
  orgId: string,
  { events, cursor }: { readonly events: readonly string[]; readonly cursor: string | null },
  signal: AbortSignal,
): Promise<AuditAnswer> {
  const query = { event: events, limit: String(AUDIT_SHOWN), cursor: cursor ?? undefined }
  return request(path(orgId), { signal, query })
}

export function auditExportHref(orgId: string, events: readonly string[]): string {
  return apiPath(`${path(orgId)}/export`, { format: 'csv', event: events })
}
