/** Options of the flow engine for `replay` and `meter`. */

import { duration, integer, type OptionValues } from '../../base/config.js'
import { ENGINE_DEFAULTS, type EngineOptions } from './engine-options.js'

const TIMEOUT = { min: 1, max: 30 * 86_400_000 }
const { timeouts } = ENGINE_DEFAULTS

export const ENGINE_FLAGS = {
  tcpHandshakeTimeout: duration(
    'End a TCP session without an answer after this long',
    timeouts.handshakeMs,
    TIMEOUT,
  ),
  tcpTimeout: duration(
    'End an established TCP session without a packet after this long (RFC 5382)',
    timeouts.establishedMs,
    TIMEOUT,
  ),
  tcpHalfClosedTimeout: duration(
    'End a TCP session that one side has closed after this long without a packet',
    timeouts.halfClosedMs,
    TIMEOUT,
  ),
  udpTimeout: duration(
    'End a UDP session after this long without a packet',
    timeouts.udpMs,
    TIMEOUT,
  ),
  linger: duration(
    'Count late packets into a closed TCP session for this long',
    ENGINE_DEFAULTS.lingerMs,
    { min: 0, max: 60_000 },
  ),
  flowsMax: integer(
    'Open sessions at most; a further one ends the session that was idle longest',
    'N',
    ENGINE_DEFAULTS.flowsMax,
    { min: 1, max: 64 * 1024 * 1024 },
  ),
} as const

export type EngineFlags = OptionValues<typeof ENGINE_FLAGS>

export function engineOptions(
  flags: EngineFlags,
): Pick<EngineOptions, 'timeouts' | 'lingerMs' | 'flowsMax'> {
  return {
    timeouts: {
      handshakeMs: flags.tcpHandshakeTimeout,
      establishedMs: flags.tcpTimeout,
      halfClosedMs: flags.tcpHalfClosedTimeout,
      udpMs: flags.udpTimeout,
    },
    lingerMs: flags.linger,
    flowsMax: flags.flowsMax,
  }
}
