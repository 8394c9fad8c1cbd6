/** Opens what a server keeps: in a data directory of its own, or in ClickHouse and PostgreSQL that several share. */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { AppError, EXIT } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import { packageVersion } from '../base/version.js'
import type { Control } from '../server/control/control.js'
import { ALWAYS_MINE, type Lease } from '../server/control/lease.js'
import { controlExists } from '../server/control/lmdb/control-file.js'
import { LmdbControl } from '../server/control/lmdb/lmdb-control.js'
import { Destinations, type DestinationsOptions } from '../server/destinations/destinations.js'
import type { GuardOptions } from '../server/destinations/guard.js'
import { LmdbRecords } from '../server/destinations/lmdb-records.js'
import { PostgresKeyDigest, PostgresRecords } from '../server/destinations/postgres-records.js'
import { Secrets } from '../server/destinations/secrets.js'
import { readLogged } from '../server/ingest/logged.js'
import { openShared, openStore } from '../server/store/open.js'
import type { Store } from '../server/store/store.js'
import type { SharedAddresses } from './shared-options.js'

export interface Stores {
  readonly control: Control
  readonly store: Store
  readonly lease: Lease
  /** For alerts. */
  readonly alertLease: Lease
  readonly destinations: Destinations
  readonly secrets: Secrets
  /** After the routes, destinations and chores have stopped. */
  close(): Promise<void>
}

export interface StoresOptions {
  readonly data: string
  readonly listen: string
  readonly storeMemory: number
  readonly storeThreads: number
  readonly silenceAfter: number
  readonly logSize: number
  readonly logKeep: number
  readonly allowPlainDestinations: boolean
  readonly allowPrivateDestinations: boolean
}

export interface Surroundings {
  readonly log: Logger
  readonly clockMs: () => number
  /** It listens on more than loopback, so that there must be a key. */
  readonly needsKey: boolean
}

/** @throws AppError NO_KEY, DATA_UNUSABLE, STORE_LOCKED, STORE_NEWER, STORE_UNREADABLE */
export async function openOwn(options: StoresOptions, around: Surroundings): Promise<Stores> {
  const { log } = around
  const control = await ownControl(options, around)
  const records = new LmdbRecords(control)
  const store = await openStore({
    directory: options.data,
    memoryBytes: options.storeMemory,
    threads: options.storeThreads,
    silenceUs: options.silenceAfter * 1e3,
    logBytes: options.logSize,
    logKeepMs: options.logKeep,
    readLogged,
    arrivalsAfter: records.furthestArrival(),
    progress: (what, facts) => log.info(facts, what),
  }).catch(async (error: unknown) => {
    await control.close()
    throw error
  })
  const secrets = new Secrets(options.data)
  const destinations = destinationsOf(options, around, { store, records, secrets })
  const close = async () => {
    await store.close()
    await control.close()
  }
  const leases = { lease: ALWAYS_MINE, alertLease: ALWAYS_MINE }
  return { control, store, ...leases, destinations, secrets, close }
}

/** Where destinations and alerts may send. */
export function guardOf({
  allowPlainDestinations: allowPlain,
  allowPrivateDestinations: allowPrivate,
}: StoresOptions): GuardOptions {
  return { allowPlain, allowPrivate }
}

function destinationsOf(
  options: StoresOptions,
  { log, clockMs }: Surroundings,
  parts: Pick<DestinationsOptions, 'store' | 'records' | 'secrets'>,
): Destinations {
  const guard = guardOf(options)
  return new Destinations({ ...parts, log, clockMs, guard, version: packageVersion() })
}

async function ownControl(
  options: StoresOptions,
  { needsKey }: Surroundings,
): Promise<LmdbControl> {
  if (!needsKey || controlExists(options.data)) {
    const control = new LmdbControl(options.data)
    if (!needsKey || (await control.hasKeys())) return control
    await control.close()
  }
  throw noKey(options.listen, `--data ${options.data}`)
}

/** @throws AppError NO_KEY, STORE_BUSY, STORE_NEWER, STORE_OTHER, STORE_NOT_DURABLE, STORE_UNREADABLE */
export async function openSeveral(
  addresses: SharedAddresses,
  options: StoresOptions,
  around: Surroundings,
): Promise<Stores> {
  const { data, listen, silenceAfter } = options
  const shared = await openShared(addresses.control)
  try {
    const { control, lease, alertLease, postgres } = shared
    mkdirSync(data, { recursive: true, mode: 0o700 })
    if (around.needsKey && !(await control.hasKeys())) throw noKey(listen, '--control URL')
    const store = await shared.openStore(addresses.store, silenceAfter * 1e3)
    const close = async () => {
      await store.close()
      await shared.close()
    }
    const server = hostname()
    const records = new PostgresRecords({
      ...{ postgres, server, holder: randomUUID() },
      onTaken: (id, from) => {
        if (from === null || from === server) return
        around.log.info(
          { destination: id, from },
          'delivers to a destination in place of another server',
        )
      },
    })
    const secrets = new Secrets(data, new PostgresKeyDigest(postgres))
    const destinations = destinationsOf(options, around, { store, records, secrets })
    return { control, store, lease, alertLease, destinations, secrets, close }
  } catch (error) {
    await shared.close()
    throw error
  }
}

function noKey(listen: string, where: string): AppError {
  return new AppError(
    'NO_KEY',
    `refusing to listen on ${listen}: no key exists yet, and it is not loopback`,
    {
      hint: `First: tunmeter keys create ${where} --scope root --name me`,
      exitCode: EXIT.usage,
    },
  )
}
