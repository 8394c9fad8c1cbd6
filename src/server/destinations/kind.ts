/** A kind of destination: its settings, its secrets, and how it delivers a batch of events. */
import type { z } from 'zod'
import type { EventBody, EventEncoder, EventWriter } from './events.js'
import type { PeerWriter } from './formats/peers.js'
import type { GuardOptions } from './guard.js'
import type { Outcome } from './outcome.js'
import type { Records, SentRow } from './rows.js'

export interface Delivery<Body extends EventBody = string> {
  /** Repetitions of a batch have the same id, also after a crash. */
  readonly id: string
  readonly orgId: string
  /** When the batch was planned. Like the id, it is the same at each attempt. */
  readonly sinceMs: number
  /** One event for each row, made by the destination's writer, or by its encoder if it has one. */
  readonly events: readonly Body[]
  readonly rows: readonly SentRow[]
  readonly signal: AbortSignal
}

/**
 * An opened destination. It may keep its connections between deliveries. The events that it is given are those of its
 * own kind: texts, or what the kind's encoder makes.
 */
export interface Receiver<Body extends EventBody = string> {
  deliver(delivery: Delivery<Body>): Promise<Outcome>
  close(): Promise<void>
}

export interface Kind {
  readonly name: string
  readonly settings: z.ZodType<Record<string, unknown>>
  /** The secrets by name; required ones come first. */
  readonly secrets: Readonly<
    Record<string, { readonly schema: z.ZodType<string>; readonly required: boolean }>
  >
  /** The default number of seconds that a batch waits to fill. */
  readonly fillSeconds?: number
  /** The address to show. If it changes, the secrets must be given again. */
  readonly target: (settings: Readonly<Record<string, unknown>>) => string
  readonly isEncrypted: (settings: Readonly<Record<string, unknown>>) => boolean
  /** For kinds without the setting `events`. */
  readonly writer?: (columns: readonly string[] | null) => EventWriter
  readonly peerWriter?: (columns: readonly string[] | null) => PeerWriter
  /** For kinds that do not send JSON. Undefined: with these settings they do. */
  readonly encoder?: (
    settings: Readonly<Record<string, unknown>>,
    columns: readonly string[] | null,
  ) => EventEncoder | undefined
  readonly open: (given: Opening) => Receiver<EventBody>
}

export interface Opening {
  readonly settings: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
  readonly records?: Records
  /** Null: all fields. */
  readonly columns: readonly string[] | null
  readonly guard: GuardOptions
  readonly version: string
}
