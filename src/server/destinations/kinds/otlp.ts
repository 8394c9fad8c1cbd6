/**
 * `otlp`: log records over OTLP/HTTP, as protobuf or JSON: one resource for each meter, one record for each session.
 *
 * A receiver that takes only part of a request gives the number of rejected records, but does not name them. The
 * protocol forbids sending such a request again. The records are counted (`rejected`), and the answer's text is the
 * last failure.
 */
import { z } from 'zod'
import { type KeyValue, keyValue, type LogRecord, otlpWriter } from '../formats/otlp.js'
import { otlpPeers } from '../formats/peers.js'
import { HttpSender, postOf } from '../http-send.js'
import type { Delivery, Kind, Opening, Receiver } from '../kind.js'
import { type Outcome, outcomeOf, shown, type WholeAnswer } from '../outcome.js'
import {
  authorizationSecret,
  caSchema,
  headerSecret,
  headersSchema,
  secretHeaders,
  urlSchema,
} from '../settings.js'
import {
  exportRequest,
  type PartialSuccess,
  partialSuccessOf,
  type ResourceLogs,
} from './otlp-protobuf.js'

const PATH = '/v1/logs'

const settings = z.strictObject({
  url: urlSchema('https', 'http').meta({
    description: `Base address; ${PATH} is added where it is not there: https://otel.example.org:4318`,
  }),
  encoding: z.enum(['protobuf', 'json']).default('protobuf'),
  gzip: z.boolean().default(true),
  headers: headersSchema,
  ca: caSchema,
})
type Settings = z.output<typeof settings>

export const otlp: Kind = {
  name: 'otlp',
  settings,
  secrets: { authorization: authorizationSecret, header: headerSecret },
  target: ({ url }) => new URL(url as string).origin,
  isEncrypted: ({ url }) => (url as string).startsWith('https:'),
  writer: otlpWriter,
  peerWriter: otlpPeers,
  open: (given) => new Otlp(given),
}

class Otlp implements Receiver {
  readonly #settings: Settings
  readonly #secrets: Record<string, string>
  readonly #sender: HttpSender
  readonly #url: URL
  readonly #version: string
  readonly #has: (column: string) => boolean

  constructor({ settings: given, secrets, guard, version, columns }: Opening) {
    this.#settings = given as Settings
    this.#secrets = secretHeaders(secrets)
    this.#sender = new HttpSender(guard, this.#settings.ca)
    this.#version = version
    this.#has = (column) => columns === null || columns.includes(column)
    this.#url = new URL(this.#settings.url)
    const path = this.#url.pathname.replace(/\/+$/, '')
    this.#url.pathname = path.endsWith(PATH) ? path : `${path}${PATH}`
  }

  async deliver(delivery: Delivery): Promise<Outcome> {
    const { encoding, gzip, headers } = this.#settings
    const isJson = encoding === 'json'
    const resources = this.#resources(delivery)
    const plain = isJson ? jsonRequest(resources) : exportRequest(resources)
    const request = await postOf(this.#url, plain, {
      gzip,
      headers: {
        ...headers,
        'content-type': isJson ? 'application/json' : 'application/x-protobuf',
        'user-agent': `tunmeter/${this.#version}`,
        ...this.#secrets,
      },
    })
    const { length } = delivery.events
    return this.#sender.send(request, delivery.signal, (answer) =>
      outcomeOfExport(answer, isJson, length),
    )
  }

  #resources({ orgId, sinceMs, events, rows }: Delivery): ResourceLogs[] {
    const byMeter = new Map<string, { attributes: KeyValue[]; records: LogRecord[] }>()
    for (const [i, { siteId, meterId }] of rows.entries()) {
      const key = `${siteId} ${meterId}`
      let one = byMeter.get(key)
      if (one === undefined) {
        const attributes = [
          keyValue('service.name', 'tunmeter'),
          ...(this.#has('meterId') ? [keyValue('host.name', meterId)] : []),
          ...(this.#has('orgId') ? [keyValue('tunmeter.org.id', orgId)] : []),
          ...(this.#has('siteId') ? [keyValue('tunmeter.site.id', siteId)] : []),
        ]
        one = { attributes, records: [] }
        byMeter.set(key, one)
      }
      const record = JSON.parse(events[i]!) as LogRecord
      one.records.push({ ...record, observedTimeUnixNano: `${sinceMs}000000` })
    }
    const scope = { name: 'tunmeter', version: this.#version }
    return [...byMeter.values()].map(({ attributes, records }) => ({
      ...{ resource: { attributes }, scope, records },
    }))
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}

function jsonRequest(resources: readonly ResourceLogs[]): Buffer {
  const resourceLogs = resources.map(({ resource, scope, records: logRecords }) => ({
    resource,
    scopeLogs: [{ scope, logRecords }],
  }))
  return Buffer.from(JSON.stringify({ resourceLogs }))
}

const jsonAnswer = z.object({
  partialSuccess: z
    .object({
      rejectedLogRecords: z.coerce.number().int().min(0).default(0),
      errorMessage: z.string().default(''),
    })
    .optional(),
})

/** Undefined if the answer cannot be read or reports no partial success. */
function partOf({ text, bytes }: WholeAnswer, isJson: boolean): PartialSuccess | undefined {
  try {
    return isJson ? jsonAnswer.parse(JSON.parse(text)).partialSuccess : partialSuccessOf(bytes)
  } catch {
    return undefined
  }
}

function outcomeOfExport(answer: WholeAnswer, isJson: boolean, sent: number): Outcome {
  const outcome = outcomeOf(answer, Date.now())
  if (outcome.kind !== 'delivered') return outcome
  const part = partOf(answer, isJson)
  const events = Math.min(part?.rejectedLogRecords ?? 0, sent)
  if (events === 0) return outcome
  const text = shown(`${events} of ${sent} records were rejected: ${part!.errorMessage}`)
  return { ...outcome, rejected: { events, text } }
}
