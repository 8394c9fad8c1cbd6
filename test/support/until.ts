/** Waits for a condition that another part of the program makes true; the test's own time-out ends it. */
import { setTimeout as sleep } from 'node:timers/promises'

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5)
}
