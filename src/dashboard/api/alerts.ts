/** Alerts of an organisation. */
import type { AlertTest, AlertView, WantedAlert } from '../../server/http/alert-schema.js'
import { request } from './client.js'

export type Alert = AlertView
export type { WantedAlert }

const path = (orgId: string) => `/org/${encodeURIComponent(orgId)}/alerts`

export async function fetchAlerts(orgId: string, signal: AbortSignal): Promise<readonly Alert[]> {
  return (await request<{ alerts: readonly Alert[] }>(path(orgId), { signal })).alerts
}

export function addAlert(orgId: string, alert: WantedAlert): Promise<Alert> {
  return request(path(orgId), { method: 'POST', body: alert })
}

export function changeAlert(orgId: string, id: string, alert: WantedAlert): Promise<Alert> {
  return request(`${path(orgId)}/${id}`, { method: 'PUT', body: alert })
}

/** Pauses it, or goes on. Everything else stays. */
export function pauseAlert(orgId: string, alert: Alert, paused: boolean): Promise<Alert> {
  const { id, name, query, condition, to, everyMinutes, quiet, link, language } = alert
  const kept = { name, query, condition, to, everyMinutes, quiet, link, language }
  return changeAlert(orgId, id, { ...kept, paused })
}

export function removeAlert(orgId: string, id: string): Promise<unknown> {
  return request(`${path(orgId)}/${id}`, { method: 'DELETE' })
}

export function testAlert(orgId: string, id: string): Promise<AlertTest> {
  return request(`${path(orgId)}/${id}/test`, { method: 'POST' })
}
