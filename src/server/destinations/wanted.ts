/** What a user wants of a destination, and the record that it becomes. */
import { AppError, messageOf } from '../../base/errors.js'
import { COLUMN_NAMES, filterOfQuery } from './events.js'
import { PEER_COLUMNS } from './formats/peers.js'
import { checkUrl, type GuardOptions, NotAllowed } from './guard.js'
import { KINDS, secretsOf } from './kinds/kinds.js'
import { PSEUDONYM_KEY, type PseudonymSettings } from './pseudonyms.js'
import type { DestinationRecord } from './records.js'
import type { Records } from './rows.js'
import { lastFour, type Secrets } from './secrets.js'

export interface Wanted {
  readonly name: string
  readonly kind: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Null removes a secret. A secret that is not named stays. */
  readonly secrets: Readonly<Record<string, string | null>>
  readonly records: Records
  readonly query: string
  readonly columns: readonly string[] | null
  readonly eventsMax: number
  readonly bytesMax: number
  readonly fillSeconds: number
  readonly pseudonyms: PseudonymSettings | null
  readonly openSeconds: number
}

interface Parts {
  readonly secrets: Secrets
  readonly guard: GuardOptions
}

/** @throws AppError BAD_DESTINATION */
export function recordOf(
  { secrets: keys, guard }: Parts,
  { secrets, ...wanted }: Wanted,
  own: Pick<DestinationRecord, 'id' | 'orgId' | 'paused' | 'createdAt'>,
  known: DestinationRecord['secrets'] = {},
): DestinationRecord {
  check(guard, wanted)
  const sealed = { ...known }
  for (const [name, secret] of Object.entries(secrets)) {
    if (secret === null) delete sealed[name]
    else sealed[name] = { sealed: keys.seal(own.id, secret), lastFour: lastFour(secret) }
  }
  const kindSecrets = secretsOf(wanted.kind)
  if (wanted.pseudonyms !== null && sealed[PSEUDONYM_KEY] === undefined)
    throw bad(`secrets.${PSEUDONYM_KEY}: expected it, since pseudonyms are made with it`)
  for (const [name, { required }] of Object.entries(kindSecrets))
    if (required && sealed[name] === undefined)
      throw bad(`secrets.${name}: expected it, since a destination of kind ${wanted.kind} needs it`)
  for (const name of Object.keys(sealed)) if (!(name in kindSecrets)) delete sealed[name]
  return { ...own, ...wanted, secrets: sealed }
}

/** Checks beyond the schema: the query, and whether this server may send to the address. */
function check(
  guard: GuardOptions,
  { settings, kind, query, ...wanted }: Omit<Wanted, 'secrets'>,
): void {
  checkRecords({ settings, query, ...wanted })
  try {
    filterOfQuery(query)
    const isEncrypted = KINDS[kind]!.isEncrypted(settings)
    checkUrl(new URL(targetOf({ kind, settings })), guard, isEncrypted)
  } catch (error) {
    if (error instanceof NotAllowed) throw bad(`settings: ${error.message}`)
    throw bad(`q: ${messageOf(error)}`)
  }
}

export function recordsOf({ records = 'sessions' }: Pick<DestinationRecord, 'records'>): Records {
  return records
}

/** Settings that only sessions have, or only events of peers. @throws AppError BAD_DESTINATION */
function checkRecords(
  wanted: Pick<Wanted, 'records' | 'query' | 'columns' | 'openSeconds' | 'settings'>,
): void {
  const { records, query, columns, openSeconds, settings } = wanted
  const known = records === 'peers' ? PEER_COLUMNS : COLUMN_NAMES
  const unknown = columns?.find((name) => !known.includes(name))
  if (unknown !== undefined) throw bad(`columns: ${records} have no field "${unknown}"`)
  if (records === 'sessions') return
  if (query !== '')
    throw bad('q: expected none, since a destination of events of peers gets all of them')
  if (openSeconds !== 0) throw bad('openSeconds: expected 0, since events of peers are never open')
  if (settings.file === 'parquet')
    throw bad('settings.file: expected ndjson, since only sessions are written as Parquet')
}

export function targetOf({ kind, settings }: Pick<DestinationRecord, 'kind' | 'settings'>): string {
  return KINDS[kind]!.target(settings)
}

/**
 * The secrets that stay. If the address changes, each secret must be given again or removed. Otherwise a user who may
 * change the destination could send its secrets to a server of their own. The pseudonym key stays, because it is never
 * sent.
 */
export function secretsFor(wanted: Wanted, known: DestinationRecord): DestinationRecord['secrets'] {
  if (targetOf(wanted) === targetOf(known)) return known.secrets
  const sent = Object.keys(known.secrets).filter((name) => name !== PSEUDONYM_KEY)
  const unsaid = sent.find((name) => !(name in wanted.secrets))
  if (unsaid !== undefined)
    throw bad(`secrets.${unsaid}: expected it again, or null, since the address is another one`)
  return known.secrets
}

function bad(message: string): AppError {
  return new AppError('BAD_DESTINATION', message)
}
