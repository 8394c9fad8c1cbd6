/** Routes for the destinations of an organisation. */
import { z } from 'zod'
import { usToIso } from '../../../base/instant.js'
import { isPlainText, PLAIN_TEXT } from '../../../session/plain-text.js'
import { QUERY_CHARACTERS_MAX } from '../../../session/query.js'
import type { Courier } from '../../destinations/courier.js'
import { COLUMN_NAMES } from '../../destinations/events.js'
import { PEER_COLUMNS } from '../../destinations/formats/peers.js'
import { kindFields, kindSchema } from '../../destinations/kind-fields.js'
import { KIND_NAMES, KINDS, secretsOf } from '../../destinations/kinds/kinds.js'
import { pseudonymsSchema } from '../../destinations/pseudonyms.js'
import { RECORDS, type Records } from '../../destinations/rows.js'
import { targetOf, type Wanted } from '../../destinations/wanted.js'
import { timeUs } from '../../query/parameters.js'
import type { ServerContext } from '../context.js'
import {
  deadLetterSchema,
  destinationSchema,
  resendSchema,
  testSchema,
} from '../destination-schemas.js'
import { viewOf } from '../destination-view.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'

const BASE = '/api/v1/org/{orgId}/destinations'
const ADMIN = ['admin'] as const
const KiB = 1024

const params = orgParams.extend({ destinationId: z.string().max(32) })

const common = {
  name: z.string().trim().min(1).max(100).refine(isPlainText, PLAIN_TEXT),
  records: z.enum(RECORDS).default('sessions').meta({
    description: 'sessions; or peers: events of WireGuard peers, without q and openSeconds.',
  }),
  q: z.string().trim().max(QUERY_CHARACTERS_MAX).refine(isPlainText, PLAIN_TEXT).default('').meta({
    description: 'Only sessions that this search finds (docs/query.md).',
  }),
  columns: z
    .array(z.enum([...new Set([...COLUMN_NAMES, ...PEER_COLUMNS])] as [string, ...string[]]))
    .min(1)
    .refine((names) => new Set(names).size === names.length, 'expected each field once')
    .nullish()
    .meta({ description: 'Fields of an event. Default: all.' }),
  eventsMax: z
    .int()
    .min(1)
    .max(10_000)
    .default(1000)
    .meta({ description: 'The most events in one attempt.' }),
  bytesMax: z
    .int()
    .min(16 * KiB)
    .max(16 * KiB * KiB)
    .default(KiB * KiB)
    .meta({ description: 'The most bytes in one attempt, before gzip.' }),
  pseudonyms: pseudonymsSchema.nullish().meta({
    description: 'Pseudonyms in place of persons, made with the secret pseudonymKey.',
  }),
  openSeconds: z
    .union([z.literal(0), z.int().min(60).max(3600)])
    .default(0)
    .meta({ description: 'Report open sessions at this interval, too; 0: never.' }),
}

/** One schema for each kind. */
const wantedSchema = z.discriminatedUnion(
  'kind',
  KIND_NAMES.map((kind) => {
    const { settings, fillSeconds = 0 } = KINDS[kind]!
    const shape = Object.entries(secretsOf(kind)).map(([name, { schema }]) => [
      name,
      schema.nullish(),
    ])
    return z.strictObject({
      kind: z.literal(kind),
      ...common,
      fillSeconds: z.int().min(0).max(3600).default(fillSeconds).meta({
        description: 'The longest time that an attempt waits to be full.',
      }),
      settings,
      secrets: z.strictObject(Object.fromEntries(shape)).default({}).meta({
        description: 'Never shown again. An omitted secret stays as it is; null removes it.',
      }),
    })
  }) as never,
) as z.ZodType<{
  name: string
  kind: string
  records: Records
  q: string
  columns?: string[] | null | undefined
  eventsMax: number
  bytesMax: number
  fillSeconds: number
  pseudonyms?: Wanted['pseudonyms'] | undefined
  openSeconds: number
  settings: Record<string, unknown>
  secrets: Record<string, string | null | undefined>
}>

function wantedOf({
  q,
  columns,
  pseudonyms,
  secrets,
  ...rest
}: z.output<typeof wantedSchema>): Wanted {
  const named = Object.entries(secrets).filter(([, secret]) => secret !== undefined)
  return {
    ...rest,
    query: q,
    columns: columns ?? null,
    pseudonyms: pseudonyms ?? null,
    secrets: Object.fromEntries(named) as Record<string, string | null>,
  }
}

export function destinationRoutes(context: ServerContext): Route[] {
  return [...settingRoutes(context), ...workRoutes(context), ...letterRoutes(context)]
}

function settingRoutes(context: ServerContext): Route[] {
  const { destinations, security } = context
  return [
    route({
      method: 'GET',
      path: `${BASE}/kinds`,
      tag: 'destinations',
      summary: 'Kinds of destinations, and the settings and secrets that each asks for',
      scopes: ADMIN,
      params: orgParams,
      answer: z.object({ kinds: z.array(kindSchema) }),
      handle: async () => ({ kinds: kindFields() }),
    }),
    route({
      method: 'GET',
      path: BASE,
      tag: 'destinations',
      summary: 'Destinations of the organisation, with the state of delivery',
      scopes: ADMIN,
      params: orgParams,
      answer: z.object({ destinations: z.array(destinationSchema) }),
      handle: async ({ params: { orgId } }) => ({
        destinations: await Promise.all(
          (await destinations.of(orgId)).map((one) => viewOf(context, one)),
        ),
      }),
    }),
    route({
      method: 'POST',
      path: BASE,
      tag: 'destinations',
      summary: 'Add a destination; it gets the sessions stored from now on',
      description:
        'It gets ended sessions, and later corrections of them under the same `sessionId`; nothing while the retention is 0. `backfill` sends sessions that are stored already.',
      scopes: ADMIN,
      status: 201,
      statuses: {
        409: 'The organisation has as many destinations as it may.',
      },
      params: orgParams,
      body: wantedSchema,
      answer: destinationSchema,
      handle: async ({ params: { orgId }, body, key, request }) => {
        const courier = await destinations.create(orgId, wantedOf(body))
        await security.done('destinationAdded', request.ip, key, factsOf(courier))
        return viewOf(context, courier)
      },
    }),
    route({
      method: 'PUT',
      path: `${BASE}/{destinationId}`,
      tag: 'destinations',
      summary: 'Change a destination; delivery continues from its position',
      scopes: ADMIN,
      params,
      body: wantedSchema,
      answer: destinationSchema,
      statuses: { 404: 'There is no such organisation, or no such destination in it.' },
      handle: async ({ params: { orgId, destinationId }, body, key, request }) => {
        const courier = await destinations.replace(orgId, destinationId, wantedOf(body))
        await security.done('destinationChanged', request.ip, key, factsOf(courier))
        return viewOf(context, courier)
      },
    }),
    route({
      method: 'DELETE',
      path: `${BASE}/{destinationId}`,
      tag: 'destinations',
      summary: 'Remove a destination with its secrets, its position and its dead letters',
      description: 'The receiver keeps what it got.',
      scopes: ADMIN,
      params,
      answer: z.object({ id: z.string(), name: z.string(), delivered: z.int() }),
      statuses: { 404: 'There is no such organisation, or no such destination in it.' },
      handle: async ({ params: { orgId, destinationId }, key, request }) => {
        const courier = await destinations.remove(orgId, destinationId)
        await security.done('destinationRemoved', request.ip, key, factsOf(courier))
        const { record, state } = courier
        return { id: record.id, name: record.name, delivered: state.delivered }
      },
    }),
  ]
}

function factsOf({ record, state }: Courier) {
  const { orgId, id, name, kind, query, columns, pseudonyms = null } = record
  const secrets = Object.keys(record.secrets)
  const target = targetOf(record)
  const what = { destination: id, name, kind, target, q: query, columns, pseudonyms, secrets }
  return { of: orgId, ...what, delivered: state.delivered }
}

const NOT_FOUND = { 404: 'There is no such organisation, or no such destination in it.' }

function workRoutes(context: ServerContext): Route[] {
  const { destinations, security } = context
  const pausing = (verb: 'pause' | 'resume', summary: string) =>
    route({
      method: 'POST',
      path: `${BASE}/{destinationId}/${verb}`,
      tag: 'destinations',
      summary,
      scopes: ADMIN,
      params,
      answer: destinationSchema,
      statuses: NOT_FOUND,
      handle: async ({ params: { orgId, destinationId }, key, request }) => {
        const courier = await destinations.pause(orgId, destinationId, verb === 'pause')
        const event = verb === 'pause' ? 'destinationPaused' : 'destinationResumed'
        await security.done(event, request.ip, key, factsOf(courier))
        return viewOf(context, courier)
      },
    })
  return [
    route({
      method: 'POST',
      path: `${BASE}/{destinationId}/test`,
      tag: 'destinations',
      summary: 'Send one event that is marked as a test, and show the answer',
      scopes: ADMIN,
      params,
      answer: testSchema,
      statuses: NOT_FOUND,
      handle: async ({ params: { orgId, destinationId } }) => {
        const courier = await destinations.get(orgId, destinationId)
        const outcome = await courier.test()
        const { kind: result, status } = outcome
        const text = outcome.kind === 'delivered' ? '' : outcome.text
        return { result, target: targetOf(courier.record), status, text }
      },
    }),
    pausing('pause', 'Send nothing until the destination is resumed; it keeps its position'),
    pausing('resume', 'Resume a destination; a blocked or waiting one tries again at once'),
    route({
      method: 'POST',
      path: `${BASE}/{destinationId}/backfill`,
      tag: 'destinations',
      summary: 'Send the stored sessions that started in a time range, beside new ones',
      description: 'Up to 50 backfills of a destination run at the same time.',
      scopes: ADMIN,
      params,
      body: z.strictObject({ timeStart: timeUs, timeEnd: timeUs }),
      answer: destinationSchema,
      statuses: { ...NOT_FOUND, 409: 'The destination has as many backfills under way as it may.' },
      handle: async ({ params: { orgId, destinationId }, body, key, request }) => {
        const { timeStart, timeEnd } = body
        if (timeEnd <= timeStart)
          throw new HttpError(400, 'badRequest', 'timeEnd: expected a time after timeStart')
        const courier = await destinations.get(orgId, destinationId)
        await courier.backfill(timeStart, timeEnd)
        const range = { timeStart: usToIso(timeStart), timeEnd: usToIso(timeEnd) }
        await security.done('destinationBackfilled', request.ip, key, {
          ...factsOf(courier),
          ...range,
        })
        return viewOf(context, courier)
      },
    }),
    route({
      method: 'DELETE',
      path: `${BASE}/{destinationId}/backfill/{backfillId}`,
      tag: 'destinations',
      summary: 'Stop a running backfill; the receiver keeps what it got',
      scopes: ADMIN,
      params: params.extend({ backfillId: z.string().max(12) }),
      answer: destinationSchema,
      statuses: NOT_FOUND,
      handle: async ({ params: { orgId, destinationId, backfillId }, key, request }) => {
        const courier = await destinations.get(orgId, destinationId)
        if (!(await courier.stopBackfill(Number(backfillId))))
          throw new HttpError(404, 'notFound', `there is no running backfill ${backfillId}`)
        const facts = { ...factsOf(courier), backfill: backfillId }
        await security.done('destinationBackfillStopped', request.ip, key, facts)
        return viewOf(context, courier)
      },
    }),
  ]
}

function letterRoutes({ destinations, security }: ServerContext): Route[] {
  return [
    route({
      method: 'GET',
      path: `${BASE}/{destinationId}/dead-letters`,
      tag: 'destinations',
      summary: 'Events that the receiver refused one by one',
      scopes: ADMIN,
      params,
      answer: z.object({ deadLetters: z.array(deadLetterSchema) }),
      statuses: NOT_FOUND,
      handle: async ({ params: { orgId, destinationId }, key, request }) => {
        const courier = await destinations.get(orgId, destinationId)
        const letters = await courier.letters.all()
        const read = await courier.letters.read(letters)
        const shownLetters = letters.map((one) => ({
          ...one,
          event: read.find((r) => r.letter === one)?.event ?? null,
        }))
        const facts = { of: orgId, destination: destinationId, rows: read.length }
        security.write('deadLettersRead', request.ip, key, facts)
        return { deadLetters: shownLetters }
      },
    }),
    route({
      method: 'DELETE',
      path: `${BASE}/{destinationId}/dead-letters`,
      tag: 'destinations',
      summary: 'Discard the dead letters of a destination: it never gets these sessions',
      scopes: ADMIN,
      params,
      answer: z.object({ discarded: z.int() }),
      statuses: NOT_FOUND,
      handle: async ({ params: { orgId, destinationId }, key, request }) => {
        const courier = await destinations.get(orgId, destinationId)
        const letters = await courier.letters.all()
        const { records } = destinations
        await Promise.all(letters.map((one) => records.removeDeadLetter(destinationId, one)))
        const discarded = letters.length
        const facts = { of: orgId, destination: destinationId, discarded }
        await courier.hurry()
        await security.done('deadLettersDiscarded', request.ip, key, facts)
        return { discarded }
      },
    }),
    route({
      method: 'POST',
      path: `${BASE}/{destinationId}/resend`,
      tag: 'destinations',
      summary: 'Send dead letters again, one by one; accepted ones leave the list',
      scopes: ADMIN,
      params,
      answer: resendSchema,
      statuses: NOT_FOUND,
      handle: async ({ params: { orgId, destinationId }, key, request }) => {
        const courier = await destinations.get(orgId, destinationId)
        const done = await courier.letters.resend()
        const facts = { of: orgId, destination: destinationId, ...done }
        await courier.hurry()
        await security.done('deadLettersResent', request.ip, key, facts)
        return done
      },
    }),
  ]
}
