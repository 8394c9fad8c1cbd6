/** The width available to a table. */

export const TERMINAL_WIDTH_DEFAULT = 80
const WIDTH_MAX = 10_000

/**
 * COLUMNS if it is set, as for git and ps; else the terminal's own width, or 80 if it is unknown. A
 * file or a pipe has no width: nothing is cut for a program, or for a pager that scrolls sideways.
 */
export function terminalWidth(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: NodeJS.ProcessEnv,
): number {
  const columns = /^\d{1,5}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : 0
  if (columns > 0) return Math.min(columns, WIDTH_MAX)
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY
  return stream.columns !== undefined && stream.columns > 0
    ? stream.columns
    : TERMINAL_WIDTH_DEFAULT
}
