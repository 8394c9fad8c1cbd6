/** An organisation's destinations and the state of their delivery. */
import type {
  DeadLetterView,
  DestinationView,
  KindView,
  ResendView,
  TestView,
} from '../../server/http/destination-schemas.js'
import { request } from './client.js'

export type Kind = KindView
/** One setting of a kind, as the form asks for it. */
export type KindField = Kind['settings'][number]
export type Destination = DestinationView
export type Backfill = Destination['backfills'][number]
export type DeadLetter = DeadLetterView
export type TestResult = TestView
export type ResendResult = ResendView

/** The body of a request. A secret that it does not name stays; null removes it. */
export interface WantedDestination {
  readonly name: string
  readonly kind: string
  readonly records: Destination['records']
  readonly q: string
  readonly columns: readonly string[] | null
  readonly eventsMax: number
  readonly bytesMax: number
  readonly fillSeconds: number
  readonly pseudonyms: Destination['pseudonyms']
  readonly openSeconds: number
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string | null>>
}

const base = (orgId: string) => `/org/${encodeURIComponent(orgId)}/destinations`
const one = (orgId: string, id: string) => `${base(orgId)}/${encodeURIComponent(id)}`
const post = { method: 'POST' } as const

export async function fetchDestinations(
  orgId: string,
  signal: AbortSignal,
): Promise<readonly Destination[]> {
  const path = base(orgId)
  return (await request<{ destinations: readonly Destination[] }>(path, { signal })).destinations
}

export async function fetchKinds(orgId: string, signal: AbortSignal): Promise<readonly Kind[]> {
  return (await request<{ kinds: readonly Kind[] }>(`${base(orgId)}/kinds`, { signal })).kinds
}

export function createDestination(orgId: string, body: WantedDestination): Promise<Destination> {
  return request(base(orgId), { ...post, body })
}

export function putDestination(
  orgId: string,
  id: string,
  body: WantedDestination,
): Promise<Destination> {
  return request(one(orgId, id), { method: 'PUT', body })
}

export function removeDestination(orgId: string, id: string): Promise<unknown> {
  return request(one(orgId, id), { method: 'DELETE' })
}

export function testDestination(orgId: string, id: string): Promise<TestResult> {
  return request(`${one(orgId, id)}/test`, post)
}

export function pauseDestination(
  orgId: string,
  id: string,
  verb: 'pause' | 'resume',
): Promise<Destination> {
  return request(`${one(orgId, id)}/${verb}`, post)
}

export function startBackfill(
  orgId: string,
  id: string,
  range: { readonly timeStart: string; readonly timeEnd: string },
): Promise<Destination> {
  return request(`${one(orgId, id)}/backfill`, { ...post, body: range })
}

export function stopBackfill(orgId: string, id: string, backfill: number): Promise<Destination> {
  return request(`${one(orgId, id)}/backfill/${backfill}`, { method: 'DELETE' })
}

export async function fetchDeadLetters(
  orgId: string,
  id: string,
  signal?: AbortSignal,
): Promise<readonly DeadLetter[]> {
  const path = `${one(orgId, id)}/dead-letters`
  const options = signal === undefined ? {} : { signal }
  return (await request<{ deadLetters: readonly DeadLetter[] }>(path, options)).deadLetters
}

export function resendDeadLetters(orgId: string, id: string): Promise<ResendResult> {
  return request(`${one(orgId, id)}/resend`, post)
}

export function discardDeadLetters(orgId: string, id: string): Promise<{ discarded: number }> {
  return request(`${one(orgId, id)}/dead-letters`, { method: 'DELETE' })
}
