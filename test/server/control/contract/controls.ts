/** The implementations of Control, for tests of the contract. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import type { AuditBounds } from '../../../../src/server/control/audit.js'
import type { Control } from '../../../../src/server/control/control.js'
import { LmdbControl } from '../../../../src/server/control/lmdb/lmdb-control.js'
import { Postgres } from '../../../../src/server/store/postgres/database.js'
import { PostgresControl } from '../../../../src/server/store/postgres/postgres-control.js'
import { TestPostgres, whyNoPostgres } from '../../../support/postgres.js'

/** The records of one test. They may be open several times at once, as by two servers. */
export interface ControlPlace {
  open(bounds?: AuditBounds): Promise<Control>
  remove(): Promise<void>
}

async function lmdbPlace(): Promise<ControlPlace> {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-control-'))
  return {
    open: async (bounds) => new LmdbControl(directory, bounds),
    remove: async () => rmSync(directory, { recursive: true, force: true }),
  }
}

let server: TestPostgres | undefined

/** Every place is a database of its own on one server, which ends with the test file. */
async function postgresPlace(): Promise<ControlPlace> {
  const url = await server!.database()
  const opened: Postgres[] = []
  return {
    open: async (bounds) => {
      const postgres = await Postgres.open({ url })
      opened.push(postgres)
      return PostgresControl.open(postgres, bounds)
    },
    remove: async () => {
      await Promise.all(opened.map((postgres) => postgres.close()))
    },
  }
}

const CONTROLS = { lmdb: lmdbPlace, postgresql: postgresPlace } as const

/** Runs the tests over every implementation, and names those that cannot run here with the reason. */
export function overControls(tests: (makePlace: () => Promise<ControlPlace>) => void): void {
  for (const [name, makePlace] of Object.entries(CONTROLS)) {
    const why = name === 'postgresql' ? whyNoPostgres() : null
    describe.skipIf(why !== null)(why === null ? `in ${name}` : `in ${name}: ${why}`, () => {
      if (name === 'postgresql') {
        beforeAll(async () => {
          server = await TestPostgres.start()
        }, 60_000)
        afterAll(() => server?.close())
      }
      tests(makePlace)
    })
  }
}
