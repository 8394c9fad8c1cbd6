/** What both ways to sessions can be told. */
import { AppError, EXIT } from '../base/errors.js'
import {
  ENGINE_DEFAULTS,
  type EngineOptions,
  type Timeouts,
} from '../meter/capture/engine-options.js'

/** Absent: as the commands' defaults are. Times in milliseconds. */
export interface Settings {
  /** Names and owners of clients and resources: path of a JSON or YAML file. */
  readonly catalog?: string
  /** When a session without a packet has ended. */
  readonly timeouts?: Partial<Timeouts>
  /** How long a closed TCP session takes late packets. */
  readonly lingerMs?: number
  /** Open sessions at most; a further one ends the session that was idle longest. */
  readonly flowsMax?: number
  /** Open sessions are given, too, this often and under the same sessionId; 0 or absent: only when they end. */
  readonly activeTimeoutMs?: number
}

export function engineOf(settings: Settings): Omit<EngineOptions, 'earlyReport' | 'fragmentsMax'> {
  const { timeouts, lingerMs, flowsMax, activeTimeoutMs = 0 } = settings
  return {
    timeouts: { ...ENGINE_DEFAULTS.timeouts, ...timeouts },
    lingerMs: lingerMs ?? ENGINE_DEFAULTS.lingerMs,
    flowsMax: flowsMax ?? ENGINE_DEFAULTS.flowsMax,
    activeTimeoutMs,
    records: 'all',
  }
}

/** A slip in a name would be a setting that nobody hears of. @throws AppError BAD_OPTIONS */
export function refuseUnknown(settings: object, known: readonly string[]): void {
  const all = [...known, 'catalog', 'timeouts', 'lingerMs', 'flowsMax', 'activeTimeoutMs']
  const unknown = Object.keys(settings).filter((name) => !all.includes(name))
  if (unknown.length === 0) return
  throw new AppError('BAD_OPTIONS', `there is no setting ${unknown.join(', ')}`, {
    hint: `There are ${all.join(', ')}.`,
    exitCode: EXIT.usage,
  })
}
