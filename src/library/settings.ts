/** The settings of both replay() and openMeter(). */
import { AppError, EXIT } from '../base/errors.js'
import {
  ENGINE_DEFAULTS,
  type EngineOptions,
  type Timeouts,
} from '../meter/capture/engine-options.js'

/** Absent settings have the commands' defaults. Times are in milliseconds. */
export interface Settings {
  /** Names and owners of clients and resources: path of a JSON or YAML file. */
  readonly catalog?: string
  /** Idle time after which a session ends. */
  readonly timeouts?: Partial<Timeouts>
  /** Time in which a closed TCP session counts late packets. */
  readonly lingerMs?: number
  /** The most open sessions; a further one ends the session that was idle longest. */
  readonly flowsMax?: number
  /** Interval of interim reports of open sessions, under the same sessionId. 0 or absent: none. */
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

/**
 * Refuses unknown settings, because a misspelt one would have no effect.
 * @throws AppError BAD_OPTIONS
 */
export function refuseUnknown(settings: object, known: readonly string[]): void {
  const all = [...known, 'catalog', 'timeouts', 'lingerMs', 'flowsMax', 'activeTimeoutMs']
  const unknown = Object.keys(settings).filter((name) => !all.includes(name))
  if (unknown.length === 0) return
  throw new AppError('BAD_OPTIONS', `there is no setting ${unknown.join(', ')}`, {
    hint: `There are ${all.join(', ')}.`,
    exitCode: EXIT.usage,
  })
}
