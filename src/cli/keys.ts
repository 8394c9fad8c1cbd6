/**
 * `tunmeter keys`: creates, lists, revokes and removes keys in a data directory. The keys' file may be open in a running
 * server at the same time (server/control/lmdb/lmdb-control.ts), which sees the change with its next request.
 */

import {
  badOptions,
  choice,
  optionalDuration,
  optionalInteger,
  text,
  textOr,
  toggle,
} from '../base/config.js'
import { say } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { ownerOnly } from '../base/owner-only.js'
import { closeDirectory } from '../base/private-files.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { painter } from '../meter/output/human.js'
import { OPERATOR_TRAIL } from '../server/control/audit-event.js'
import {
  type Control,
  type KeyRecord,
  type OrgRecord,
  RETENTION_DAYS_MAX,
  SCOPES,
  type Scope,
} from '../server/control/control.js'
import { controlExists } from '../server/control/lmdb/control-file.js'
import { LmdbControl } from '../server/control/lmdb/lmdb-control.js'
import { deletionDays, isShorter } from '../server/control/retention-grace.js'
import { openShared } from '../server/store/open.js'
import { ORG_ID, ORG_ID_EXPECTED } from '../session/bounds.js'
import { auditHere } from './audit-here.js'
import { type CommandGroup, defineCommand } from './command.js'
import { CONTROL_OPTIONS, controlUrl } from './shared-options.js'

const data = textOr("The server's data directory.", 'DIR', './data')
const YEAR_MS = 366 * 86400e3

/** Where keys are: in a data directory, or in the PostgreSQL of several servers. */
interface Where {
  readonly data: string
  readonly control: string | undefined
  readonly controlPasswordFile: string | undefined
}

const WHERE = { data, ...CONTROL_OPTIONS }

function placeOf({ data, control }: Where): string {
  return control === undefined ? data : 'the database of --control'
}

/** Opens the keys of an existing directory, because a search for a key must not create one. */
async function withControl<T>(where: Where, work: (control: Control) => Promise<T>): Promise<T> {
  if (where.control === undefined && !controlExists(where.data)) {
    throw new AppError('NO_DATA', `${where.data} is no data directory: it holds no keys`, {
      hint: 'Give the server’s --data; tunmeter keys create makes the first key.',
    })
  }
  return withNewControl(where, work)
}

async function withNewControl<T>(where: Where, work: (control: Control) => Promise<T>): Promise<T> {
  ownerOnly()
  const url = controlUrl(where)
  if (url !== undefined) {
    const shared = await openShared(url)
    return work(shared.control).finally(() => shared.close())
  }
  closeDirectory(where.data)
  const control = new LmdbControl(where.data)
  try {
    return await work(control)
  } finally {
    await control.close()
  }
}

const create = defineCommand({
  name: 'create',
  summary: 'Create a key and print it. It is not shown again.',
  options: {
    ...WHERE,
    scope: choice('Permissions of the key.', 'SCOPE', SCOPES, 'read'),
    org: text('Organisation. Not for root.', 'ORG'),
    createOrg: toggle('Create the organisation if it is new.'),
    site: optionalInteger('Its site; for scope ingest only.', 'N', {
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
    }),
    name: textOr('Purpose of the key, shown in lists.', 'TEXT', 'unnamed'),
    expires: optionalDuration('Expire after this long, as in 90d. Default: never.', {
      min: 1,
      max: 100 * YEAR_MS,
    }),
    retentionDays: optionalInteger(
      'Also set the organisation’s retention in days; 0: store nothing, -1: keep for ever. Not a shorter one: see tunmeter retention.',
      'N',
      { min: -1, max: RETENTION_DAYS_MAX },
    ),
    json: toggle('Print one JSON object instead of the bare key.'),
  },
  details: `Scopes: root (everything), admin and read (one organisation), ingest (sends sessions of one site).
  tunmeter keys create --data ./data --scope admin --org acme --create-org --name me
  tunmeter keys create --data ./data --scope ingest --org acme --site 1 --name "gateway Berlin"
Keys of several servers: give --control postgresql://… instead of --data.`,
  run: async (_args, options, context) => {
    const { org, site, retentionDays, expires } = options
    const faults = faultsOf(options)
    if (faults.length > 0) throw badOptions(faults)
    // A typo must not make an organisation.
    const mayCreate = options.createOrg
    if (options.control === undefined && !controlExists(options.data)) {
      if (org !== undefined && !mayCreate) throw noOrganisation(org, options.data, [])
      context.stderr.write(`new data directory ${options.data}\n`)
    }
    await withNewControl(options, async (control) => {
      if (org !== undefined && !mayCreate) mustExist(control, org, placeOf(options))
      if (org !== undefined && control.org(org) === undefined)
        context.stderr.write(`new organisation ${org}${retentionDays ? '' : STORES_NOTHING}\n`)
      const before = org === undefined ? undefined : control.org(org)
      if (org !== undefined && retentionDays !== undefined)
        await setRetention(control, org, before, retentionDays)
      const { key, record } = await control.createKey({
        scope: options.scope,
        orgId: org ?? null,
        siteId: site ?? null,
        name: options.name,
        expiresAt: expires === undefined ? null : new Date(Date.now() + expires).toISOString(),
      })
      await auditCreated(control, record, { isNewOrg: before === undefined })
      const { hash: _, ...shown } = record
      context.stdout.write(options.json ? `${JSON.stringify({ ...shown, key })}\n` : `${key}\n`)
    })
    return EXIT.ok
  },
})

/**
 * A shorter retention deletes sessions, whose number only the server knows and asks to confirm.
 * @throws AppError RETENTION_SHORTER
 */
async function setRetention(
  control: Control,
  org: string,
  before: OrgRecord | undefined,
  retentionDays: number,
): Promise<void> {
  if (retentionDays === before?.retentionDays) return
  if (before !== undefined && isShorter(retentionDays, deletionDays(before, Date.now())))
    throw new AppError(
      'RETENTION_SHORTER',
      `--retention-days ${retentionDays} is shorter than the retention of ${org} and would delete sessions`,
      {
        hint: `Leave it out, and change the retention with tunmeter retention ${retentionDays}: the server tells the number of sessions to confirm.`,
      },
    )
  await control.putOrg(org, { retentionDays })
  if (before === undefined) return
  const changed = { fromDays: before.retentionDays, retentionDays, deletesSessions: 0, now: false }
  await auditHere(control, 'settingsChanged', org, changed)
}

/** The retention of a new organisation is 0. */
const STORES_NOTHING = '; it stores nothing until its retention is set: tunmeter retention 30'

async function auditCreated(
  control: Control,
  { orgId, keyId, scope, siteId, name, expiresAt }: KeyRecord,
  { isNewOrg }: { isNewOrg: boolean },
): Promise<void> {
  if (orgId !== null && isNewOrg)
    await auditHere(control, 'orgCreated', OPERATOR_TRAIL, { made: orgId })
  const made = { keyId, made: scope, siteId, name, expiresAt }
  await auditHere(control, 'keyCreated', orgId ?? OPERATOR_TRAIL, made)
}

function mustExist(control: Control, org: string, directory: string): void {
  if (control.org(org) !== undefined) return
  throw noOrganisation(
    org,
    directory,
    control.orgs().map(({ orgId }) => orgId),
  )
}

const ORGS_SHOWN = 10

function noOrganisation(org: string, directory: string, known: readonly string[]): AppError {
  const shown = known.slice(0, ORGS_SHOWN).join(', ')
  const more = known.length > ORGS_SHOWN ? ` and ${known.length - ORGS_SHOWN} more` : ''
  const there = known.length === 0 ? '' : ` (there is ${shown}${more})`
  return new AppError('NO_ORG', `there is no organisation "${org}" in ${directory}${there}`, {
    hint: 'Check --org, and --data or --control, or create it with --create-org.',
  })
}

function faultsOf(options: {
  readonly scope: Scope
  readonly org: string | undefined
  readonly site: number | undefined
  readonly retentionDays: number | undefined
  readonly createOrg: boolean
}): string[] {
  const { scope, org, site, retentionDays, createOrg } = options
  const faults: string[] = []
  if (scope === 'root' && org !== undefined)
    faults.push('--org does not go with --scope root: a root key is for all organisations')
  if (scope === 'root' && createOrg)
    faults.push('--create-org does not go with --scope root: a root key is for all organisations')
  if (scope !== 'root' && org === undefined)
    faults.push(`--org ORG is required: a key for ${scope} belongs to one organisation`)
  if (org !== undefined && !ORG_ID.test(org))
    faults.push(`--org: ${JSON.stringify(org)}: ${ORG_ID_EXPECTED}`)
  if (scope === 'ingest' && site === undefined)
    faults.push('--site N is required: a key for ingest belongs to one site')
  if (scope !== 'ingest' && site !== undefined)
    faults.push(`--site goes with --scope ingest only: a key for ${scope} is for all sites`)
  if (scope === 'root' && retentionDays !== undefined)
    faults.push('--retention-days does not go with --scope root: a root key has no organisation')
  return faults
}

function state(key: KeyRecord, nowMs: number): string {
  if (key.revokedAt !== null) return 'revoked'
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= nowMs ? 'expired' : 'valid'
}

const list = defineCommand({
  name: 'list',
  summary: 'List keys, with their first and last characters.',
  options: {
    ...WHERE,
    org: text('Only this organisation.', 'ORG'),
    json: toggle('One JSON object a line.'),
  },
  run: async (_args, options, context) => {
    const keys = await withControl(options, async (control) => control.keys(options.org))
    const now = Date.now()
    if (options.json) {
      for (const { hash: _, ...shown } of keys) context.stdout.write(`${JSON.stringify(shown)}\n`)
      return EXIT.ok
    }
    const { stdout, env } = context
    const columns: Column<KeyRecord>[] = [
      { title: 'KEY ID', read: (key) => key.keyId },
      { title: 'SCOPE', read: (key) => key.scope },
      { title: 'ORG', read: (key) => key.orgId ?? '-' },
      { title: 'SITE', read: ({ siteId }) => (siteId === null ? '-' : String(siteId)) },
      { title: 'STATE', read: (key) => state(key, now) },
      { title: 'KEY', read: (key) => key.shown ?? '-' },
      { title: 'LAST USED', read: (key) => key.lastUsedAt?.slice(0, 16) ?? 'never' },
      { title: 'FROM', read: (key) => key.lastUsedFrom ?? '-' },
      { title: 'NAME', shrinksTo: 12, read: (key) => key.name },
    ]
    const width = terminalWidth(stdout, env)
    stdout.write(tableText([columns], keys, { paint: painter(stdout, env), width }))
    if (keys.length === 0) say(context, 'there are no keys')
    return EXIT.ok
  },
})

const revoke = defineCommand({
  name: 'revoke',
  arguments: '[id]',
  summary: 'Revoke a key at once. Cannot be undone.',
  options: {
    ...WHERE,
    id: text('Key id, as tunmeter keys list shows it; also without --id.', 'ID'),
  },
  details: 'Example:\n  tunmeter keys revoke --data ./data Xk3vQ0b1mZ9a',
  run: async ([positional], options, context) => {
    const id = positional ?? options.id
    if (id === undefined) throw badOptions(['ID is required: which key to revoke'])
    if (positional !== undefined && options.id !== undefined)
      throw badOptions(['the key is named twice: leave out --id'])
    const before = await withControl(options, async (control) => {
      const record = control.key(id)
      await control.revokeKey(id)
      if (record !== undefined && record.revokedAt === null)
        await auditHere(control, 'keyRevoked', record.orgId ?? OPERATOR_TRAIL, {
          keyId: record.keyId,
          name: record.name,
        })
      return record
    })
    if (before === undefined) throw noKey(id, placeOf(options))
    const what = `${before.keyId} (${before.scope}, ${before.name})`
    context.stdout.write(
      before.revokedAt === null
        ? `revoked ${what}\n`
        : `${what} was revoked before, at ${before.revokedAt}\n`,
    )
    return EXIT.ok
  },
})

const forget = defineCommand({
  name: 'forget',
  arguments: '[id]',
  summary: 'Remove a revoked key from the list.',
  options: WHERE,
  details: 'Example:\n  tunmeter keys forget --data ./data Xk3vQ0b1mZ9a',
  run: async ([id], options, context) => {
    if (id === undefined) throw badOptions(['ID is required: which key to remove'])
    const record = await withControl(options, async (control) => {
      const found = await control.forgetKey(id)
      if (found !== undefined && found.revokedAt !== null)
        await auditHere(control, 'keyForgotten', found.orgId ?? OPERATOR_TRAIL, {
          keyId: found.keyId,
          name: found.name,
        })
      return found
    })
    if (record === undefined) throw noKey(id, placeOf(options))
    if (record.revokedAt === null)
      throw new AppError('KEY_VALID', `${id} is not revoked`, {
        hint: `tunmeter keys revoke ${id} first.`,
      })
    context.stdout.write(`removed ${record.keyId} (${record.scope}, ${record.name})\n`)
    return EXIT.ok
  },
})

function noKey(id: string, directory: string): AppError {
  return new AppError('NO_KEY', `there is no key "${id}" in ${directory}`, {
    hint: 'See tunmeter keys list; it takes the key’s id, not the key.',
  })
}

export const keysCommand: CommandGroup = {
  name: 'keys',
  summary: 'Create, list, revoke and remove keys of a server.',
  subcommands: [create, list, revoke, forget],
}
