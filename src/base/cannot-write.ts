/** Failures of a file that the user named for output. */
import { AppError, messageOf } from './errors.js'

export function cannotWrite(path: string, cause: unknown): AppError {
  return new AppError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(cause)}`, { cause })
}

/** Does a part of the writing. @throws AppError OUTPUT_FAILED, whatever `work` throws */
export function writing<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw cannotWrite(path, error)
  }
}
