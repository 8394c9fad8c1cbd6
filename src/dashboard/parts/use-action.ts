/** Runs the work of a click, one run at a time, and keeps its failure as text. */

import { useRef, useState } from 'preact/hooks'
import { faultText } from '../api/fault-text.js'

export interface Action {
  /** The failure of the last run; null: it succeeded, or one is under way. */
  readonly fault: string | null
  setFault(text: string | null): void
  /** Does nothing while a run is under way. */
  run(work: () => Promise<unknown>): Promise<void>
}

export function useAction(): Action {
  const [fault, setFault] = useState<string | null>(null)
  // No state, because a second click can come before the next render and would run the work twice.
  const busy = useRef(false)
  const run = async (work: () => Promise<unknown>) => {
    if (busy.current) return
    busy.current = true
    setFault(null)
    try {
      await work()
    } catch (error) {
      setFault(faultText(error))
    }
    busy.current = false
  }
  return { fault, setFault, run }
}
