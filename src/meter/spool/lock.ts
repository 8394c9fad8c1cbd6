/** At most one meter uses a spool: flock(2) on DIR/lock. */
import { AppError } from '../../base/errors.js'
import { type FileLock, lockFile } from '../../base/file-lock.js'

export type DirectoryLock = FileLock

/** @throws AppError SPOOL_LOCKED */
export function lockDirectory(path: string, owner: string): DirectoryLock {
  return lockFile(
    path,
    owner,
    (holder) =>
      new AppError(
        'SPOOL_LOCKED',
        `the spool is in use by another meter${holder === '' ? '' : ` (${holder})`}: ${path}`,
        { hint: 'Stop that meter, or give this one a spool of its own: --spool DIR.' },
      ),
  )
}
