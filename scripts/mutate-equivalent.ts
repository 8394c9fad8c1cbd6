/** Mutants of scripts/mutate.ts that are the same program, each with the reason. */

export interface Equivalent {
  readonly file: string
  /** The line of code, and the token in it that was changed. */
  readonly code: string
  readonly from: string
  readonly why: string
}

export const EQUIVALENT: readonly Equivalent[] = []
