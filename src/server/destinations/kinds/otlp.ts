/**
 * `otlp`: log records over OTLP/HTTP, as protobuf or JSON: one resource for each meter, one record for each session.
 *
 * A receiver that takes only part of a request gives the number of rejected records, but does not name them. The
 * protocol forbids sending such a request again. The records are counted (`rejected`), and the answer's text is the
 * last failure.
 */
import { z } from 'zod'
import type { EventBody } from '../events.js'
import { jsonRecords, keyValue, protobufRecords, sessionPlan } from '../formats/otlp.js'
import { peerPlan } from '../formats/peers.js'
import { ProtobufWriter } from '../formats/protobuf.js'
import { HttpSender, postOf } from '../http-send.js'
import type { Delivery, Kind, Opening, Receiver } from '../kind.js'
import { type Outcome, outcomeOf, shown, type WholeAnswer } from '../outcome.js'
import { isPeer, type SentRow } from '../rows.js'
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
  type Scope,
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
  writer: (columns) => jsonRecords(sessionPlan(columns)),
  peerWriter: (columns) => jsonRecords(peerPlan(columns)),
  encoder: ({ encoding }, columns) => (encoding === 'json' ? undefined : protobufOf(columns)),
  open: (given) => new Otlp(given),
}

class Otlp implements Receiver {
  readonly #settings: Settings
  readonly #secrets: Record<string, string>
  readonly #sender: HttpSender
  readonly #url: URL
  readonly #scope: Scope
  readonly #has: (column: string) => boolean

  constructor({ settings: given, secrets, guard, version, columns }: Opening) {
    this.#settings = given as Settings
    this.#secrets = secretHeaders(secrets)
    this.#sender = new HttpSender(guard, this.#settings.ca)
    this.#scope = { name: 'tunmeter', version }
    this.#has = (column) => columns === null || columns.includes(column)
    this.#url = new URL(this.#settings.url)
    const path = this.#url.pathname.replace(/\/+$/, '')
    this.#url.pathname = path.endsWith(PATH) ? path : `${path}${PATH}`
  }

  async deliver(delivery: Delivery<EventBody>): Promise<Outcome> {
    const { encoding, gzip, headers } = this.#settings
    const isJson = encoding === 'json'
    const { sinceMs } = delivery
    const plain = isJson
      ? jsonRequest(this.#resources<string>(delivery), this.#scope, sinceMs)
      : exportRequest(this.#resources<Buffer>(delivery), this.#scope, sinceMs)
    const request = await postOf(this.#url, plain, {
      gzip,
      headers: {
        ...headers,
        'content-type': isJson ? 'application/json' : 'application/x-protobuf',
        'user-agent': `tunmeter/${this.#scope.version}`,
        ...this.#secrets,
      },
    })
    const { length } = delivery.events
    return this.#sender.send(request, delivery.signal, (answer) =>
      outcomeOfExport(answer, isJson, length),
    )
  }

  /** Records are what the destination's writer or encoder made. */
  #resources<Record extends EventBody>({ orgId, events, rows }: Delivery<EventBody>) {
    const byMeter = new Map<string, ResourceLogs<Record> & { readonly records: Record[] }>()
    for (const [i, { siteId, meterId }] of rows.entries()) {
      const key = `${siteId} ${meterId}`
      let one = byMeter.get(key)
      if (one === undefined) {
        const attributes = [
          ['service.name', 'tunmeter'] as const,
          ...(this.#has('meterId') ? [['host.name', meterId] as const] : []),
          ...(this.#has('orgId') ? [['tunmeter.org.id', orgId] as const] : []),
          ...(this.#has('siteId') ? [['tunmeter.site.id', siteId] as const] : []),
        ]
        one = { attributes, records: [] }
        byMeter.set(key, one)
      }
      one.records.push(events[i]! as Record)
    }
    return [...byMeter.values()]
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}

function protobufOf(columns: readonly string[] | null) {
  const write = protobufRecords(sessionPlan(columns))
  const writePeer = protobufRecords(peerPlan(columns))
  const to = new ProtobufWriter()
  return (row: SentRow, isTest?: boolean): Buffer => {
    if (isPeer(row)) writePeer(to, row, isTest)
    else write(to, row, isTest)
    return to.take()
  }
}

/** @param resources with records as JSON, without their observed time */
function jsonRequest(
  resources: readonly ResourceLogs<string>[],
  scope: Scope,
  observedMs: number,
): Buffer {
  const observed = `,"observedTimeUnixNano":"${observedMs}000000"}`
  const texts = resources.map(({ attributes: pairs, records }) => {
    const attributes = pairs.map(([key, value]) => keyValue(key, value))
    const logRecords = records.map((record) => `${record.slice(0, -1)}${observed}`)
    const inScope = `{"scope":${JSON.stringify(scope)},"logRecords":[${logRecords.join(',')}]}`
    return `{"resource":${JSON.stringify({ attributes })},"scopeLogs":[${inScope}]}`
  })
  return Buffer.from(`{"resourceLogs":[${texts.join(',')}]}`)
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
