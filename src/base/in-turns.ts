/** Walks a long list and yields to other work of this thread after every `atOnce` items. */
import { setImmediate } from 'node:timers/promises'

export async function* inTurns<T>(list: readonly T[], atOnce: number): AsyncGenerator<[number, T]> {
  for (const [index, one] of list.entries()) {
    if (index > 0 && index % atOnce === 0) await setImmediate()
    yield [index, one]
  }
}
