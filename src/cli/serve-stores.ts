/** Opens what a server keeps: in a data directory of its own, or in ClickHouse and PostgreSQL that several share. */
import { mkdirSync } from 'node:fs'
import { AppError, EXIT } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import { packageVersion } from '../base/version.js'
import type { Control } from '../server/control/control.js'
import { ALWAYS_MINE, type Lease } from '../server/control/lease.js'
import { controlExists } from '../server/control/lmdb/control-file.js'
import { LmdbControl } from '../server/control/lmdb/lmdb-control.js'
import { Destinations } from '../server/destinations/destinations.js'
import { type DestinationList, NoDestinations } from '../server/destinations/none.js'
import { DestinationRecords } from '../server/destinations/records.js'
import { readLogged } from '../server/ingest/logged.js'
import { openShared, openStore } from '../server/store/open.js'
import type { Store } from '../server/store/store.js'
import type { SharedAddresses } from './shared-options.js'

const NO_DESTINATIONS =
  'a server with --store has no destinations yet: sessions of several servers have no order of arrival. Read them from the API or from ClickHouse'

export interface Stores {
  readonly control: Control
  readonly store: Store
  readonly lease: Lease
  readonly destinations: DestinationList
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
  const { log, clockMs } = around
  const control = await ownControl(options, around)
  const store = await openStore({
    directory: options.data,
    memoryBytes: options.storeMemory,
    threads: options.storeThreads,
    silenceUs: options.silenceAfter * 1e3,
    logBytes: options.logSize,
    logKeepMs: options.logKeep,
    readLogged,
    arrivalsAfter: new DestinationRecords(control).furthestArrival(),
    progress: (what, facts) => log.info(facts, what),
  }).catch(async (error: unknown) => {
    await control.close()
    throw error
  })
  const destinations = new Destinations({
    ...{ store, control, log, clockMs, directory: options.data, version: packageVersion() },
    guard: {
      allowPlain: options.allowPlainDestinations,
      allowPrivate: options.allowPrivateDestinations,
    },
  })
  const close = async () => {
    await store.close()
    await control.close()
  }
  return { control, store, lease: ALWAYS_MINE, destinations, close }
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
  { data, listen, silenceAfter }: StoresOptions,
  { needsKey }: Surroundings,
): Promise<Stores> {
  const shared = await openShared(addresses.control)
  try {
    const { control, lease } = shared
    mkdirSync(data, { recursive: true, mode: 0o700 })
    if (needsKey && !(await control.hasKeys())) throw noKey(listen, '--control URL')
    const store = await shared.openStore(addresses.store, silenceAfter * 1e3)
    const close = async () => {
      await store.close()
      await shared.close()
    }
    const destinations = new NoDestinations(NO_DESTINATIONS)
    return { control, store, lease, destinations, close }
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
