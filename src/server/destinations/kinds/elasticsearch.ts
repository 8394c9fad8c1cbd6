/**
 * `elasticsearch` (and OpenSearch): `POST /_bulk` with `create` into a data stream, documents in ECS.
 *
 * The id of a document is a hash of the session and its measurements. The same report of a session therefore has the
 * same id each time. The answer to a repetition is 409, which counts as delivered. A correction is a new document with
 * the same `event.id`, because documents in a data stream cannot be replaced.
 *
 * Each document has an answer of its own. If some are rejected for lack of capacity, the whole attempt is sent again;
 * the ids prevent duplicates.
 */
import { hash } from 'node:crypto'
import { z } from 'zod'
import type { LogRow } from '../../store/store.js'
import { joined } from '../events.js'
import { ecsWriter } from '../formats/ecs.js'
import { ecsPeers } from '../formats/peers.js'
import { HttpSender, postOf } from '../http-send.js'
import type { Delivery, Kind, Opening, Receiver } from '../kind.js'
import { type Outcome, outcomeOf, type Refused, shown, type WholeAnswer } from '../outcome.js'
import { isPeer, type SentRow } from '../rows.js'
import {
  authorizationSecret,
  caSchema,
  headersSchema,
  secretHeaders,
  urlSchema,
} from '../settings.js'

/** A longer answer is not read to its end. The attempt is then split, because smaller ones have shorter answers. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** The parts of the answer that are read below. */
const FILTER = 'errors,items.*.status,items.*.error.type,items.*.error.reason'
const ID_CHARACTERS = 32

const DATA_STREAM = 'logs-tunmeter.session-default'
/** In place of DATA_STREAM, for events of peers. */
const PEER_DATA_STREAM = 'logs-tunmeter.peer-default'

const settings = z.strictObject({
  url: urlSchema('https', 'http').meta({
    description: 'Base address: https://es.example.org:9200',
  }),
  dataStream: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,199}$/, 'expected the name of a data stream, in small letters')
    .default(DATA_STREAM),
  gzip: z.boolean().default(true),
  headers: headersSchema,
  ca: caSchema,
})
type Settings = z.output<typeof settings>

export const elasticsearch: Kind = {
  name: 'elasticsearch',
  settings,
  secrets: {
    apiKey: {
      schema: z.string().regex(/^[A-Za-z0-9+/=_:-]{1,1000}$/, 'expected an encoded API key'),
      required: false,
    },
    authorization: authorizationSecret,
  },
  target: ({ url }) => new URL(url as string).origin,
  isEncrypted: ({ url }) => (url as string).startsWith('https:'),
  writer: ecsWriter,
  peerWriter: ecsPeers,
  open: (given) => new Elasticsearch(given),
}

class Elasticsearch implements Receiver {
  readonly #settings: Settings
  readonly #secrets: Record<string, string>
  readonly #sender: HttpSender

  constructor({ settings: given, secrets: { apiKey, ...secrets }, guard, records }: Opening) {
    const settings = given as Settings
    const isOther = records === 'peers' && settings.dataStream === DATA_STREAM
    this.#settings = isOther ? { ...settings, dataStream: PEER_DATA_STREAM } : settings
    this.#secrets = secretHeaders({
      ...secrets,
      ...(apiKey !== undefined && { authorization: `ApiKey ${apiKey}` }),
    })
    this.#sender = new HttpSender(guard, this.#settings.ca)
  }

  async deliver({ orgId, events, rows, signal }: Delivery): Promise<Outcome> {
    const { url: base, dataStream, gzip, headers } = this.#settings
    const lines = events.flatMap((event, i) => {
      // Neither text has characters that JSON escapes.
      const id = documentId(orgId, rows[i]!)
      return [`{"create":{"_index":"${dataStream}","_id":"${id}"}}`, event]
    })
    const plain = joined(lines, '\n', '\n')
    const url = new URL(base)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/_bulk`
    url.searchParams.set('filter_path', FILTER)
    const request = await postOf(url, plain, {
      gzip,
      headers: { ...headers, 'content-type': 'application/x-ndjson', ...this.#secrets },
    })
    const read = (answer: WholeAnswer) => outcomeOfBulk(answer, events.length)
    return this.#sender.send(request, signal, read, ANSWER_BYTES_MAX)
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}

/** The id of this report of the session. It must not depend on names from the catalog, because they can change. */
export function documentId(orgId: string, row: SentRow): string {
  return digestOf(isPeer(row) ? [orgId, row.siteId, row.eventId] : reportOf(orgId, row))
}

function reportOf(orgId: string, row: LogRow): unknown[] {
  const { siteId, sessionId, endTimeUs, endReason, interrupted, connState } = row
  const { bytesTx, bytesRx, packetsTx, packetsRx, clientId, userId, siteResourceId } = row
  return [
    ...[orgId, siteId, sessionId, endTimeUs, endReason, interrupted, connState],
    ...[bytesTx, bytesRx, packetsTx, packetsRx, clientId, userId, siteResourceId],
  ]
}

function digestOf(report: readonly unknown[]): string {
  const digest = hash('sha256', JSON.stringify(report), 'base64url')
  return digest.slice(0, ID_CHARACTERS)
}

const itemSchema = z.object({
  status: z.int(),
  error: z.object({ type: z.string().optional(), reason: z.string().optional() }).optional(),
})
const answerSchema = z.object({ items: z.array(z.record(z.string(), itemSchema)) })
type Item = z.output<typeof itemSchema>

/** Null: the text is no answer of _bulk for so many `events`. No items: each of them was taken. */
function itemsOf(text: string, events: number): Item[] | null {
  try {
    const answer: unknown = JSON.parse(text)
    const said = answer as { readonly errors?: unknown; readonly items?: unknown }
    const isFor = Array.isArray(said.items) && said.items.length === events
    if (said.errors === false && isFor) return []
    const items = answerSchema.parse(answer).items.flatMap((one) => Object.values(one))
    return items.length === events ? items : null
  } catch {
    return null
  }
}

function outcomeOfBulk(answer: WholeAnswer, events: number): Outcome {
  const { status } = answer
  if (status < 200 || status >= 300) return outcomeOf(answer, Date.now())
  if (!answer.isWhole && events > 1)
    return { kind: 'refused', status, text: 'the answer is too long' }
  const items = answer.isWhole ? itemsOf(answer.text, events) : null
  if (items?.length === 0) return { kind: 'delivered', status }
  if (items === null)
    return {
      kind: 'blocked',
      status,
      text: `no answer of _bulk: ${shown(answer.text)}`.slice(0, 300),
    }
  const bad = items.flatMap((item, at) => (isTaken(item) ? [] : [outcomeOfItem(item, at)]))
  const worst =
    bad.find(({ outcome }) => outcome.kind === 'blocked') ??
    bad.find(({ outcome }) => outcome.kind === 'later')
  if (worst !== undefined) return worst.outcome
  if (bad.length === 0) return { kind: 'delivered', status }
  return { kind: 'partly', status, refused: bad.map(({ refused }) => refused) }
}

/** 409: the document exists. */
function isTaken({ status }: Item): boolean {
  return (status >= 200 && status < 300) || status === 409
}

function outcomeOfItem(
  { status, error }: Item,
  at: number,
): { readonly outcome: Outcome; readonly refused: Refused } {
  const said = [error?.type, error?.reason].filter((one) => one !== undefined).join(': ')
  const outcome = outcomeOf({ status, text: said, retryAfter: undefined }, Date.now())
  return { outcome, refused: { at, status, text: shown(said) } }
}
