/** The width available to a table. */

export const TERMINAL_WIDTH_DEFAULT = 80
const WIDTH_MAX = 10_000

/**
 * COLUMNS where it is set, as git and ps take it; else the terminal's own width, and 80 of one that does not know it. A
 * file or a pipe has no width: nothing is cut for a program, or for a pager that scrolls sideways.
 */
export function terminalWidth(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: NodeJS.ProcessEnv,
): number {
  const given = /^\d{1,5}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : 0
  if (given > 0) return Math.min(given, WIDTH_MAX)
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY
  return stream.columns !== undefined && stream.columns > 0
    ? stream.columns
    : TERMINAL_WIDTH_DEFAULT
}
