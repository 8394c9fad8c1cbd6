/** The OpenAPI 3.1 description of the routes. */
import { z } from 'zod'
import { cookieNames } from './base-path.js'
import type { Route } from './route.js'

type Json = Record<string, unknown>

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json
  return rest
}

function parameters(spec: Route): Json[] {
  const of = (where: 'path' | 'query', schema: z.ZodType | undefined): Json[] => {
    if (schema === undefined) return []
    const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
      properties?: Record<string, Json>
      required?: string[]
    }
    return Object.entries(properties).map(([name, property]) => {
      const { description, ...rest } = property
      return {
        name,
        in: where,
        required: where === 'path' || required.includes(name),
        ...(description !== undefined && { description }),
        schema: rest,
      }
    })
  }
  return [...of('path', spec.params), ...of('query', spec.query), ...headers(spec)]
}

function headers(spec: Route): Json[] {
  // Bodies without a key must not be compressed.
  const packed = spec.body !== undefined && spec.scopes !== null
  const all = {
    ...(packed && { 'Content-Encoding': '`gzip`, or absent.' }),
    ...spec.headers,
  }
  return Object.entries(all).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }))
}

const RETRY = { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'string' } } }

function responseHeaders(all: Readonly<Record<string, string>> = {}): Json {
  const described = Object.entries(all).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ])
  return described.length === 0 ? {} : { headers: Object.fromEntries(described) }
}

/** Failures by status: those of all routes of a kind, and the route's own. */
function failures(spec: Route): Json {
  const keyed = spec.scopes !== null
  const ofOrg = keyed && spec.path.includes('{orgId}')
  const means: Record<number, string> = {
    400: 'Wrong values; the message names each.',
    ...(keyed && {
      401: 'No key, or an unknown, revoked or expired one.',
      403: 'The key may not do this.',
      429: 'Too many wrong keys from this address.',
      503: 'The store is busy, full or stopping; try again.',
    }),
    ...(ofOrg && { 404: 'No such organisation (root keys only; others get 403).' }),
    ...(spec.body !== undefined && {
      413: 'The body is too large, as sent or decompressed.',
      415: 'The body is not JSON, or compressed otherwise than by gzip.',
    }),
    ...spec.statuses,
  }
  return Object.fromEntries(
    Object.entries(means).map(([status, description]) => [
      status,
      Number(status) < 400
        ? { description, ...responseHeaders(spec.answerHeaders) }
        : {
            description,
            ...(['429', '503'].includes(status) && { headers: RETRY }),
            content: FAILURE,
          },
    ]),
  )
}

function envelope(data: Json): Json {
  return {
    type: 'object',
    required: ['data', 'success', 'error', 'message', 'status'],
    properties: {
      data,
      success: { type: 'boolean' },
      error: { type: 'boolean' },
      message: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', description: 'Failures: a word for programs.' },
    },
  }
}

const FAILURE = { 'application/json': { schema: envelope({ type: 'null' }) } }

function operation(spec: Route): Json {
  const content =
    spec.answer === null
      ? Object.fromEntries(
          (spec.produces ?? []).map((type) => [type.split(';')[0], { schema: { type: 'string' } }]),
        )
      : { 'application/json': { schema: envelope(jsonSchema(spec.answer, 'output')) } }
  return {
    operationId: `${spec.method.toLowerCase()}${spec.path.replace(/\/api\/v1|[{}]/g, '').replace(/[/-](\w)/g, (_, c: string) => c.toUpperCase())}`,
    summary: spec.summary,
    ...(spec.description !== undefined && { description: spec.description }),
    tags: [spec.tag],
    parameters: parameters(spec),
    ...(spec.body !== undefined && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: jsonSchema(spec.body, 'input') } },
      },
    }),
    security: spec.scopes === null ? [] : [{ bearer: [] }, { cookie: [] }],
    'x-scopes': spec.scopes === null ? [] : ['root', ...spec.scopes],
    responses: {
      [String(spec.status ?? 200)]: {
        description: spec.summary,
        ...responseHeaders(spec.answerHeaders),
        content,
      },
      ...failures(spec),
      default: { $ref: '#/components/responses/Failure' },
    },
  }
}

/** @param basePath with its last slash */
export function openApi(routes: readonly Route[], version: string, basePath: string): Json {
  const paths: Record<string, Json> = {}
  for (const spec of routes) {
    paths[spec.path] = { ...paths[spec.path], [spec.method.toLowerCase()]: operation(spec) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'tunmeter',
      version,
      description: 'Connection logs of WireGuard tunnels. Every JSON answer has the same envelope.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: basePath === '/' ? '/' : basePath.slice(0, -1) }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key: tm_<scope>_…' },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: 'tunmeter',
          description: `The cookie of a sign-in; over HTTPS its name is \`${cookieNames(basePath).secure}\`.`,
        },
      },
      responses: {
        Failure: {
          description: 'A failure; the message explains it.',
          content: FAILURE,
        },
      },
    },
  }
}
