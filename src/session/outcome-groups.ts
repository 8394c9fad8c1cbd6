/** Four groups of outcomes for charts. Each session is in exactly one. */
import type { ConnState } from './session.js'

/** `open`: still open, with any state so far. `closed`: all sessions outside the other groups. */
export const OUTCOME_GROUPS = ['failed', 'reset', 'open', 'closed'] as const
export type OutcomeGroup = (typeof OUTCOME_GROUPS)[number]

export const OUTCOME_STATES = {
  /** No connection was set up. */
  failed: ['S0', 'REJ', 'RSTOS0'],
  /** Set up, then aborted by one end. */
  reset: ['RSTO', 'RSTR', 'RSTRH'],
} as const satisfies Partial<Record<OutcomeGroup, readonly ConnState[]>>
