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
  outputRotateSize: size('Close the file of --output before it exceeds this size', 128 * 2 ** 20, {
    min: 2 ** 20,
    max: 2 ** 40,
  }),
  outputRotateEvery: duration(
    'Close the file of --output after this time; 0s: only by its size',
    86_400_000,
    { min: 0, max: 366 * 86_400_000 },
  ),
  outputKeep: integer(
    'Keep this many closed files of --output; beyond it the oldest is deleted, with a log line. 0: keep all',
    'N',
    0,
    { min: 0, max: 1_000_000 },
  ),
  outputPack: choice('Compression of closed files of --output', 'HOW', ['gzip', 'none'], 'gzip'),
  outputInterim: toggle(
    'Write open sessions to --output too, every --active-timeout, under the same session id',
  ),
} as const

export type OutputFlags = OptionValues<typeof OUTPUT_FLAGS>
