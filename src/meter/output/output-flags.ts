/** Options of the local output (`--output…`). */
import {
  choice,
  duration,
  integer,
  type OptionValues,
  size,
  text,
  toggle,
} from '../../base/config.js'

export const OUTPUT_FLAGS = {
  output: text(
    'Write sessions as NDJSON here, beside --to or instead of it: - for standard output, a file, or a directory',
    '-|FILE|DIR',
  ),
  outputRotateSize: size('Close the file of --output before it is larger', 128 * 2 ** 20, {
    min: 2 ** 20,
    max: 2 ** 40,
  }),
  outputRotateEvery: duration(
    'Close the file of --output when it is so old; 0s: only by its size',
    86_400_000,
    { min: 0, max: 366 * 86_400_000 },
  ),
  outputKeep: integer(
    'Closed files of --output that stay; beyond it the oldest is removed, and said. 0: all stay',
    'N',
    0,
    { min: 0, max: 1_000_000 },
  ),
  outputPack: choice('How closed files of --output are packed', 'HOW', ['gzip', 'none'], 'gzip'),
  outputInterim: toggle(
    'Write open sessions to --output too, every --active-timeout, under the same session id',
  ),
} as const

export type OutputFlags = OptionValues<typeof OUTPUT_FLAGS>
