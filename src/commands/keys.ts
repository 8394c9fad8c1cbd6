/**
 * `tunmeter keys`: creates, lists and revokes keys in a data directory. The keys' file may be open in a running
 * server at the same time (store/control.ts), which sees the change with its next request.
 */
import { type CommandGroup, defineCommand } from '../command.js'
import {
  badOptions,
  choice,
  duration,
  integer,
  requiredText,
  text,
  textOr,
  toggle,
} from '../config.js'
import { AppError, EXIT } from '../errors.js'
import { Control, type KeyRecord, ORG_ID, SCOPES } from '../store/control.js'

const data = textOr("The server's data directory.", 'DIR', './data')
const YEAR_MS = 366 * 86400e3
const NEVER = 0

async function withControl<T>(
  directory: string,
  work: (control: Control) => Promise<T>,
): Promise<T> {
  const control = new Control(directory)
  try {
    return await work(control)
  } finally {
    await control.close()
  }
}

const create = defineCommand({
  name: 'create',
  summary: 'Create a key and print it, this once.',
  options: {
    data,
    scope: choice('What it may do.', 'SCOPE', SCOPES, 'read'),
    org: text('Organisation; made when it is new. Not for root.', 'ORG'),
    site: integer('Site, for scope ingest.', 'N', 0, { min: 0, max: Number.MAX_SAFE_INTEGER }),
    name: textOr('What it is for, shown in lists.', 'TEXT', 'unnamed'),
    expires: duration('Ends after this long; 0s: never.', NEVER, { min: 0, max: 100 * YEAR_MS }),
    retentionDays: integer('Also set the organisation’s retention; -2 leaves it.', 'N', -2, {
      min: -2,
      max: 36_500,
    }),
    json: toggle('Print one JSON object instead of the bare key.'),
  },
  details: `Scopes: root (everything), admin and read (one organisation), ingest (sends sessions of one site).
  tunmeter keys create --data ./data --scope ingest --org acme --site 1 --name "gateway Berlin"`,
  run: async (_args, options, context) => {
    const faults: string[] = []
    if ((options.scope === 'root') !== (options.org === undefined))
      faults.push('--org is required, except for --scope root')
    if (options.org !== undefined && !ORG_ID.test(options.org))
      faults.push(
        `--org: ${JSON.stringify(options.org)}: expected letters, digits, - and _, at most 63`,
      )
    if ((options.scope === 'ingest') !== options.site > 0)
      faults.push('--site is required for --scope ingest, and only for it')
    if (options.scope === 'root' && options.retentionDays >= -1)
      faults.push('--retention-days goes with --org')
    if (faults.length > 0) throw badOptions(faults)
    await withControl(options.data, async (control) => {
      if (options.org !== undefined && options.retentionDays >= -1) {
        await control.putOrg(options.org, { retentionDays: options.retentionDays })
      }
      const { key, record } = await control.createKey({
        scope: options.scope,
        orgId: options.org ?? null,
        siteId: options.site > 0 ? options.site : null,
        name: options.name,
        expiresAt:
          options.expires === NEVER ? null : new Date(Date.now() + options.expires).toISOString(),
      })
      const { hash: _, ...shown } = record
      context.stdout.write(options.json ? `${JSON.stringify({ ...shown, key })}\n` : `${key}\n`)
    })
    return EXIT.ok
  },
})

function state(key: KeyRecord, nowMs: number): string {
  if (key.revokedAt !== null) return 'revoked'
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= nowMs ? 'expired' : 'valid'
}

const list = defineCommand({
  name: 'list',
  summary: 'List keys; never the keys themselves.',
  options: {
    data,
    org: text('Only this organisation.', 'ORG'),
    json: toggle('One JSON object a line.'),
  },
  run: async (_args, options, context) => {
    const keys = await withControl(options.data, async (control) => control.keys(options.org))
    const now = Date.now()
    if (options.json) {
      for (const { hash: _, ...shown } of keys) context.stdout.write(`${JSON.stringify(shown)}\n`)
      return EXIT.ok
    }
    const rows = [
      ['KEY ID', 'SCOPE', 'ORG', 'SITE', 'STATE', 'LAST USED', 'NAME'],
      ...keys.map((k) => [
        k.keyId,
        k.scope,
        k.orgId ?? '-',
        k.siteId === null ? '-' : String(k.siteId),
        state(k, now),
        k.lastUsedAt?.slice(0, 16) ?? 'never',
        k.name,
      ]),
    ]
    const widths = rows[0]!.map((_, c) => Math.max(...rows.map((r) => r[c]!.length)))
    for (const row of rows)
      context.stdout.write(
        `${row
          .map((cell, c) => cell.padEnd(widths[c]!))
          .join('  ')
          .trimEnd()}\n`,
      )
    return EXIT.ok
  },
})

const revoke = defineCommand({
  name: 'revoke',
  summary: 'Revoke a key, at once and for good.',
  options: { data, id: requiredText('Key id, as `keys list` shows it.', 'ID') },
  run: async (_args, options, context) => {
    const record = await withControl(options.data, (control) => control.revokeKey(options.id))
    if (record === undefined) {
      throw new AppError('NO_KEY', `there is no key "${options.id}" in ${options.data}`, {
        hint: 'See tunmeter keys list.',
      })
    }
    context.stdout.write(`revoked ${record.keyId} (${record.scope}, ${record.name})\n`)
    return EXIT.ok
  },
})

export const keysCommand: CommandGroup = {
  name: 'keys',
  summary: 'Create, list and revoke keys of a server.',
  subcommands: [create, list, revoke],
}
