/** Alerts: their settings as the API takes them, as they are stored, and the state of each. */
import { z } from 'zod'
import { isPlainText, PLAIN_TEXT } from '../../session/plain-text.js'
import { signingSecret } from '../destinations/kinds/webhook.js'
import type { SealedSecret } from '../destinations/records.js'
import { urlSchema } from '../destinations/settings.js'
import { viewQuery } from '../query/view-query.js'
import { ALERT_LANGUAGES } from './words.js'

export const ALERTS_OF_ORG_MAX = 20
const ADDRESSES_MAX = 5
const DAY_MINUTES = 1440

const over = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const withinMinutes = z
  .int()
  .min(5)
  .max(7 * DAY_MINUTES)
  .meta({ description: 'The condition counts sessions that began in this many last minutes.' })

export const conditionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('count'), over, withinMinutes }),
  z.strictObject({ kind: z.literal('bytes'), over, withinMinutes }),
  z.strictObject({ kind: z.literal('newValue'), of: z.enum(['client', 'user', 'resource']) }),
  z.strictObject({ kind: z.literal('silence') }),
  z.strictObject({ kind: z.literal('hole') }),
])
export type Condition = z.output<typeof conditionSchema>

const clock = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'expected a time as in 22:00')
export const quietSchema = z
  .strictObject({
    from: clock,
    to: clock,
    timeZone: z.string().max(64).refine(isTimeZone, 'expected a time zone as in Europe/Berlin'),
  })
  .refine(({ from, to }) => from !== to, 'expected two different times')
export type Quiet = z.output<typeof quietSchema>

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

export const targetSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('webhook'), url: urlSchema('https', 'http') }),
  z.strictObject({
    kind: z.literal('email'),
    addresses: z.array(z.email().max(254)).min(1).max(ADDRESSES_MAX),
  }),
])
export type Target = z.output<typeof targetSchema>

export const wantedAlertSchema = z.strictObject({
  name: z.string().trim().min(1).max(100).refine(isPlainText, PLAIN_TEXT),
  query: viewQuery,
  condition: conditionSchema,
  to: targetSchema,
  everyMinutes: z.int().min(5).max(DAY_MINUTES).default(15).meta({
    description: 'At most one message in this many minutes; it has the events since the last.',
  }),
  quiet: quietSchema.nullish().meta({ description: 'Quiet hours: messages wait for their end.' }),
  link: urlSchema('https', 'http')
    .nullish()
    .meta({ description: 'Address of the dashboard, for messages.' }),
  language: z
    .enum(ALERT_LANGUAGES)
    .default('en')
    .meta({ description: 'Of findings and messages.' }),
  paused: z.boolean().default(false),
  secrets: z.strictObject({ secret: signingSecret.nullish() }).default({}).meta({
    description: 'Never shown again. An omitted secret stays as it is; null removes it.',
  }),
})
export type WantedAlert = z.output<typeof wantedAlertSchema>

export interface AlertRecord extends Omit<WantedAlert, 'secrets' | 'quiet' | 'link'> {
  readonly id: string
  readonly orgId: string
  readonly quiet: Quiet | null
  readonly link: string | null
  readonly secret: SealedSecret | null
  readonly createdAt: string
}

/** Something that a condition found. */
export interface Finding {
  /** Findings with the same key are the same finding. */
  readonly key: string
  /** Null: it was there before the alert was created, so it is not reported. */
  readonly text: string | null
}

export interface AlertEvent {
  readonly at: string
  readonly what: 'begins' | 'ends' | 'test'
  readonly text: string
}

export interface Told {
  readonly text: string | null
  /** Null: it is still found. */
  readonly endedMs: number | null
  /** The finding returned too soon to be reported. It is reported if it is still found at this time. */
  readonly mutedUntilMs?: number
}

export interface AlertState {
  readonly id: string
  readonly orgId: string
  readonly told: Readonly<Record<string, Told>>
  /** Events of the next message, the oldest first. */
  readonly pending: readonly AlertEvent[]
  /** Number of further events, which the next message cannot hold. */
  readonly leftOut: number
  /** The number of the last message. A repetition with the same events has the same. */
  readonly number: number
  /** Number of events of the last attempt, including those left out. */
  readonly attempted: number
  readonly nextSendMs: number
  readonly failures: number
  readonly sent: number
  /** Number of events that were not reported, because the same finding ended less than an hour before. */
  readonly repeated: number
  readonly lastSentAt: string | null
  readonly lastFault: { readonly at: string; readonly text: string } | null
  /** Why the last evaluation failed. Absent in older states. */
  readonly checkFault?: string | null
}

export function newState({ id, orgId }: Pick<AlertRecord, 'id' | 'orgId'>): AlertState {
  return {
    ...{ id, orgId, told: {}, pending: [], leftOut: 0, number: 0, attempted: 0 },
    ...{ nextSendMs: 0, failures: 0, sent: 0, repeated: 0, lastSentAt: null, lastFault: null },
  }
}
