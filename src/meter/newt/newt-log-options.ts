/** Options of `tunmeter newt-log`. */
import { duration, type OptionValues, toggle } from '../../base/config.js'
import { SERVER_FLAGS } from '../ship/server-flags.js'

export const NEWT_LOG_OPTIONS = {
  ...SERVER_FLAGS,
  follow: toggle('Wait for more at the end of FILE, also when it is moved away or emptied'),
  drainTimeout: duration('At a signal, wait this long for the server', 10_000, {
    min: 0,
    max: 3_600_000,
  }),
} as const

export type NewtLogOptions = OptionValues<typeof NEWT_LOG_OPTIONS>
