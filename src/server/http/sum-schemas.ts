/** Schemas of answers that are sums over sessions. */
import { z } from 'zod'
import { sum } from './schemas.js'

const int = z.int()
const totals = {
  sessions: int,
  connections: sum,
  bytesTx: sum,
  bytesRx: sum,
  packetsTx: sum,
  packetsRx: sum,
}
const numbers = z.array(z.number())
const groupsSchema = z.array(
  z.object({
    id: z.string().nullable(),
    name: z.string().nullable(),
    other: z.boolean(),
    ...totals,
  }),
)

export const summarySchema = z.object({
  totals: z.object({
    ...totals,
    open: int,
    refused: int.meta({ description: 'connState REJ.' }),
    unanswered: int.meta({ description: 'connState S0.' }),
  }),
  groups: groupsSchema,
  times: z
    .array(z.string())
    .meta({ description: 'Start of each interval, UTC; none is left out.' }),
  series: z
    .array(
      z.object({
        id: z.string().nullable(),
        other: z.boolean(),
        sessions: numbers,
        bytesTx: numbers,
        bytesRx: numbers,
      }),
    )
    .meta({
      description:
        'For each group, one value for each interval. A session counts in the interval of its start.',
    }),
  matrix: z
    .object({
      rows: groupsSchema,
      columns: groupsSchema,
      cells: z.array(z.object({ row: int, column: int, ...totals })),
    })
    .optional()
    .meta({
      description:
        'With `across`: totals of each pair of groups that has sessions. `row` and `column` count from 0.',
    }),
})

const namedTotals = z.object({ id: z.string().nullable(), name: z.string().nullable() })
const changed = z.array(namedTotals.extend({ now: z.object(totals), before: z.object(totals) }))
export const changesSchema = z.object({
  before: z.object({ from: z.string(), to: z.string() }),
  grown: changed.meta({ description: 'The largest growth first.' }),
  fallen: changed.meta({ description: 'The largest fall first.' }),
})

export const newPairsSchema = z.object({
  storedSince: z.string().nullable().meta({
    description: 'Start of the oldest stored session. What was before it is unknown.',
  }),
  total: int,
  pairs: z
    .array(
      z.object({
        id: z.string(),
        name: z.string().nullable(),
        acrossId: z.string(),
        acrossName: z.string().nullable(),
        firstTime: z.string(),
        ...totals,
      }),
    )
    .meta({ description: 'The newest first.' }),
})

const bars = z.object({ sessions: numbers, bytes: numbers })
export const histogramSchema = z.object({
  from: z.string().meta({ description: 'Start of the first bar: at or before timeStart.' }),
  barSeconds: int,
  bars: int.meta({ description: 'Number of bars: the length of each list.' }),
  outcomes: z.object({
    failed: bars.meta({ description: 'connState S0, REJ, RSTOS0.' }),
    reset: bars.meta({ description: 'connState RSTO, RSTR, RSTRH.' }),
    open: bars.meta({ description: 'Sessions that are open now, with any connState.' }),
    closed: bars.meta({ description: 'All others.' }),
  }),
})

export const usageSchema = z.object({
  from: z.string(),
  to: z.string(),
  usage: z.array(
    z.object({
      month: z.string(),
      id: z.string().nullable(),
      name: z.string().nullable(),
      ...totals,
    }),
  ),
})
