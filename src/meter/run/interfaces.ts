/** Selects the interfaces of a meter by names and patterns. */
import { AppError, EXIT } from '../../base/errors.js'
import { EVERY_INTERFACE } from '../capture/links.js'

/** Bounded because each interface has an engine and a thread of its own. */
export const INTERFACES_MAX = 64

export function isPattern(name: string): boolean {
  return /[*?]/.test(name)
}

/** `*` matches any characters, `?` one. */
export function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(name)
}

/**
 * The wanted interfaces that exist, at most INTERFACES_MAX.
 * @throws AppError INTERFACE_IMPOSSIBLE; INTERFACE_MISSING when a plain name does not exist and `wait` is false
 */
export function chooseInterfaces(
  wanted: readonly string[],
  present: readonly string[],
  wait: boolean,
): string[] {
  const there = [...present, EVERY_INTERFACE]
  const missing = wanted.filter((w) => !isPattern(w) && !there.includes(w))
  const impossible = missing.find((name) => !isPossible(name))
  if (impossible !== undefined) {
    throw new AppError('INTERFACE_IMPOSSIBLE', `no interface can have the name "${impossible}"`, {
      hint: 'A name has 1 to 15 bytes, and neither spaces nor / or :.',
      exitCode: EXIT.usage,
    })
  }
  if (missing.length > 0 && !wait) {
    throw new AppError(
      'INTERFACE_MISSING',
      `there is no interface ${missing.map((m) => `"${m}"`).join(', ')}; there are: ${present.join(', ')} (and ${EVERY_INTERFACE})`,
      { hint: 'Choose one of them, or let the meter wait for it: --wait-for-interface.' },
    )
  }
  const chosen = wanted.flatMap((w) =>
    isPattern(w) ? present.filter((p) => matches(w, p)) : there.filter((p) => p === w),
  )
  return [...new Set(chosen)].slice(0, INTERFACES_MAX)
}

/** The kernel's rule (dev_valid_name), because the meter would wait for any other name in vain. */
function isPossible(name: string): boolean {
  const bytes = Buffer.byteLength(name)
  return bytes > 0 && bytes < 16 && !/^\.\.?$|[/:\s\0]/.test(name)
}

/** The names and patterns that match no interface. */
export function missingInterfaces(wanted: readonly string[], present: readonly string[]): string[] {
  return wanted.filter((w) => !present.some((p) => (isPattern(w) ? matches(w, p) : w === p)))
}
