/** `tunmeter doctor` checks whether the meter can use the spool, and whether its batches make progress. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { messageOf } from '../base/errors.js'
import type { Account } from '../base/privileges.js'
import { plural } from '../base/quantity.js'
import { humanBytes } from '../meter/output/human.js'
import { isForeignSpool } from '../meter/run/give-spool.js'
import { type ListedBatch, SpoolInspector } from '../meter/spool/inspect.js'
import { type Finding, failure, finding } from './doctor-checks.js'

/** The meter sends a batch within seconds, so a longer wait has a cause. */
const WAIT_MS_MAX = 5 * 60_000

/** @param account the user that a meter changes to; root gives it the directory. Null: the meter stays this user. */
export async function checkSpool(
  directory: string,
  account: Account | null,
  nowMs = Date.now(),
): Promise<Finding> {
  if (account !== null && !mayReach(account, directory))
    return finding(
      'spool',
      'failed',
      `${directory}: the meter runs as ${account.name}, and this user may not enter a parent directory`,
      'Choose another with --spool, or open the parent directories to this user: chmod o+x.',
    )
  const isThere = existsSync(directory)
  try {
    accessSync(firstThere(directory), constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    return finding(
      'spool',
      'failed',
      `${directory}: ${messageOf(error)}`,
      'Give it to the user that the meter runs as, or choose another with --spool.',
    )
  }
  if (!isThere) return finding('spool', 'ok', `${directory} does not exist yet; the meter makes it`)
  if (account !== null && isForeignSpool(directory))
    return finding(
      'spool',
      'failed',
      `${directory} holds other files and no spool: the meter refuses it`,
      'Give an empty directory, or one that does not exist yet: --spool DIR.',
    )
  if (!existsSync(`${directory}/data.mdb`)) return finding('spool', 'ok', `${directory}, empty`)
  try {
    return await examine(directory, nowMs)
  } catch (error) {
    return failure('spool', error)
  }
}

/** Root creates missing directories and gives the last one to the user, who must be able to enter those above it. */
function mayReach({ uid, gid }: Account, directory: string): boolean {
  let there = dirname(resolve(directory))
  while (!existsSync(there)) there = dirname(there)
  const options = { uid, gid, cwd: '/', env: {}, stdio: 'ignore' } as const
  const asked = spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', there], options)
  // An image without a shell cannot answer, which is no fault.
  return asked.error !== undefined || asked.status === 0
}

async function examine(directory: string, nowMs: number): Promise<Finding> {
  const spool = SpoolInspector.open(directory)
  try {
    const [waiting, refused] = [spool.waiting(), spool.quarantined()]
    const about = `${directory}: ${amount(waiting)} waiting, ${amount(refused)} refused by the server`
    if (refused.length > 0)
      return finding(
        'spool',
        'warning',
        about,
        'tunmeter spool ls shows the reasons; after a fix: tunmeter spool resend --all.',
      )
    const oldestMs = Math.min(...waiting.map(({ entry }) => entry.madeAtMs))
    if (nowMs - oldestMs <= WAIT_MS_MAX || waiting.length === 0)
      return finding('spool', 'ok', about)
    const minutes = Math.round((nowMs - oldestMs) / 60_000)
    return finding(
      'spool',
      'warning',
      `${about}; the oldest waits for ${plural(minutes, 'minute')}`,
      'Is the meter running, and does its log say why the server does not take them?',
    )
  } finally {
    await spool.close()
  }
}

function amount(batches: readonly ListedBatch[]): string {
  const bytes = batches.reduce((sum, { entry }) => sum + entry.bytes, 0)
  return `${plural(batches.length, 'batch', 'batches')} (${humanBytes(bytes)})`
}

/** It, or the folder in which it would be made. */
function firstThere(path: string): string {
  let at = resolve(path)
  while (!existsSync(at)) at = dirname(at)
  return at
}
