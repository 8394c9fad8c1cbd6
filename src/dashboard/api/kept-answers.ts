/** The latest answers of some queries, so that Back paints at once. They go when somebody else signs in. */
import { session } from './session.js'

/** Of each kind. A view of the log has many batches of rows. */
const ANSWERS_MAX = 8
const BATCHES_MAX = 40

/** What a view of the log and of the overview consists of. */
export type KeptKind =
  | ('rows' | 'totals' | 'bars' | 'earlier' | 'rail')
  | ('chart' | 'top' | 'matrix' | 'before' | 'completenessBefore' | 'clients' | 'resources')
  | ('newPairs' | 'failures' | 'recent')

const kept = new Map<KeptKind, Map<string, unknown>>()
session.subscribe(() => kept.clear())

export function keepAnswer(kind: KeptKind, key: string, data: unknown): void {
  const answers = kept.get(kind) ?? new Map<string, unknown>()
  kept.set(kind, answers)
  answers.delete(key)
  answers.set(key, data)
  if (answers.size > (kind === 'rows' ? BATCHES_MAX : ANSWERS_MAX))
    answers.delete(answers.keys().next().value!)
}

export function keptAnswer(kind: KeptKind, key: string): unknown {
  return kept.get(kind)?.get(key)
}
