/** Root becomes an unprivileged user before the first packet is read and before the spool is made, so that the spool is the user's. */
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
  /** Null: none is used. */
  readonly spoolDirectory: string | null
  /** The directories that `--output` and `--ipfix` named. */
  readonly outputDirectories: readonly string[]
  readonly interfaces: readonly string[]
  /** Names and patterns that no interface has yet. */
  readonly awaited: readonly string[]
  readonly log: Logger
}

/** @throws AppError NO_USER, SPOOL_FOREIGN, SPOOL_UNUSABLE */
export function becomeUser(change: UserChange): void {
  const { user: wanted, spoolDirectory, outputDirectories, log } = change
  if (!isRoot()) {
    narrowOrdinaryUser()
    if (wanted !== undefined)
      log.warn({ user: wanted }, '--user is for a meter that is started as root')
    return
  }
  const { account, why, named } = accountOf(change)
  if (spoolDirectory !== null)
    prepare(spoolDirectory, '--spool', () => giveSpool(spoolDirectory, account))
  for (const directory of outputDirectories)
    prepare(directory, '--output', () => giveOutput(directory, account))
  dropPrivileges(account)
  // After: as root the program has started anew, and says it once.
  if (named === null) log.warn({ becomes: account.name }, 'there is no user tunmeter')
  if (why !== null) log.info(why, 'staying root, with two capabilities')
}

/** Who a meter becomes that is started as root. @throws AppError NO_USER */
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

/** Another user could not ask for the peers: every session would be nobody's. Null: there is none. */
function reasonToStayRoot({
  interfaces,
  awaited,
}: Pick<UserChange, 'interfaces' | 'awaited'>): Record<string, string> | null {
  const rootsSocket = interfaces.find((name) => uapiSocketIsRoots(name))
  if (rootsSocket !== undefined)
    return { interface: rootsSocket, reason: 'the socket that tells the peers is for root alone' }
  // A userspace WireGuard makes its socket when it starts, for root alone.
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
