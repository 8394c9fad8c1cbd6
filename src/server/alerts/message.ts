/** A message of an alert: JSON for webhooks, a text for e-mail. */
import type { AlertEvent, AlertRecord } from './alert.js'

export interface Message {
  /** A repetition of a message has the same id. */
  readonly id: string
  readonly events: readonly AlertEvent[]
  readonly leftOut: number
}

export function jsonOf({ id, orgId, name, link }: AlertRecord, message: Message): Buffer {
  const { events, leftOut } = message
  const told = { type: 'tunmeter.alert', org: orgId, alertId: id, name, link, events, leftOut }
  return Buffer.from(JSON.stringify(told))
}

export function subjectOf({ name }: AlertRecord, { events }: Message): string {
  const [first] = events
  const more = events.length > 1 ? ` (and ${events.length - 1} more)` : ''
  return `tunmeter: ${name}: ${first === undefined ? '' : said(first)}${more}`.slice(0, 200)
}

export function textOf({ name, orgId, link }: AlertRecord, { events, leftOut }: Message): string {
  const lines = events.map((event) => `${event.at}  ${said(event)}`)
  if (leftOut > 0) lines.push(`and ${leftOut} more`)
  const where = link === null ? '' : `\n${link}\n`
  return `Alert "${name}" of ${orgId}:\n\n${lines.join('\n')}\n${where}`
}

function said({ what, text }: AlertEvent): string {
  return what === 'ends' ? `over: ${text}` : text
}
