/** What somebody asks for by a click: done once, however often it is clicked, and its failure in words. */

import { useRef, useState } from 'preact/hooks'
import { messageOf } from '../../base/errors.js'

export interface Action {
  /** Of the last try; null: it went well, or is under way. */
  readonly fault: string | null
  setFault(text: string | null): void
  /** While it is under way, another one is not begun. */
  run(work: () => Promise<unknown>): Promise<void>
}

export function useAction(): Action {
  const [fault, setFault] = useState<string | null>(null)
  // Not a state: a second click can come before one is drawn, and would do the same twice.
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
