/** `tunmeter store`: copies sessions between DuckDB and ClickHouse, and checks a store in ClickHouse. */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { badOptions, type OptionValues, secretText, size, textOr, toggle } from '../base/config.js'
import { type CommandContext, say } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { ownerOnly } from '../base/owner-only.js'
import { closeDirectory, makeDirectory } from '../base/private-files.js'
import { readLogged } from '../server/ingest/logged.js'
import {
  copySessions,
  type Difference,
  differences,
  HOUR_US,
  type SessionSide,
} from '../server/store/copy/sessions.js'
import {
  checkShared,
  type OpenSide,
  openDirectorySide,
  openSharedSide,
  openStore,
} from '../server/store/open.js'
import { defineCommand } from './command.js'
import { SHARED_OPTIONS, type SharedAddresses, storeAddress } from './shared-options.js'

const MiB = 2 ** 20
const SHOWN_MAX = 10
const DAY_US = 24 * HOUR_US
/** In the directory while a copy into it is unfinished. */
const UNFINISHED = 'unfinished-copy'

const OPTIONS = {
  data: textOr('Data directory with the DuckDB database.', 'DIR', './data'),
  store: secretText('The ClickHouse database: clickhouse://USER@HOST:8123/DATABASE.', 'URL'),
  storePasswordFile: SHARED_OPTIONS.storePasswordFile,
  storeMemory: size('Memory that DuckDB may use.', 512 * MiB, { min: 64 * MiB, max: 2 ** 44 }),
}
type Options = OptionValues<typeof OPTIONS>

/** @throws AppError BAD_OPTIONS */
function addressOf({ store, storePasswordFile }: Options): SharedAddresses['store'] {
  if (store !== undefined) return storeAddress(store, storePasswordFile)
  throw badOptions(['--store is missing: as in clickhouse://USER@HOST:8123/DATABASE'])
}

/** The DuckDB database with all that its log has. @throws AppError NO_DATA, STORE_LOCKED, STORE_BUSY */
async function openSource({ data, storeMemory }: Options): Promise<OpenSide> {
  if (!existsSync(join(data, 'sessions.duckdb')))
    throw new AppError('NO_DATA', `${data} holds no database`, {
      hint: 'Give the server’s --data directory.',
      exitCode: EXIT.usage,
    })
  closeDirectory(data)
  const store = await openStore({
    ...{ directory: data, memoryBytes: storeMemory, threads: 2, readLogged },
  })
  try {
    let behind = 0
    const late = ({ batches }: { readonly batches: number }) => {
      behind = batches
    }
    do {
      behind = 0
      await store.count('', { fromUs: 0, toUs: 0 }, { late })
    } while (behind > 0)
  } finally {
    await store.close()
  }
  return openDirectorySide(data, storeMemory)
}

/** @throws AppError EXISTS */
async function openTarget({ data, storeMemory }: Options): Promise<OpenSide> {
  const mark = join(data, UNFINISHED)
  if (existsSync(join(data, 'sessions.duckdb')) && !existsSync(mark))
    throw new AppError('EXISTS', `${data} holds a database already`, {
      hint: 'Name a new directory.',
      exitCode: EXIT.usage,
    })
  makeDirectory(data)
  writeFileSync(mark, '', { mode: 0o600 })
  return openDirectorySide(data, storeMemory)
}

async function withSides<T>(
  duck: Promise<OpenSide>,
  address: SharedAddresses['store'],
  as: 'source' | 'target',
  work: (duck: OpenSide, click: OpenSide) => Promise<T>,
): Promise<T> {
  const file = await duck
  try {
    const click = await openSharedSide(address, as)
    try {
      return await work(file, click)
    } finally {
      await click.close()
    }
  } finally {
    await file.close()
  }
}

const isoDay = (day: number) => new Date((day * DAY_US) / 1e3).toISOString().slice(0, 10)

async function copyAndCompare(
  from: SessionSide,
  to: SessionSide,
  context: CommandContext,
): Promise<number> {
  const copied = await copySessions(from, to, ({ orgId, day }, sessions) =>
    say(context, `${orgId} ${isoDay(day)}: ${sessions} sessions`),
  )
  say(
    context,
    `copied ${copied.sessions} sessions of ${copied.days} days; ${copied.equalDays} days were there already`,
  )
  return compare(from, to, context)
}

async function compare(
  from: SessionSide,
  to: SessionSide,
  { stdout }: CommandContext,
): Promise<number> {
  const [source, target] = await Promise.all([from.hours(), to.hours()])
  const found = differences(source, target)
  const hours = [...source.values()].reduce((n, its) => n + its.size, 0)
  if (found.length === 0) {
    stdout.write(`counts and sums of all ${hours} hours are equal\n`)
    return EXIT.ok
  }
  stdout.write(`${found.length} of ${hours} hours differ\n`)
  for (const one of found.slice(0, SHOWN_MAX)) stdout.write(`  ${said(one)}\n`)
  if (found.length > SHOWN_MAX) stdout.write(`  … and ${found.length - SHOWN_MAX} more\n`)
  return EXIT.failed
}

function said({ orgId, hour, source, target }: Difference): string {
  const sessions = (sums: string | undefined) => `${sums?.split(' ')[0] ?? 0} sessions`
  const at = new Date((hour * HOUR_US) / 1e3).toISOString()
  return `${orgId} ${at}: ${sessions(source)} in the source, ${sessions(target)} in the target`
}

const copyCommand = defineCommand({
  name: 'copy',
  summary: 'Copy sessions from a data directory to ClickHouse, or back.',
  options: {
    ...OPTIONS,
    back: toggle('Copy from ClickHouse into a new data directory.'),
  },
  details: `Stop the server of the data directory first. A copy skips days that are equal on both sides, so a stopped copy
continues when you start it again. At the end it compares counts and sums of every hour; exit code 1 if any differ. It
deletes nothing in ClickHouse. It does not copy organisations, keys, catalogs, meters and their gaps, peers' events and
monthly totals of deleted sessions. TUNMETER_STORE keeps the password out of the process list. See docs/store.md.
  tunmeter store copy --data ./data --store clickhouse://tunmeter@localhost/tunmeter
  tunmeter store copy --back --data ./new --store clickhouse://tunmeter@localhost/tunmeter`,
  run: (_args, options, context) => {
    ownerOnly()
    const address = addressOf(options)
    if (!options.back)
      return withSides(openSource(options), address, 'target', (duck, click) =>
        copyAndCompare(duck, click, context),
      )
    return withSides(openTarget(options), address, 'source', async (duck, click) => {
      const code = await copyAndCompare(click, duck, context)
      if (code === EXIT.ok) rmSync(join(options.data, UNFINISHED))
      return code
    })
  },
})

const checkCommand = defineCommand({
  name: 'check',
  summary: 'Check a store in ClickHouse, and compare it with a data directory.',
  options: {
    ...OPTIONS,
    data: textOr('Data directory to compare with, whose server is stopped.', 'DIR', ''),
  },
  details: `Shows the version of ClickHouse, how the tables are replicated and synced, their size, and unfinished work. With --data it
compares counts and sums of every hour, too. Exit code 1 if something is wrong or differs. It changes nothing.`,
  run: async (_args, options, context) => {
    const address = addressOf(options)
    const { lines, faults } = await checkShared(address)
    for (const line of lines) context.stdout.write(`${line}\n`)
    for (const fault of faults) context.stdout.write(`WRONG  ${fault}\n`)
    if (faults.length > 0) return EXIT.failed
    if (options.data === '') return EXIT.ok
    ownerOnly()
    return withSides(openSource(options), address, 'source', (duck, click) =>
      compare(duck, click, context),
    )
  },
})

export const storeCommand = {
  name: 'store',
  summary: 'Copy sessions between DuckDB and ClickHouse, and check them.',
  subcommands: [copyCommand, checkCommand],
}
