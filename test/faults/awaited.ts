/** Waits for what a scenario needs to go on, for longer than a busy machine takes, and then says what did not come. */
import { until } from '../support/lab.js'

const PATIENCE_MS = 300_000

export async function awaited(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  await until(what, condition, PATIENCE_MS)
}
