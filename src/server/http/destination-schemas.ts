/** Schemas of the answers about destinations. The dashboard and the command line take their types from here. */
import { z } from 'zod'
import type { kindSchema } from '../destinations/kind-fields.js'
import { KIND_NAMES } from '../destinations/kinds/kinds.js'
import { ATTEMPT_CLASSES } from '../destinations/outcome.js'
import { pseudonymsSchema } from '../destinations/pseudonyms.js'
import { RECORDS } from '../destinations/rows.js'

const time = z.string().nullable()
const counts = z.object(
  Object.fromEntries(ATTEMPT_CLASSES.map((name) => [name, z.int().optional()])),
)
export const destinationSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(KIND_NAMES),
  target: z.string(),
  settings: z.record(z.string(), z.unknown()),
  secrets: z.record(z.string(), z.object({ set: z.literal(true), lastFour: time })),
  records: z.enum(RECORDS),
  q: z.string(),
  columns: z.array(z.string()).nullable(),
  eventsMax: z.int(),
  bytesMax: z.int(),
  fillSeconds: z.int(),
  pseudonyms: pseudonymsSchema.nullable(),
  openSeconds: z.int(),
  createdAt: z.string(),
  state: z.enum(['ok', 'retrying', 'blocked', 'paused']),
  delivered: z.int().meta({
    description: 'Delivered sessions; one that was sent again after a failure counts once.',
  }),
  openReports: z.int().meta({
    description: 'Delivered reports of open sessions (openSeconds); not part of delivered.',
  }),
  pending: z.int().meta({ description: 'Waiting sessions.' }),
  oldestPendingEndedAt: time.meta({ description: 'The earliest end of a waiting session.' }),
  deadLetters: z.int(),
  rejected: z.int().meta({
    description: 'Sessions that the receiver rejected by number only, without naming them (otlp).',
  }),
  deletedUndelivered: z.int().meta({
    description: 'Sessions that retention deleted before delivery; an upper bound.',
  }),
  lastSuccessAt: time,
  lastFailure: z
    .object({ at: z.string(), status: z.int().nullable(), text: z.string() })
    .nullable(),
  nextAttemptAt: time,
  attempts: z.object({ day: counts, month: counts }),
  backfills: z.array(
    z.object({
      id: z.int(),
      timeStart: z.string(),
      timeEnd: z.string(),
      startedAt: z.string(),
      endedAt: time,
      stopped: z.boolean().meta({ description: 'Stopped on request, before its end.' }),
      delivered: z.int(),
      deletedUndelivered: z.int(),
      progress: z.number().meta({ description: 'From 0 to 1.' }),
    }),
  ),
})

export const deadLetterSchema = z.object({
  siteId: z.int(),
  sessionId: z.string(),
  at: z.string(),
  status: z.int().nullable(),
  text: z.string(),
  event: z.string().nullable().meta({
    description: 'The event as it was sent; null: the session is no longer stored.',
  }),
})

export const testSchema = z.object({
  result: z.enum(['delivered', 'later', 'blocked', 'refused']),
  target: z.string(),
  status: z.int().nullable(),
  text: z
    .string()
    .meta({ description: 'The first words of the answer, or the reason why there was none.' }),
})

export const resendSchema = z.object({
  delivered: z.int(),
  refused: z.int(),
  gone: z.int().meta({ description: 'Sessions that are no longer stored.' }),
  failed: z
    .string()
    .nullable()
    .meta({ description: 'The reason why sending stopped early; null: it did not.' }),
})

export type DestinationView = z.output<typeof destinationSchema>
export type DeadLetterView = z.output<typeof deadLetterSchema>
export type TestView = z.output<typeof testSchema>
export type ResendView = z.output<typeof resendSchema>
export type KindView = z.output<typeof kindSchema>
