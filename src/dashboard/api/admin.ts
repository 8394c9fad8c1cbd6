/** Settings, keys, catalog and sites. */
import type { Catalog } from '../../session/catalog.js'
import { createStore } from '../state/store.js'
import { ApiError, request } from './client.js'
import type { Key, Site } from './types.js'

const org = (orgId: string) => `/org/${encodeURIComponent(orgId)}`

export interface Settings {
  readonly retentionDays: number
  /** A shorter retention deletes nothing before this time; null: no such wait. */
  readonly deletesFrom: string | null
}
export interface SettingsChange {
  readonly retentionDays: number
  readonly confirm?: number
}

/** The number of sessions that a change would delete, if the server refused it for lack of a confirmation. */
export function sessionsToConfirm(error: unknown): number | null {
  if (!(error instanceof ApiError) || error.code !== 'confirmNeeded') return null
  return (error.data as { sessions: number }).sessions
}

export function fetchSettings(orgId: string, signal: AbortSignal): Promise<Settings> {
  return request(`${org(orgId)}/settings`, { signal })
}

/** Counts the changes that this page has stored, so that the retention banner loads the settings again. */
export const settingsVersion = createStore(0)

export async function putSettings(orgId: string, settings: SettingsChange): Promise<Settings> {
  const path = `${org(orgId)}/settings`
  const stored = await request<Settings>(path, { method: 'PUT', body: settings })
  settingsVersion.set(settingsVersion.get() + 1)
  return stored
}

export async function fetchKeys(orgId: string, signal: AbortSignal): Promise<readonly Key[]> {
  return (await request<{ keys: readonly Key[] }>(`${org(orgId)}/keys`, { signal })).keys
}

export interface NewKey {
  readonly scope: 'admin' | 'read' | 'ingest'
  readonly siteId: number | null
  readonly name: string
  readonly expiresAt: string | null
}

/** Only this answer has the key itself: the server keeps a hash. */
export function createKey(orgId: string, key: NewKey): Promise<Key & { readonly key: string }> {
  return request(`${org(orgId)}/keys`, { method: 'POST', body: key })
}

export function revokeKey(orgId: string, keyId: string): Promise<Key> {
  return request(`${org(orgId)}/keys/${encodeURIComponent(keyId)}`, { method: 'DELETE' })
}

export function fetchCatalog(orgId: string, signal: AbortSignal): Promise<Catalog> {
  return request(`${org(orgId)}/catalog`, { signal })
}

export interface Sites {
  readonly sites: readonly Site[]
  readonly serverTime: string
}

export function fetchSites(orgId: string, signal: AbortSignal): Promise<Sites> {
  return request(`${org(orgId)}/sites`, { signal })
}
