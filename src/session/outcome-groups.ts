/** Four groups of outcomes that a chart can tell apart. Each session is in exactly one. */
import type { ConnState } from './session.js'

/** `open`: still open, whatever was seen so far; `closed`: all that is none of the others. */
export const OUTCOME_GROUPS = ['failed', 'reset', 'open', 'closed'] as const
export type OutcomeGroup = (typeof OUTCOME_GROUPS)[number]

export const OUTCOME_STATES = {
  /** Nothing was set up. */
  failed: ['S0', 'REJ', 'RSTOS0'],
  /** Set up, and then aborted by one of its ends. */
  reset: ['RSTO', 'RSTR', 'RSTRH'],
} as const satisfies Partial<Record<OutcomeGroup, readonly ConnState[]>>
