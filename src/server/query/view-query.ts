/**
 * What a saved view shows, written as the query of the dashboard's address: filters under the API's names, `range` or
 * two times, `sort`. It is checked when it is saved, so that an alert on it can always be evaluated.
 */
import { z } from 'zod'
import { parseWith } from '../../base/faults.js'
import type { LogFilter } from '../store/store.js'
import { filterOf, filterParameters, logQuerySchema } from './parameters.js'

export const VIEW_QUERY_CHARACTERS_MAX = 2000

const { sessionId: _, ...filters } = filterParameters
const viewSchema = z.strictObject({
  ...filters,
  sort: logQuerySchema.shape.sort,
  range: z
    .string()
    .regex(/^[a-z0-9]{1,16}$/, 'expected a preset, as in 24h or today')
    .optional(),
})

function parse(text: string): ReturnType<typeof parseWith<typeof viewSchema>> {
  const values: Record<string, string | string[]> = {}
  const params = new URLSearchParams(text)
  for (const name of new Set(params.keys())) {
    const all = params.getAll(name)
    values[name] = all.length === 1 ? all[0]! : all
  }
  return parseWith(viewSchema, values, 'query')
}

export const viewQuery = z
  .string()
  .max(VIEW_QUERY_CHARACTERS_MAX, `expected at most ${VIEW_QUERY_CHARACTERS_MAX} characters`)
  .transform((text) => text.replace(/^\?/, ''))
  .superRefine((text, context) => {
    for (const message of parse(text).faults) context.addIssue({ code: 'custom', message })
  })
  .meta({
    description:
      'Filters of the log as in an address, `clientId=7&q=port:ssh`, with `range` or `timeStart` and `timeEnd`, and `sort`.',
  })

/** The sessions of these filters that began in the range, whatever the view's own times are. */
export function filterOfView(query: string, fromMs: number, toMs: number): LogFilter {
  const { timeStart: _start, timeEnd: _end, ...own } = parse(query).data!
  return filterOf({ ...own, timeStart: fromMs, timeEnd: toMs }, toMs)
}
