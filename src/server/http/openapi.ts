/** OpenAPI 3.1 of the routes. */
import { z } from 'zod'
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
  return [...of('path', spec.params), ...of('query', spec.query)]
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
      code: { type: 'string', description: 'On failures: a word for programs.' },
    },
  }
}

function operation(spec: Route): Json {
  const content =
    spec.answer === null
      ? Object.fromEntries(
          (spec.produces ?? []).map((type) => [type.split(';')[0], { schema: { type: 'string' } }]),
        )
      : { 'application/json': { schema: envelope(jsonSchema(spec.answer, 'output')) } }
  const failed = { $ref: '#/components/responses/Failure' }
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
      [String(spec.status ?? 200)]: { description: spec.summary, content },
      '400': failed,
      ...(spec.scopes !== null && { '401': failed, '403': failed, '429': failed }),
      default: failed,
    },
  }
}

export function openApi(routes: readonly Route[], version: string): Json {
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
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key: tm_<scope>_…' },
        cookie: {
          type: 'apiKey',
          in: 'cookie',
          name: 'tunmeter',
          description: 'Of a sign-in; over HTTPS `__Host-tunmeter`.',
        },
      },
      responses: {
        Failure: {
          description: 'What went wrong, in words.',
          content: { 'application/json': { schema: envelope({ type: 'null' }) } },
        },
      },
    },
  }
}
