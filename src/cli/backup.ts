/**
 * `tunmeter backup`: copies a data directory consistently, with or without a running server.
 *
 * A running server holds the database's lock, so it makes the copy itself. The command asks it with a root key that is
 * valid for one minute. That grants nothing new: anyone who can write the data directory can create keys.
 */

import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { requiredText, textOr } from '../base/config.js'
import { say } from '../base/context.js'
import { AppError, EXIT } from '../base/errors.js'
import { ownerOnly } from '../base/owner-only.js'
import { closeDirectory } from '../base/private-files.js'
import { OPERATOR_TRAIL } from '../server/control/audit-event.js'
import { LmdbControl } from '../server/control/lmdb/lmdb-control.js'
import { readLogged } from '../server/ingest/logged.js'
import { moveBackup, writeBackup } from '../server/store/backup.js'
import { openStore } from '../server/store/open.js'
import { ApiClient } from './api-client.js'
import { auditHere } from './audit-here.js'
import { defineCommand } from './command.js'

const KEY_MS = 60_000
const MEMORY_BYTES = 256 * 2 ** 20

interface Running {
  readonly url: string
  readonly pid: number
  /** Of its certificate, because its name can be any. */
  readonly fingerprint?: string
}

/** The server that runs on this directory; undefined when none does. */
function runningServer(data: string): Running | undefined {
  try {
    const running = JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')) as Running
    process.kill(running.pid, 0)
    return running
  } catch {
    return undefined
  }
}

async function byServer(running: Running, data: string, target: string): Promise<void> {
  const control = new LmdbControl(data)
  try {
    const expiresAt = new Date(Date.now() + KEY_MS).toISOString()
    const { key, record } = await control.createKey({
      scope: 'root',
      orgId: null,
      siteId: null,
      name: 'backup',
      expiresAt,
    })
    const { keyId, scope, siteId, name } = record
    try {
      const facts = { keyId, made: scope, siteId, name, expiresAt, output: target }
      await auditHere(control, 'keyCreated', OPERATOR_TRAIL, facts)
      const { directory } = await new ApiClient(running.url, key, running).send<{
        directory: string
      }>('POST', '/api/v1/backup')
      // The server's answer is relative to its working directory, so only the last part is used.
      const made = join(data, 'backups', basename(directory))
      if (!existsSync(made)) throw noCopy(running, made)
      await moveBackup(made, target)
    } finally {
      await control.revokeKey(keyId)
      await auditHere(control, 'keyRevoked', OPERATOR_TRAIL, { keyId, name, output: target })
    }
  } finally {
    await control.close()
  }
}

function noCopy({ url }: Running, made: string): AppError {
  return new AppError('NO_COPY', `the server at ${url} answered, and there is no copy at ${made}`, {
    hint: 'Another program may answer there, or a server with another --data directory. Stop it, and remove server.json.',
  })
}

async function byItself(data: string, target: string): Promise<void> {
  const store = await openStore({
    directory: data,
    memoryBytes: MEMORY_BYTES,
    threads: 2,
    readLogged,
  })
  const control = new LmdbControl(data)
  try {
    await writeBackup({ store, control }, target)
    await auditHere(control, 'backupMade', OPERATOR_TRAIL, { output: target })
  } finally {
    await control.close()
    await store.close()
  }
}

export const backupCommand = defineCommand({
  name: 'backup',
  summary: 'Copy a data directory consistently, with or without a running server.',
  options: {
    data: textOr("The server's data directory.", 'DIR', './data'),
    output: requiredText('New directory for the copy; use it as --data to restore.', 'DIR'),
  },
  run: async (_args, options, context) => {
    ownerOnly()
    const { data, output } = options
    if (!existsSync(join(data, 'sessions.duckdb'))) {
      throw new AppError('NO_DATA', `${data} holds no database`, {
        hint: 'Give the server’s --data directory.',
        exitCode: EXIT.usage,
      })
    }
    if (existsSync(output))
      throw new AppError('EXISTS', `${output} exists already`, {
        hint: 'Name a new directory.',
        exitCode: EXIT.usage,
      })
    closeDirectory(data)
    const running = runningServer(data)
    if (running === undefined) await byItself(data, output)
    else await byServer(running, data, output)
    say(context, `backup written to ${output}`)
    return EXIT.ok
  },
})
