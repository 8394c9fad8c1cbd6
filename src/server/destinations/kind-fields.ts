/** Describes the settings and secrets of each kind for a form. It derives them from the schemas that check them. */
import { z } from 'zod'
import { KINDS, secretsOf } from './kinds/kinds.js'

/** A text that may be longer is PEM, so its field has several lines. */
const LINE_CHARACTERS_MAX = 10_000

export const fieldSchema = z.object({
  name: z.string(),
  type: z.enum(['text', 'lines', 'choice', 'boolean', 'integer', 'json']).meta({
    description: '`lines`: a text of several lines; `json`: what has a form of its own.',
  }),
  required: z.boolean(),
  default: z.unknown(),
  help: z.string(),
  choices: z.array(z.string()),
})
export type Field = z.output<typeof fieldSchema>

export const kindSchema = z.object({
  kind: z.string(),
  fillSeconds: z.int(),
  settings: z.array(fieldSchema),
  secrets: z.array(
    z.object({ name: z.string(), required: z.boolean(), type: z.enum(['text', 'lines']) }),
  ),
})

interface Property {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly description?: string
  readonly maxLength?: number
}

export function kindFields(): z.output<typeof kindSchema>[] {
  return Object.values(KINDS).map(({ name, settings, fillSeconds = 0 }) => ({
    kind: name,
    fillSeconds,
    settings: fieldsOf(settings),
    secrets: Object.entries(secretsOf(name)).map(([secret, { schema, required }]) => ({
      name: secret,
      required,
      type: isLong(schemaOf(schema) as Property) ? ('lines' as const) : ('text' as const),
    })),
  }))
}

function schemaOf(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
}

function fieldsOf(settings: z.ZodType): Field[] {
  const { properties, required = [] } = schemaOf(settings) as {
    readonly properties: Readonly<Record<string, Property>>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    type: typeOf(property),
    required: required.includes(name),
    default: property.default ?? null,
    help: property.description ?? '',
    choices: [...(property.enum ?? [])],
  }))
}

function typeOf(property: Property): Field['type'] {
  if (property.enum !== undefined) return 'choice'
  if (property.type === 'boolean' || property.type === 'integer') return property.type
  if (property.type !== 'string') return 'json'
  return isLong(property) ? 'lines' : 'text'
}

function isLong({ maxLength = 0 }: Property): boolean {
  return maxLength > LINE_CHARACTERS_MAX
}
