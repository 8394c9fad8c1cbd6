/** The one thread is everybody's: long work on a list leaves others their turn after so many of it. */
import { setImmediate } from 'node:timers/promises'

export async function* inTurns<T>(list: readonly T[], atOnce: number): AsyncGenerator<[number, T]> {
  for (const [index, one] of list.entries()) {
    if (index > 0 && index % atOnce === 0) await setImmediate()
    yield [index, one]
  }
}
