/** `tunmeter doctor` checks the spool: can the meter use it, and do its batches make progress? */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { messageOf } from '../base/errors.js'
import type { Account } from '../base/privileges.js'
import { humanBytes, humanCount } from '../meter/output/human.js'
import { isForeignSpool } from '../meter/run/give-spool.js'
import { type ListedBatch, SpoolInspector } from '../meter/spool/inspect.js'
import { type Finding, failure, finding } from './doctor-checks.js'

/** A batch is sent within seconds; one that waits longer than this has met something. */
const WAIT_MS_MAX = 5 * 60_000

/** `account`: who the meter becomes, which gets the directory from root; null when it stays who we are. */
export async function checkSpool(
  directory: string,
  account: Account | null,
  nowMs = Date.now(),
): Promise<Finding> {
  if (account !== null && !mayReach(account, directory))
    return finding(
      'spool',
      'failed',
      `${directory}: ${account.name}, who the meter becomes, may not enter a folder on the way to it`,
      'Choose another with --spool, or let that user through: chmod o+x.',
    )
  if (!existsSync(directory))
    return finding('spool', 'ok', `${directory} does not exist yet; the meter makes it`)
  try {
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    return finding(
      'spool',
      'failed',
      `${directory}: ${messageOf(error)}`,
      'Give it to the user that the meter runs as, or choose another with --spool.',
    )
  }
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

/** What is missing is made by root, and the directory itself is given away: the folders above must let through. */
function mayReach({ uid, gid }: Account, directory: string): boolean {
  let there = dirname(resolve(directory))
  while (!existsSync(there)) there = dirname(there)
  const options = { uid, gid, cwd: '/', env: {}, stdio: 'ignore' } as const
  const asked = spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', there], options)
  // An image without a shell: it cannot be asked.
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
        'tunmeter spool ls says why; when that is mended: tunmeter spool resend --all.',
      )
    const oldestMs = Math.min(...waiting.map(({ entry }) => entry.madeAtMs))
    if (nowMs - oldestMs <= WAIT_MS_MAX || waiting.length === 0)
      return finding('spool', 'ok', about)
    const minutes = Math.round((nowMs - oldestMs) / 60_000)
    return finding(
      'spool',
      'warning',
      `${about}; the oldest waits for ${minutes} minutes`,
      'Is the meter running, and does its log say why the server does not take them?',
    )
  } finally {
    await spool.close()
  }
}

function amount(batches: readonly ListedBatch[]): string {
  const bytes = batches.reduce((sum, { entry }) => sum + entry.bytes, 0)
  return `${humanCount(batches.length)} batches (${humanBytes(bytes)})`
}
