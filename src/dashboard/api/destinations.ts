/** Where an organisation's sessions are sent to, and how delivery stands. */
import { request } from './client.js'

/** One setting of a kind, as the form asks for it. */
export interface KindField {
  readonly name: string
  readonly type: 'text' | 'lines' | 'choice' | 'boolean' | 'integer' | 'json'
  readonly required: boolean
  readonly default: unknown
  readonly help: string
  readonly choices: readonly string[]
}

export interface Kind {
  readonly kind: string
  readonly fillSeconds: number
  readonly settings: readonly KindField[]
  readonly secrets: readonly {
    readonly name: string
    readonly required: boolean
    readonly type: 'text' | 'lines'
  }[]
}

export interface Backfill {
  readonly id: number
  readonly timeStart: string
  readonly timeEnd: string
  readonly startedAt: string
  readonly endedAt: string | null
  readonly stopped: boolean
  readonly delivered: number
  readonly deletedUndelivered: number
  readonly progress: number
}

export type AttemptCounts = Readonly<Record<string, number>>

export interface Destination {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly target: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, { readonly lastFour: string | null }>>
  readonly q: string
  readonly columns: readonly string[] | null
  readonly eventsMax: number
  readonly bytesMax: number
  readonly fillSeconds: number
  readonly createdAt: string
  readonly state: 'ok' | 'retrying' | 'blocked' | 'paused'
  readonly delivered: number
  readonly pending: number
  readonly oldestPendingEndedAt: string | null
  readonly deadLetters: number
  readonly deletedUndelivered: number
  readonly lastSuccessAt: string | null
  readonly lastFailure: {
    readonly at: string
    readonly status: number | null
    readonly text: string
  } | null
  readonly nextAttemptAt: string | null
  readonly attempts: { readonly day: AttemptCounts; readonly month: AttemptCounts }
  readonly backfills: readonly Backfill[]
}

export interface DeadLetter {
  readonly siteId: number
  readonly sessionId: string
  readonly at: string
  readonly status: number | null
  readonly text: string
  /** Null: the log does not have the session any more. */
  readonly event: string | null
}

/** What a form gives; secrets that it does not name stay, null: it goes. */
export interface WantedDestination {
  readonly name: string
  readonly kind: string
  readonly q: string
  readonly columns: readonly string[] | null
  readonly eventsMax: number
  readonly bytesMax: number
  readonly fillSeconds: number
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string | null>>
}

export interface TestResult {
  readonly result: 'delivered' | 'later' | 'blocked' | 'refused'
  readonly target: string
  readonly status: number | null
  readonly text: string
}

export interface ResendResult {
  readonly delivered: number
  readonly refused: number
  readonly gone: number
  readonly failed: string | null
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
