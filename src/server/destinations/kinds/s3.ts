/**
 * `s3`: objects of NDJSON (gzip) or Parquet, sent by PUT with Signature Version 4 (aws4fetch). Addresses are
 * path-style, because all S3-compatible stores take them.
 *
 *   {prefix}session/dt={day}/{org}-{id}.ndjson.gz (or .parquet)
 *   the same name with .manifest.json, by option: the object's sessions, bytes and digest; written after the object
 *
 * The day is the one on which the batch was planned, and the id is the batch's id. Both are durable before the first
 * attempt, so a repetition writes the same object again. A session is in one object for its end, and in another for
 * each correction.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { AwsV4Signer } from 'aws4fetch'
import { z } from 'zod'
import { joined } from '../events.js'
import { eventsSchema } from '../formats/formats.js'
import { parquetOf } from '../formats/parquet.js'
import { HttpSender } from '../http-send.js'
import type { Delivery, Kind, Opening, Receiver } from '../kind.js'
import type { Outcome } from '../outcome.js'
import { caSchema, urlSchema } from '../settings.js'

const pack = promisify(gzip)
const NDJSON = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' }
const PARQUET = { 'content-type': 'application/vnd.apache.parquet' }
const JSON_TEXT = { 'content-type': 'application/json' }

const settings = z.strictObject({
  url: urlSchema('https', 'http').meta({
    description: 'Endpoint, without the bucket: https://s3.eu-central-1.amazonaws.com',
  }),
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,50}$/, 'expected a region as in eu-central-1')
    .default('us-east-1'),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected the name of a bucket'),
  prefix: z
    .string()
    .regex(
      /^(?:[A-Za-z0-9!_.-]+\/)*$/,
      'expected nothing, or folders that end in /, as in tunmeter/',
    )
    .refine((text) => !/(?:^|\/)\.{1,2}\//.test(text), 'expected no . and .. between slashes')
    .max(500)
    .default(''),
  accessKeyId: z.string().regex(/^[\x21-\x7e]{1,128}$/, 'expected an access key id'),
  ca: caSchema,
  events: eventsSchema,
  file: z.enum(['ndjson', 'parquet']).default('ndjson').meta({
    description: 'ndjson: gzip’d; parquet: of native events, columns as those of an export.',
  }),
  manifest: z.boolean().default(false).meta({
    description: 'Write NAME.manifest.json after each object: sessions, bytes, SHA-256.',
  }),
})
const checked = settings.refine(({ file, events }) => file === 'ndjson' || events === 'native', {
  path: ['events'],
  message: 'expected native, since file is parquet',
})
type Settings = z.output<typeof settings>

export const s3: Kind = {
  name: 's3',
  settings: checked,
  secrets: {
    secretAccessKey: {
      schema: z.string().regex(/^[\x21-\x7e]{1,256}$/, 'expected a secret access key'),
      required: true,
    },
  },
  fillSeconds: 300,
  target: ({ url }) => new URL(url as string).origin,
  isEncrypted: ({ url }) => (url as string).startsWith('https:'),
  open: (given) => new S3(given),
}

class S3 implements Receiver {
  readonly #settings: Settings
  readonly #secretAccessKey: string
  readonly #sender: HttpSender
  readonly #columns: Opening['columns']
  readonly #folder: string

  constructor({ settings: given, secrets, guard, columns, records }: Opening) {
    this.#settings = given as Settings
    this.#columns = columns
    this.#folder = records === 'peers' ? 'peer' : 'session'
    this.#secretAccessKey = secrets.secretAccessKey!
    this.#sender = new HttpSender(guard, this.#settings.ca)
  }

  async deliver({ id, orgId, sinceMs, events, signal }: Delivery): Promise<Outcome> {
    const { prefix, file, manifest } = this.#settings
    const day = new Date(sinceMs).toISOString().slice(0, 10)
    const isParquet = file === 'parquet'
    const name = `${orgId}-${id}.${isParquet ? 'parquet' : 'ndjson.gz'}`
    const key = `${prefix}${this.#folder}/dt=${day}/${name}`
    const body = isParquet
      ? await parquetOf(events, this.#columns)
      : await pack(joined(events, '\n', '\n'))
    const outcome = await this.#put(key, body, isParquet ? PARQUET : NDJSON, signal)
    if (outcome.kind !== 'delivered' || !manifest) return outcome
    const facts = {
      ...{ object: name, format: file, sessions: events.length, bytes: body.length },
      sha256: createHash('sha256').update(body).digest('hex'),
    }
    const text = Buffer.from(`${JSON.stringify(facts)}\n`)
    return this.#put(`${key}.manifest.json`, text, JSON_TEXT, signal)
  }

  async #put(
    key: string,
    body: Buffer,
    type: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { url: endpoint, bucket } = this.#settings
    const url = `${endpoint.replace(/\/+$/, '')}/${bucket}/${key}`
    const outcome = await this.#sender.send(await this.#signed(url, body, type), signal)
    // Splitting the batch would not help, because the store does not look at the events in the object.
    return outcome.kind === 'refused' ? { ...outcome, kind: 'blocked' } : outcome
  }

  async #signed(url: string, body: Buffer, type: Readonly<Record<string, string>>) {
    const { region, accessKeyId } = this.#settings
    const digest = createHash('sha256').update(body)
    const signer = new AwsV4Signer({
      ...{ method: 'PUT', url, service: 's3', region, accessKeyId },
      secretAccessKey: this.#secretAccessKey,
      headers: {
        ...type,
        'x-amz-content-sha256': digest.copy().digest('hex'),
        'x-amz-checksum-sha256': digest.digest('base64'),
      },
    })
    const { url: signedUrl, headers } = await signer.sign()
    return { method: 'PUT', url: signedUrl, headers: Object.fromEntries(headers), body } as const
  }

  close(): Promise<void> {
    return this.#sender.close()
  }
}
