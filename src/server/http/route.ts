/**
 * Routes as data: method, path, allowed scopes, and schemas of input and answer (zod). The checks, OpenAPI and the
 * /docs page are made from the same entries.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { parseWith } from '../../base/faults.js'
import type { KeyRecord, Scope } from '../control/control.js'
import type { Behind } from '../store/store.js'
import type { Auth } from './auth.js'
import { BODY_BYTES_MAX } from './body.js'
import { HttpError, ok } from './http.js'

/** The header of an answer that lacks acknowledged batches, because the store does not hold them yet. */
export const BEHIND_HEADER = 'tunmeter-behind'

type Schema = z.ZodType | undefined
type Out<S extends Schema> = S extends z.ZodType ? z.output<S> : undefined

export interface Call<P extends Schema, Q extends Schema, B extends Schema> {
  readonly params: Out<P>
  readonly query: Out<Q>
  readonly body: Out<B>
  /** Null on routes that need no key. */
  readonly key: KeyRecord | null
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** Aborted when the client has disconnected. */
  readonly signal: AbortSignal
  /** Sets BEHIND_HEADER of the answer. */
  readonly late: (behind: Behind) => void
}

export interface Route<
  P extends Schema = Schema,
  Q extends Schema = Schema,
  B extends Schema = Schema,
> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** With parameters as {name}, as in OpenAPI. */
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly tag: string
  /** Allowed scopes besides root; null: no key is needed. */
  readonly scopes: readonly Scope[] | null
  /** Root keys may also name a removed organisation that left an audit trail. */
  readonly ofRemovedToo?: true
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly bodyBytesMax?: number
  /** Reads a body's usual form faster than JSON.parse. It returns undefined for any other form. */
  readonly readBody?: (text: Buffer) => unknown
  /** The schema of `data`; null: the handler sends another format than JSON. */
  readonly answer: z.ZodType | null
  /** Content types if `answer` is null. */
  readonly produces?: readonly string[]
  readonly status?: number
  /** The envelope's message; default OK. */
  readonly message?: string
  /** Further request headers of this route, with their meanings. */
  readonly headers?: Readonly<Record<string, string>>
  /** Headers of the answer, with their meanings. */
  readonly answerHeaders?: Readonly<Record<string, string>>
  /** Statuses that only this route has, with their meanings. */
  readonly statuses?: Readonly<Record<number, string>>
  /** @returns `data`, or undefined if it has sent the answer itself */
  readonly handle: (call: Call<P, Q, B>) => Promise<unknown>
}

export function route<P extends Schema, Q extends Schema, B extends Schema>(
  spec: Route<P, Q, B>,
): Route {
  return spec as unknown as Route
}

export const orgParams = z.strictObject({ orgId: z.string().min(1).max(63) })
export const siteParams = z.strictObject({
  orgId: z.string().min(1).max(63),
  siteId: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'expected a whole number from 1')
    .transform(Number),
})

export function register(app: FastifyInstance, auth: Auth, routes: readonly Route[]): void {
  for (const spec of routes) {
    app.route({
      method: spec.method,
      url: spec.path.replace(/\{(\w+)\}/g, ':$1'),
      // Routes without a key keep the server's small limit, ANONYMOUS_BODY_BYTES_MAX.
      ...(spec.scopes !== null && { bodyLimit: spec.bodyBytesMax ?? BODY_BYTES_MAX }),
      config: {
        takesBody: spec.body !== undefined,
        ...(spec.readBody !== undefined && { readBody: spec.readBody }),
      },
      // The key is checked before the body is read, because strangers' bodies must cost nothing.
      onRequest: async (request) => {
        if (spec.scopes === null) return
        const params = (
          spec.params === undefined ? {} : check('path', spec.params, request.params)
        ) as {
          orgId?: string
          siteId?: number
        }
        request.key = await auth.allow(request, {
          scopes: spec.scopes,
          ...(spec.ofRemovedToo === true && { ofRemovedToo: true }),
          ...(params.orgId !== undefined && { orgId: params.orgId }),
          ...(params.siteId !== undefined && { siteId: params.siteId }),
        })
      },
      handler: (request, reply) => handle(spec, request, reply),
    })
  }
}

async function handle(spec: Route, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const data = await answer(spec, request, reply, signalWhenGone(request, reply))
  if (reply.sent || data === undefined) return reply
  const status = spec.status ?? 200
  return reply.code(status).send(ok(data, spec.message ?? 'OK', status))
}

/**
 * A signal that aborts when the client disconnects. A pipelined answer, which waits behind another one, gets no
 * 'close', so the socket is watched too. A complete answer also emits 'close'; aborting then changes nothing.
 */
function signalWhenGone({ raw }: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  const { socket } = raw
  const abort = () => {
    socket.off('close', abort)
    gone.abort()
  }
  // Each pipelined request adds a listener.
  socket.setMaxListeners(0)
  socket.once('close', abort)
  reply.raw.once('close', abort)
  if (socket.destroyed) abort()
  return gone.signal
}

async function answer(
  spec: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  signal: AbortSignal,
): Promise<unknown> {
  const call = {
    params: spec.params === undefined ? undefined : check('path', spec.params, request.params),
    query: check('query', spec.query ?? z.strictObject({}), request.query),
    body: spec.body === undefined ? undefined : check('body', spec.body, request.body),
    key: request.key ?? null,
    request,
    reply,
    signal,
    late: ({ batches, sessions }: Behind) => {
      void reply.header(BEHIND_HEADER, `batches=${batches}, sessions=${sessions}`)
    },
  } as Call<Schema, Schema, Schema>
  try {
    return await spec.handle(call)
  } catch (error) {
    // The query was interrupted because the client disconnected: no failure of the server.
    if (signal.aborted) throw new HttpError(499, 'clientGone', 'the client has gone')
    throw error
  }
}

const FAULTS_SHOWN_MAX = 10

/** @throws HttpError 400 that names each wrong value */
export function check<S extends z.ZodType>(where: string, schema: S, value: unknown): z.output<S> {
  const { data, faults } = parseWith(schema, value, where)
  refuseFaulty(faults)
  return data as z.output<S>
}

/** @throws HttpError 400 if there is a fault */
export function refuseFaulty(faults: readonly string[]): void {
  if (faults.length === 0) return
  const more =
    faults.length > FAULTS_SHOWN_MAX ? `; and ${faults.length - FAULTS_SHOWN_MAX} more` : ''
  throw new HttpError(400, 'badRequest', faults.slice(0, FAULTS_SHOWN_MAX).join('; ') + more)
}

declare module 'fastify' {
  interface FastifyRequest {
    key?: KeyRecord
  }
}
