/** A message of an alert: JSON for webhooks, a text for e-mail. */
import type { AlertEvent, AlertRecord } from './alert.js'
import { ALERT_WORDS, type AlertWords } from './words.js'

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

export function subjectOf({ name, language }: AlertRecord, { events }: Message): string {
  const words = ALERT_WORDS[language]
  const [first] = events
  const more = events.length > 1 ? words.others(events.length - 1) : ''
  return `tunmeter: ${name}: ${first === undefined ? '' : said(first, words)}${more}`.slice(0, 200)
}

export function textOf(alert: AlertRecord, { events, leftOut }: Message): string {
  const { name, orgId, link, language } = alert
  const words = ALERT_WORDS[language]
  const lines = events.map((event) => `${event.at}  ${said(event, words)}`)
  if (leftOut > 0) lines.push(words.leftOut(leftOut))
  const where = link === null ? '' : `\n${link}\n`
  return `${words.heading(name, orgId)}\n\n${lines.join('\n')}\n${where}`
}

function said({ what, text }: AlertEvent, words: AlertWords): string {
  return what === 'ends' ? words.ended(text) : text
}
