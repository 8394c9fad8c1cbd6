/** The implementations of Control, for tests of the contract. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuditBounds } from '../../../../src/server/control/audit.js'
import type { Control } from '../../../../src/server/control/control.js'
import { LmdbControl } from '../../../../src/server/control/lmdb/lmdb-control.js'

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

export const CONTROLS: readonly (readonly [name: string, () => Promise<ControlPlace>])[] = [
  ['lmdb', lmdbPlace],
]
