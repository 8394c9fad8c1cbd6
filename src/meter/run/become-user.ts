/** Before a packet is read, and before the spool is made, so that it belongs to the user: root becomes somebody else. */
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import { dropPrivileges, findAccount, isRoot, unnamedAccount } from '../../base/privileges.js'
import { uapiSocketIsRoots } from '../wireguard/uapi-socket.js'
import { giveOutput, giveSpool } from './give-spool.js'

export interface UserChange {
  /** `--user` */
  readonly user: string | undefined
  /** Null: none is used. */
  readonly spoolDirectory: string | null
  /** The directory of `--output`, where it named one. */
  readonly outputDirectory: string | null
  readonly interfaces: readonly string[]
  readonly log: Logger
}

/** @throws AppError NO_USER, SPOOL_FOREIGN, SPOOL_UNUSABLE */
export function becomeUser({
  user: wanted,
  spoolDirectory,
  outputDirectory,
  interfaces,
  log,
}: UserChange): void {
  if (!isRoot()) {
    if (wanted !== undefined)
      log.warn({ user: wanted }, '--user is for a meter that is started as root')
    return
  }
  // Another user could not ask for the peers: every session would be nobody's.
  const rootsSocket = interfaces.find((name) => uapiSocketIsRoots(name))
  const user = wanted ?? (rootsSocket === undefined ? undefined : 'root')
  const named = findAccount(user ?? 'tunmeter')
  if (named === null && user !== undefined) {
    throw new AppError('NO_USER', `there is no user "${user}" in /etc/passwd`, {
      exitCode: EXIT.usage,
    })
  }
  const account = named ?? unnamedAccount()
  if (spoolDirectory !== null)
    prepare(spoolDirectory, '--spool', () => giveSpool(spoolDirectory, account))
  if (outputDirectory !== null)
    prepare(outputDirectory, '--output', () => giveOutput(outputDirectory, account))
  dropPrivileges(account)
  // After: as root the program has started anew, and says it once.
  if (named === null) log.warn({ becomes: account.name }, 'there is no user tunmeter')
  if (wanted === undefined && rootsSocket !== undefined)
    log.info(
      { interface: rootsSocket },
      'staying root, with two capabilities: the socket that tells the peers is for root alone',
    )
}

function prepare(path: string, option: string, give: () => void): void {
  try {
    give()
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError(
      'SPOOL_UNUSABLE',
      `cannot use the ${option.slice(2)} directory ${path}: ${messageOf(error)}`,
      { hint: `Give a directory that can be made and written: ${option} DIR.`, cause: error },
    )
  }
}
