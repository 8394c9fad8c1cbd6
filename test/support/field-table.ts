/** The table of docs/destination-fields.md: `npx tsx test/support/field-table.ts` prints it. */
import { pathToFileURL } from 'node:url'
import { type FormatName, placesOf } from '../../src/server/destinations/formats/places.js'
import { LOG_FIELDS } from '../../src/server/query/api-row.js'

const SHOWN: readonly FormatName[] = ['ecs', 'ocsf', 'otlp', 'cim']

export function fieldTable(): string {
  const cell = (format: FormatName, names: string) => {
    const places = placesOf(format, null).filter(({ fields }) => fields.join(', ') === names)
    return places.map(({ path }) => `\`${path}\``).join(', ')
  }
  const row = (names: string) =>
    `| ${names.split(', ').map((name) => `\`${name}\``)} | ${SHOWN.map((format) => cell(format, names)).join(' | ')} |`
  const sums = placesOf('ecs', null).filter(({ fields }) => fields.length > 1)
  return [
    '| field | ECS | OCSF | OTLP attribute | Splunk, beside the field |',
    '| --- | --- | --- | --- | --- |',
    ...LOG_FIELDS.map(({ name }) => row(name)),
    ...sums.map(({ fields }) => row(fields.join(', '))),
  ].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.stdout.write(`${fieldTable()}\n`)
