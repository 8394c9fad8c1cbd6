/** Saved views of the signed-in key. */
import type { SavedView } from '../../server/http/view-schema.js'
import { request } from './client.js'

export type { SavedView }

const path = (orgId: string) => `/org/${encodeURIComponent(orgId)}/views`

export async function fetchViews(
  orgId: string,
  signal: AbortSignal,
): Promise<readonly SavedView[]> {
  return (await request<{ views: readonly SavedView[] }>(path(orgId), { signal })).views
}

export function saveView(
  orgId: string,
  view: { readonly name: string; readonly query: string },
): Promise<SavedView> {
  return request(path(orgId), { method: 'POST', body: view })
}

export function removeView(orgId: string, id: string): Promise<SavedView> {
  return request(`${path(orgId)}/${id}`, { method: 'DELETE' })
}
