/** Checks events against a class of the Open Cybersecurity Schema Framework, in a file that says where it comes from. */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'

type Json = Record<string, unknown>

interface Shape {
  readonly attributes: Record<
    string,
    { type?: string; object?: string; enum?: unknown[]; array?: boolean; required?: boolean }
  >
  readonly atLeastOne?: readonly string[]
}

const TYPES: Record<string, (value: unknown) => boolean> = {
  string_t: (value) => typeof value === 'string',
  integer_t: Number.isSafeInteger,
  long_t: Number.isSafeInteger,
}

export class OcsfClass {
  readonly version: string
  readonly #schema: Shape & { readonly objects: Record<string, Shape> }

  constructor(name: 'network-activity' | 'tunnel-activity') {
    const text = readFileSync(new URL(`ocsf-${name}.json`, import.meta.url), 'utf8')
    this.#schema = JSON.parse(text) as Shape & { readonly objects: Record<string, Shape> }
    this.version = (JSON.parse(text) as { version: string }).version
  }

  /** It has what the class needs, and nothing that the class does not know. */
  check(event: Json): void {
    this.#check(this.#schema, event, '')
  }

  #check(shape: Shape, event: Json, where: string): void {
    for (const [name, { required }] of Object.entries(shape.attributes))
      if (required) expect(event[name], `${where}${name}`).toBeDefined()
    if (shape.atLeastOne !== undefined)
      expect(
        shape.atLeastOne.some((name) => name in event),
        where,
      ).toBe(true)
    for (const [name, value] of Object.entries(event)) {
      const attribute = shape.attributes[name]
      expect(attribute, `${where}${name}`).toBeDefined()
      if (name === 'unmapped') continue
      expect(Array.isArray(value), `${where}${name}`).toBe(attribute!.array === true)
      const { type, object, enum: allowed } = attribute!
      if (object !== undefined)
        this.#check(this.#schema.objects[object]!, value as Json, `${where}${name}.`)
      for (const one of object === undefined ? [value].flat() : []) {
        expect(TYPES[type!]!(one), `${where}${name} = ${String(one)}`).toBe(true)
        // The class adds its own to those that every class has.
        if (allowed !== undefined && !name.endsWith('_uid')) expect(allowed, name).toContain(one)
      }
    }
  }
}
