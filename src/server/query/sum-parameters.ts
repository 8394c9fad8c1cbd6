/** Query parameters of the routes that answer with sums over sessions. */
import { z } from 'zod'
import { SUMMARY_GROUPS, SUMMARY_INTERVALS } from '../store/store.js'
import { d, filterParameters, wholeNumber } from './parameters.js'

export const summaryQuerySchema = z.strictObject({
  ...filterParameters,
  groupBy: z
    .enum(SUMMARY_GROUPS, { error: `expected one of ${SUMMARY_GROUPS.join(', ')}` })
    .optional(),
  interval: z
    .enum(SUMMARY_INTERVALS, { error: `expected one of ${SUMMARY_INTERVALS.join(', ')}` })
    .optional(),
  top: d(wholeNumber(10, 1, 1000), 'Groups shown; the rest is "other".'),
  by: d(
    z.enum(['bytes', 'sessions'], { error: 'expected bytes or sessions' }).default('bytes'),
    'The sum that decides which groups are shown.',
  ),
  across: d(
    z.enum(SUMMARY_GROUPS, { error: `expected one of ${SUMMARY_GROUPS.join(', ')}` }).optional(),
    'A second group: the answer has a matrix of groupBy and this one.',
  ),
  topAcross: d(wholeNumber(10, 1, 1000), 'Columns of the matrix; the rest is "other".'),
})

const by = d(
  z.enum(['bytes', 'sessions'], { error: 'expected bytes or sessions' }).default('bytes'),
  'What is compared.',
)
export const changesQuerySchema = z.strictObject({
  ...filterParameters,
  groupBy: z
    .enum(SUMMARY_GROUPS, { error: `expected one of ${SUMMARY_GROUPS.join(', ')}` })
    .default('client'),
  top: d(wholeNumber(5, 1, 100), 'Groups that grew, and groups that fell.'),
  by,
})

export const newPairsQuerySchema = z.strictObject({
  ...filterParameters,
  groupBy: z.enum(['client', 'user'], { error: 'expected client or user' }).default('client'),
  limit: d(wholeNumber(10, 1, 1000), 'Pairs at most, the newest.'),
})

export const BARS_MAX = 200
const OFFSET_MINUTES_MAX = 14 * 60
export const histogramQuerySchema = z.strictObject({
  ...filterParameters,
  bars: d(
    wholeNumber(60, 2, BARS_MAX),
    'The most bars. Each has a round width, from 1 second to 28 days.',
  ),
  utcOffset: d(
    z
      .string()
      .regex(/^[+-]?\d{1,3}$/, 'expected minutes, as in 60 or -300')
      .transform(Number)
      .refine(
        (n) => Math.abs(n) <= OFFSET_MINUTES_MAX,
        `expected minutes from -${OFFSET_MINUTES_MAX} to ${OFFSET_MINUTES_MAX}`,
      )
      .default(0),
    'Offset of the time zone from UTC in minutes: bars of days begin at its midnight.',
  ),
})

const month = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'expected a month as in 2026-11')
  .optional()
export const usageQuerySchema = z.strictObject({
  from: d(month, 'First month, UTC. Default: 11 months before `to`.'),
  to: d(month, 'Last month. Default: this one.'),
  groupBy: z.enum(['client', 'user', 'resource', 'site']).default('client'),
})
