/** What a kind of destination is: which settings and secrets it has, and how a batch of events gets there. */
import type { z } from 'zod'
import type { GuardOptions } from './guard.js'
import type { Outcome } from './outcome.js'

export interface Delivery {
  /** The same for the same sessions, also after a crash. */
  readonly id: string
  readonly orgId: string
  /** When the batch was due; as the id, the same at each attempt. */
  readonly sinceMs: number
  /** Each as one line of JSON. */
  readonly events: readonly string[]
  /** End of the session of each event. */
  readonly endsUs: readonly number[]
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
  readonly open: (given: Opening) => Receiver
}

export interface Opening {
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
  readonly guard: GuardOptions
  readonly version: string
}
