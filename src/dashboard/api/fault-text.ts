import { messageOf } from '../../base/errors.js'
import type { OwnFault } from '../texts/en/faults.js'
import { faults } from '../texts/faults.js'
import { ApiError } from './client.js'

/** A failure in the page's language, by its code. */
export function faultText(error: unknown): string {
  if (!(error instanceof ApiError)) return messageOf(error)
  const { code, message, data } = error
  const { own, server } = faults()
  return Object.hasOwn(own, code) ? own[code as OwnFault](Number(data)) : server(code, message)
}
