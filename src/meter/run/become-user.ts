/**
 * A meter started as root becomes an unprivileged user before it reads a packet and before it writes the spool, because
 * the spool must belong to that user.
 */
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import {
  dropPrivileges,
  findAccount,
  isRoot,
  mayChangeUser,
  narrowOrdinaryUser,
  ROOT,
  unnamedAccount,
} from '../../base/privileges.js'
import { uapiSocketIsRoots } from '../wireguard/uapi-socket.js'
import { giveOutput, giveSpool } from './give-spool.js'

export interface UserChange {
  /** `--user` */
  readonly user: string | undefined
  /** Null without --to. */
  readonly spoolDirectory: string | null
  /** The directories given with `--output` and `--ipfix`. */
  readonly outputDirectories: readonly { readonly option: string; readonly path: string }[]
  readonly interfaces: readonly string[]
  /** Names and patterns that match no interface yet. */
  readonly awaited: readonly string[]
  readonly log: Logger
}

/** @throws AppError NO_USER, SPOOL_FOREIGN, SPOOL_UNUSABLE */
export function becomeUser(change: UserChange): void {
  const { user: wanted, spoolDirectory, outputDirectories, log } = change
  if (!isRoot()) {
    narrowOrdinaryUser()
    if (wanted !== undefined)
      log.warn({ user: wanted }, '--user has no effect, because the meter was not started as root')
    return
  }
  const { account, why, named } = accountOf(change)
  if (spoolDirectory !== null)
    prepare(spoolDirectory, '--spool', () => giveSpool(spoolDirectory, account))
  for (const { option, path } of outputDirectories)
    prepare(path, option, () => giveOutput(path, option, account))
  dropPrivileges(account)
  // Logged only now, because dropPrivileges() may restart the program, which would log it twice.
  if (named === null) log.warn({ becomes: account.name }, 'there is no user tunmeter')
  if (why !== null) log.info(why, 'staying root, with two capabilities')
}

/** The account that a meter started as root becomes. @throws AppError NO_USER */
export function accountOf(change: Pick<UserChange, 'user' | 'interfaces' | 'awaited'>) {
  const { user: wanted } = change
  const why = wanted === undefined ? reasonToStayRoot(change) : null
  const named = why !== null ? ROOT : findAccount(wanted ?? 'tunmeter')
  if (named === null && wanted !== undefined) {
    throw new AppError('NO_USER', `there is no user "${wanted}" in /etc/passwd`, {
      exitCode: EXIT.usage,
    })
  }
  return { account: named ?? unnamedAccount(), why, named }
}

/**
 * The meter stays root if only root can read the peers, because otherwise no session would have a client, and if it may
 * not change its user. Null: no reason.
 */
function reasonToStayRoot({
  interfaces,
  awaited,
}: Pick<UserChange, 'interfaces' | 'awaited'>): Record<string, string> | null {
  const rootsSocket = interfaces.find((name) => uapiSocketIsRoots(name))
  if (rootsSocket !== undefined)
    return { interface: rootsSocket, reason: 'the socket that tells the peers is for root alone' }
  // The interface may become a userspace WireGuard, whose socket is for root alone.
  const [first] = awaited
  if (first !== undefined)
    return { interface: first, reason: 'it is not there yet, and only root may ask some for peers' }
  return mayChangeUser() ? null : { reason: 'there is no right to become another user' }
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
