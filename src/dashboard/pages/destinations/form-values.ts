/** The form of a destination as the body of an API request. */

import type { Kind, KindField, WantedDestination } from '../../api/destinations.js'
import { destinations as texts } from '../../texts/destinations.js'

const text = (form: FormData, name: string) => String(form.get(name) ?? '').trim()

/** @throws Error that names the field */
export function wantedOf(form: FormData, kind: Kind): WantedDestination {
  const columns = text(form, 'columns')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const settings = kind.settings.map((field) => [field.name, settingOf(form, field)] as const)
  const secrets = kind.secrets.map(({ name }) => [name, secretOf(form, name)] as const)
  return {
    name: text(form, 'name'),
    kind: kind.kind,
    records: text(form, 'records') as WantedDestination['records'],
    q: text(form, 'q'),
    columns: columns.length === 0 ? null : columns,
    eventsMax: Number(form.get('eventsMax')),
    bytesMax: Number(form.get('bytesMax')),
    fillSeconds: Number(form.get('fillSeconds')),
    pseudonyms: pseudonymsOf(form),
    openSeconds: Number(form.get('openSeconds')),
    settings: Object.fromEntries(settings.filter(([, value]) => value !== undefined)),
    secrets: Object.fromEntries(
      secrets.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    ),
  }
}

/** Undefined: the field is empty, and the server takes its default. */
function settingOf(form: FormData, { name, type }: KindField): unknown {
  const value = text(form, `setting.${name}`)
  if (type === 'boolean') return form.has(`setting.${name}`)
  if (value === '') return undefined
  if (type === 'integer') return Number(value)
  if (type !== 'json') return value
  try {
    return JSON.parse(value) as unknown
  } catch {
    throw new Error(texts().expectedJson(name))
  }
}

function pseudonymsOf(form: FormData): WantedDestination['pseudonyms'] {
  const period = text(form, 'pseudonyms')
  if (period === '') return null
  const addresses = form.has('pseudonyms.addresses')
  return { period: period as 'day' | 'week' | 'month', addresses }
}

function secretOf(form: FormData, name: string): string | null | undefined {
  if (form.has(`remove.${name}`)) return null
  const value = text(form, `secret.${name}`)
  return value === '' ? undefined : value
}
