/** No counter without a case: the table of docs/accuracy.md against the cases, and against the names there are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OTHER_REASONS, type OtherReason } from '../../src/meter/capture/counters.js'
import {
  CONN_STATES,
  DIRECTION_BASES,
  END_REASON_NAMES,
  type EndReason,
} from '../../src/session/session.js'
import { OTHER_CASES, RULES } from './check.js'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/accuracy.md'), 'utf8')
const TABLE = PAGE.slice(PAGE.indexOf('| counter | case |'))
const rows = [...TABLE.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, name, of]) => [name!, of!])
const demandedBy = new Map(rows.map(([name, of]) => [name!, of!]))

test('the table names every reason of other traffic and every end reason, once', () => {
  expect(rows.map(([name]) => name)).toEqual([...OTHER_REASONS, ...END_REASON_NAMES])
})

test.each(OTHER_REASONS)('other traffic: %s', (reason: OtherReason) => {
  const demands = OTHER_CASES.filter((one) => one.reason === reason && one.bytes > 0)
  expect(demands.map(({ name }) => name)).toContain(demandedBy.get(reason))
})

test.each(END_REASON_NAMES)('end reason: %s', (reason: EndReason) => {
  const demands = RULES.filter(
    ({ records, ended = {} }) =>
      (ended[reason] ?? 0) > 0 && records.some(({ endReason }) => endReason === reason),
  )
  expect(demands.map(({ name }) => name)).toContain(demandedBy.get(reason))
})

test.each(CONN_STATES)('connection state: %s', (state) => {
  expect(RULES.some(({ records }) => records.some((r) => r.connState === state))).toBe(true)
})

test.each(DIRECTION_BASES)('direction basis: %s', (basis) => {
  expect(RULES.some(({ records }) => records.some((r) => r.directionBasis === basis))).toBe(true)
})

test('no two cases have one name', () => {
  const names = [...OTHER_CASES, ...RULES].map(({ name }) => name)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})
