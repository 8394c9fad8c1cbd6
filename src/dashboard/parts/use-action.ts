/** Runs the work that a click asks for: once at a time, and with the failure in words. */

import { useRef, useState } from 'preact/hooks'
import { messageOf } from '../../base/errors.js'

export interface Action {
  /** The failure of the last run; null: it succeeded, or one is under way. */
  readonly fault: string | null
  setFault(text: string | null): void
  /** Does nothing while a run is under way. */
  run(work: () => Promise<unknown>): Promise<void>
}

export function useAction(): Action {
  const [fault, setFault] = useState<string | null>(null)
  // Not a state: a second click can come before the next render, and would do the same twice.
  const busy = useRef(false)
  const run = async (work: () => Promise<unknown>) => {
    if (busy.current) return
    busy.current = true
    setFault(null)
    try {
      await work()
    } catch (error) {
      setFault(messageOf(error))
    }
    busy.current = false
  }
  return { fault, setFault, run }
}
