/** What a kind of destination is: which settings and secrets it has, and how a batch of events gets there. */
import type { z } from 'zod'
import type { LogRow } from '../store/store.js'
import type { EventWriter } from './events.js'
import type { GuardOptions } from './guard.js'
import type { Outcome } from './outcome.js'

export interface Delivery {
  /** The same for the same sessions, also after a crash. */
  readonly id: string
  readonly orgId: string
  /** When the batch was due; as the id, the same at each attempt. */
  readonly sinceMs: number
  /** The rows as the kind's writer made them. */
  readonly events: readonly string[]
  readonly rows: readonly LogRow[]
  readonly signal: AbortSignal
}

/** One that is set up and reachable; it keeps its connections. */
export interface Receiver {
  deliver(delivery: Delivery): Promise<Outcome>
  close(): Promise<void>
}

export interface Kind {
  readonly name: string
  readonly settings: z.ZodType<Record<string, unknown>>
  /** Names of its secrets, with what each must be; required ones begin the list. */
  readonly secrets: Readonly<
    Record<string, { readonly schema: z.ZodType<string>; readonly required: boolean }>
  >
  /** So long a batch waits to be full, where nothing else is set. */
  readonly fillSeconds?: number
  /** What is said of where it goes. */
  readonly target: (settings: Readonly<Record<string, unknown>>) => string
  readonly isEncrypted: (settings: Readonly<Record<string, unknown>>) => boolean
  /** The writer of a kind that has no setting `events`. */
  readonly writer?: (columns: readonly string[] | null) => EventWriter
  readonly open: (given: Opening) => Receiver
}

export interface Opening {
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
  /** Null: all fields. */
  readonly columns: readonly string[] | null
  readonly guard: GuardOptions
  readonly version: string
}
