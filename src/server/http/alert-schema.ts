/** An alert, as the API answers it. */
import { z } from 'zod'
import {
  type AlertRecord,
  conditionSchema,
  quietSchema,
  targetSchema,
  type wantedAlertSchema,
} from '../alerts/alert.js'
import type { AlertWithState } from '../alerts/alerts.js'
import { ALERT_LANGUAGES } from '../alerts/words.js'

const fault = z.object({ at: z.iso.datetime(), text: z.string() }).nullable()

export const alertSchema = z.object({
  id: z.string(),
  name: z.string(),
  query: z.string(),
  condition: conditionSchema,
  to: targetSchema,
  everyMinutes: z.int(),
  quiet: quietSchema.nullable(),
  link: z.string().nullable(),
  language: z.enum(ALERT_LANGUAGES),
  paused: z.boolean(),
  secret: z
    .object({ lastFour: z.string().nullable() })
    .nullable()
    .meta({ description: 'Null: messages are not signed.' }),
  createdAt: z.iso.datetime(),
  now: z.array(z.string()).meta({ description: 'What the alert finds now.' }),
  pending: z.int().meta({ description: 'Number of events that wait for the next message.' }),
  sent: z.int().meta({ description: 'Number of messages that the receiver accepted.' }),
  repeated: z.int().meta({ description: 'Events that returned within an hour; not reported.' }),
  lastSentAt: z.iso.datetime().nullable(),
  lastFault: fault.meta({ description: 'When and why a message failed last.' }),
  checkFault: z.string().nullable().meta({ description: 'Why it cannot be evaluated, or null.' }),
})
/** The body of a request. */
export type WantedAlert = z.input<typeof wantedAlertSchema>
export type AlertView = z.output<typeof alertSchema>

export const alertTestSchema = z.object({
  sent: z.boolean(),
  fault: z.string().nullable(),
})
export type AlertTest = z.output<typeof alertTestSchema>

export function alertView({ record, state, checkFault }: AlertWithState): AlertView {
  const { orgId: _, secret, ...shown } = record
  const found = Object.values(state.told).filter((one) => one.endedMs === null)
  return {
    ...shown,
    secret: secretView(secret),
    now: found.flatMap(({ text }) => (text === null ? [] : [text])),
    pending: state.pending.length + state.leftOut,
    sent: state.sent,
    repeated: state.repeated,
    lastSentAt: state.lastSentAt,
    lastFault: state.lastFault,
    checkFault,
  }
}

function secretView(secret: AlertRecord['secret']): AlertView['secret'] {
  return secret === null ? null : { lastFour: secret.lastFour }
}
