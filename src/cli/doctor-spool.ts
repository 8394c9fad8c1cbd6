/** What `tunmeter doctor` finds in the spool: can it be used, and does what is in it get on? */
import { accessSync, constants, existsSync } from 'node:fs'
import { messageOf } from '../base/errors.js'
import { humanBytes, humanCount } from '../meter/output/human.js'
import { type ListedBatch, SpoolInspector } from '../meter/spool/inspect.js'
import { type Finding, failure, finding } from './doctor-checks.js'

/** A batch is sent within seconds; one that waits longer than this has met something. */
const WAIT_MS_MAX = 5 * 60_000

export async function checkSpool(directory: string, nowMs = Date.now()): Promise<Finding> {
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
  if (!existsSync(`${directory}/data.mdb`)) return finding('spool', 'ok', `${directory}, empty`)
  try {
    return await examine(directory, nowMs)
  } catch (error) {
    return failure('spool', error)
  }
}

async function examine(directory: string, nowMs: number): Promise<Finding> {
  const spool = SpoolInspector.open(directory)
  try {
    const [waiting, aside] = [spool.waiting(), spool.setAside()]
    const about = `${directory}: ${amount(waiting)} waiting, ${amount(aside)} refused by the server`
    if (aside.length > 0)
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
